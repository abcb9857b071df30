//! Scripts at a prompt: loaded, saved, and what `:set` changes in them.

use std::path::{Path, PathBuf};

use super::{Echo, Interactive, Outcome};
use crate::elaborate::BindKind;
use crate::session::host::Rebinding;
use crate::session::options::Setting;
use crate::session::settings::settable_mut;
use crate::session::{Script, Then, Work};
use crate::source::nearest::nearest;
use crate::syntax::ast::{Expr, ExprKind, Name};
use crate::syntax::{parse_expr, print};

impl Interactive {
    /// Runs a script in the session: its names are there afterwards.
    pub fn load(&mut self, path: &Path) -> Outcome {
        let script = match Script::read(path) {
            Ok(script) => script,
            Err(error) => {
                self.complain(&error.to_string());
                return Outcome::Failed;
            }
        };
        let Some(mut stmts) = self.read(&script.name, &script.text) else { return Outcome::Failed };
        for setting in self.settings.clone() {
            let slot = stmts.iter_mut().find_map(|stmt| settable_mut(stmt).filter(|(name, _)| *name == setting.name));
            if let Some((_, value)) = slot {
                let file = self.shared.sources.borrow_mut().add(":set", setting.value.as_str());
                match parse_expr(file, &setting.value, 0..setting.value.len()) {
                    Ok(expr) => *value = widened(expr, value),
                    Err(diagnostics) => {
                        self.shared.show(&diagnostics);
                        return Outcome::Failed;
                    }
                }
            }
        }
        let here = self.shared.folder.replace(script.folder.clone());
        let outcome = self.take(&stmts, Echo::Nothing);
        self.shared.folder.replace(here);
        outcome
    }

    /// Writes what was typed and went well as a script.
    pub fn save(&mut self, path: &Path) -> Outcome {
        let text = self.transcript.script();
        let text = print::format(&text).unwrap_or(text);
        if let Err(error) = std::fs::write(path, &text) {
            self.complain(&format!("`{}` cannot be written: {error}", path.display()));
            return Outcome::Failed;
        }
        let folder = path.parent().map_or_else(PathBuf::new, Path::to_path_buf);
        let script = Script { name: path.display().to_string(), folder, text };
        let mut shared = self.shared.clone();
        shared.rebinding = Rebinding::Refused;
        match (Work { script: &script, shared }).check(Then::Run) {
            Ok(checked) if !checked.has_errors => self.say(&format!("saved to {}", path.display())),
            _ => self.complain(&format!("saved to {}, but it does not run by itself", path.display())),
        }
        Outcome::Done
    }

    /// Binds a name to another value, here and in scripts that are loaded.
    pub fn set(&mut self, setting: Setting) -> Outcome {
        let bound = self.scope.own(&setting.name);
        if let Some(binding) = &bound {
            let sign = if binding.kind == BindKind::Var { ":=" } else { "=" };
            let real = binding.value.type_text() == "real" && setting.value.parse::<i64>().is_ok();
            let dot = if real { ".0" } else { "" };
            if self.evaluate(&format!("{} {sign} {}{dot}", setting.name, setting.value)) != Outcome::Done {
                return Outcome::Failed;
            }
        } else {
            let own: Vec<Name> = self.scope.own_bindings().into_iter().map(|binding| binding.name).collect();
            let near = nearest(&setting.name, own.iter().map(|name| &**name));
            let hint = near.map_or(String::new(), |near| format!("; did you mean `{near}`?"));
            let text = format!("note: no `{}` is bound yet, a script that is loaded may bind it{hint}", setting.name);
            self.shared.reporter.borrow_mut().note(&text);
        }
        self.settings.retain(|other| other.name != setting.name);
        self.settings.push(setting);
        Outcome::Done
    }
}

/// A value in place of another: an int where the script has a real is one.
fn widened(new: Expr, old: &Expr) -> Expr {
    match (&new.kind, &old.kind) {
        (ExprKind::Int(number), ExprKind::Real(_)) => Expr { kind: ExprKind::Real(*number as f64), span: new.span },
        _ => new,
    }
}
