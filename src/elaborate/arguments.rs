//! Arguments: what was given, put into the slots of the parameters.

use super::call::Given;
use super::scope::did_you_mean;
use super::value::Value;
use super::{Elaborator, Halt, Result};
use crate::bail;
use crate::source::Span;
use crate::syntax::ast::{Ident, Param};

impl Elaborator {
    /// Puts what was given into the slots of a built-in function's parameters.
    pub(super) fn match_builtin(
        &mut self,
        builtin: &'static super::Builtin,
        given: Vec<Given>,
        span: Span,
    ) -> Result<Vec<Option<Given>>> {
        let params = builtin.params();
        let mut slots: Vec<Option<Given>> = vec![None; params.len()];
        let mut next = 0;
        for arg in given {
            if matches!(arg.value, Value::Poisoned) {
                return Err(Halt::Reported);
            }
            let slot = match &arg.name {
                Some(name) => match params.iter().position(|param| param.name == &*name.name) {
                    Some(slot) => slot,
                    None => return Err(unknown_argument(builtin.name, name, params.iter().map(|param| param.name))),
                },
                None => {
                    let n_positional = params.iter().filter(|param| !param.keyword_only).count();
                    if next >= n_positional {
                        let mut diagnostic = crate::diagnostic!(E0204, span, "`{}` takes {} positional argument{}, more are given", builtin.name, n_positional,
                              if n_positional == 1 { "" } else { "s" }; label: arg.span, "this one is too many";
                              help: "it is `{}({})`", builtin.name, builtin.signature);
                        if n_positional == 1 && params[0].name == "shape" {
                            let help = format!("a shape of several sizes is one argument: `{}((2, 3))`", builtin.name);
                            *diagnostic = diagnostic.with_help(help);
                        }
                        if let Some(named) = params.iter().find(|param| param.keyword_only) {
                            let help = format!("what stands behind `*` is named: `{} = …`", named.name);
                            *diagnostic = diagnostic.with_help(help);
                        }
                        return Err(diagnostic.into());
                    }
                    next += 1;
                    next - 1
                }
            };
            if slots[slot].is_some() {
                bail!(E0204, arg.span, "`{}` is given twice", params[slot].name)
            }
            slots[slot] = Some(arg);
        }
        for (param, slot) in params.iter().zip(&slots) {
            if param.required && slot.is_none() {
                bail!(E0204, span, "`{}` needs the argument `{}`", builtin.name, param.name;
                      help: "it is `{}({})`", builtin.name, builtin.signature)
            }
        }
        Ok(slots)
    }
}

/// Puts what was given into the slots of the parameters.
pub(super) fn match_arguments(
    params: &[Param],
    given: Vec<Given>,
    of: &str,
    span: Span,
    def: Option<Span>,
) -> Result<Vec<Option<Given>>> {
    let mut slots: Vec<Option<Given>> = vec![None; params.len()];
    let mut next = 0;
    let n_given = given.len();
    for arg in given {
        if matches!(arg.value, Value::Poisoned) {
            return Err(Halt::Reported);
        }
        let slot = match &arg.name {
            Some(name) => match params.iter().position(|param| param.name.name == name.name) {
                Some(slot) => slot,
                None => return Err(unknown_argument(of, name, params.iter().map(|param| &*param.name.name))),
            },
            None => {
                next += 1;
                next - 1
            }
        };
        if slot >= params.len() {
            let mut diagnostic = crate::diagnostic!(E0204, span, "`{}` takes {} argument{}, {} are given", of, params.len(),
                if params.len() == 1 { "" } else { "s" }, n_given; label: arg.span, "this one is too many");
            if let Some(def) = def {
                *diagnostic = diagnostic.with_label(def, "defined here");
            }
            if let [shape] = params
                && &*shape.name.name == "shape"
            {
                let help = format!("a shape of several sizes is one argument: `{of}((2, 3))`");
                *diagnostic = diagnostic.with_help(help);
            }
            return Err(diagnostic.into());
        }
        if slots[slot].is_some() {
            bail!(E0204, arg.span, "`{}` is given twice", params[slot].name.name)
        }
        slots[slot] = Some(arg);
    }
    Ok(slots)
}

pub(super) fn unknown_argument<'a>(of: &str, name: &Ident, known: impl Iterator<Item = &'a str> + Clone) -> Halt {
    let mut diagnostic = crate::diagnostic!(E0203, name.span, "`{}` has no argument `{}`", of, name.name);
    match did_you_mean(&name.name, known.clone()) {
        Some(meant) => *diagnostic = diagnostic.with_help(format!("did you mean `{meant}`?")),
        None => {
            let known: Vec<String> = known.map(|name| format!("`{name}`")).collect();
            let text =
                if known.is_empty() { "it takes none by name".into() } else { format!("it has {}", known.join(", ")) };
            *diagnostic = diagnostic.with_help(text);
        }
    }
    diagnostic.into()
}
