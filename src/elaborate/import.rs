//! `use`: names of other modules.

use std::rc::Rc;

use super::scope::{BindKind, Scope, did_you_mean};
use super::value::{RecordKind, Value};
use super::{Elaborator, Halt, ModulePath, Result};
use crate::bail;
use crate::syntax::ast::{Use, UseNames, UsePath};

impl Elaborator {
    pub(super) fn import(&mut self, import: &Use, scope: &Rc<Scope>) -> Result<()> {
        let (path, span, word) = match &import.path {
            UsePath::File(ident) => (ModulePath::File(ident.name.clone()), ident.span, ident.name.to_string()),
            UsePath::Std(words) => match words.as_slice() {
                [std, module] if &*std.name == "std" => {
                    (ModulePath::Std(module.name.clone()), module.span, format!("std.{}", module.name))
                }
                [first, ..] => bail!(E0206, first.span, "modules are named `std.…` or by a file in quotes";
                                     help: "`use \"./{}.nn\"`", first.name),
                [] => return Ok(()),
            },
        };
        let module = self.with_host(|host, elaborator| host.module(elaborator, &path, span))?;
        match &import.names {
            UseNames::List(names) => {
                for ident in names {
                    let value = match module.own(&ident.name) {
                        Some(_) if ident.name.starts_with('_') => {
                            bail!(E0206, ident.span, "`{}` is private to {}", ident.name, word)
                        }
                        Some(binding) => binding.value,
                        None => {
                            let known = module.own_bindings();
                            let mut diagnostic =
                                crate::diagnostic!(E0206, ident.span, "{} has no `{}`", word, ident.name);
                            let public = known.iter().map(|binding| &*binding.name);
                            if let Some(meant) = did_you_mean(&ident.name, public) {
                                *diagnostic = diagnostic.with_help(format!("did you mean `{meant}`?"));
                            }
                            return Err(diagnostic.into());
                        }
                    };
                    if matches!(value, Value::Poisoned) {
                        return Err(Halt::Reported);
                    }
                    scope.bind(ident.name.clone(), value, Some(ident.span), BindKind::Let);
                }
            }
            UseNames::Module(name) => {
                let own = word.trim_end_matches(".nn").rsplit(['/', '.']).next().unwrap_or(&word).to_string();
                let (name, at) = match name {
                    Some(ident) => (ident.name.clone(), ident.span),
                    None => (own.as_str().into(), span),
                };
                let public = module.own_bindings().into_iter().filter(|binding| !binding.name.starts_with('_'));
                let fields = public.map(|binding| (binding.name, binding.value)).collect();
                scope.bind(name.clone(), Value::record(RecordKind::Module(name), fields), Some(at), BindKind::Let);
            }
        }
        Ok(())
    }
}
