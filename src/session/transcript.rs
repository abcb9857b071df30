//! What was typed and went well, as a script: for `:save`, and for those who look at definitions.

use crate::source::SourceMap;
use crate::syntax::ast::{Name, Stmt, StmtKind};
use crate::syntax::{WordKind, words};

use super::{bound_idents, is_effect};

/// The statements of a session that went well, in order.
#[derive(Clone, Default)]
pub struct Transcript {
    entries: Vec<Entry>,
    /// The expression whose value is `_`.
    last: Option<String>,
}

#[derive(Clone)]
struct Entry {
    text: String,
    binds: Vec<Name>,
    kind: EntryKind,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum EntryKind {
    Definition,
    Other,
}

/// Whether a bare expression has a value.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Gives {
    /// It was shown, and is `_` from here on.
    Value,
    /// It only did something.
    Nothing,
}

impl Transcript {
    /// Adds a statement. One that only looks at a value is not part of the script.
    pub fn add(&mut self, stmt: &Stmt, gives: Gives, sources: &SourceMap) {
        let text = self.without_last(stmt, sources);
        let binds = bound_idents(stmt).into_iter().map(|ident| ident.name.clone()).collect();
        match &stmt.kind {
            StmtKind::Expr(expr) if gives == Gives::Value => {
                if is_effect(expr) {
                    self.entries.push(Entry { text: text.clone(), binds, kind: EntryKind::Other });
                }
                self.last = Some(text);
            }
            _ => {
                let doc = stmt.doc.lines().map(|line| format!("## {line}").trim_end().to_string() + "\n");
                let text = doc.collect::<String>() + &text;
                let kind = if matches!(stmt.kind, StmtKind::Def(_)) { EntryKind::Definition } else { EntryKind::Other };
                self.entries.push(Entry { text, binds, kind });
            }
        }
    }

    /// The statement with `_`, which only a prompt knows, written out.
    fn without_last(&self, stmt: &Stmt, sources: &SourceMap) -> String {
        let text = sources.text(stmt.span);
        let value = match &stmt.kind {
            StmtKind::Bind { value, .. } | StmtKind::Var { value, .. } | StmtKind::Assign { value, .. } => value,
            StmtKind::Expr(value) | StmtKind::Print(value) => value,
            _ => return text.to_string(),
        };
        let Some(last) = &self.last else { return text.to_string() };
        let mut written = text.to_string();
        for (range, kind) in words(text).into_iter().rev() {
            let at = stmt.span.start as usize + range.start;
            if kind == WordKind::Name && &text[range.clone()] == "_" && value.span.range().contains(&at) {
                written.replace_range(range, &format!("({last})"));
            }
        }
        written
    }

    /// Everything, names that were bound again included.
    pub fn whole(&self) -> String {
        self.entries.iter().map(|entry| format!("{}\n", entry.text)).collect()
    }

    /// A script that says the same: of what was bound again, the last. A definition stands where the first of its name
    /// stood, as what was made of that may follow.
    pub fn script(&self) -> String {
        let mut kept: Vec<&Entry> = vec![];
        for entry in &self.entries {
            let is_bound_again =
                |old: &&Entry| !old.binds.is_empty() && old.binds.iter().all(|name| entry.binds.contains(name));
            match kept.iter().position(is_bound_again) {
                Some(place) if entry.kind == EntryKind::Definition => kept[place] = entry,
                Some(place) => {
                    kept.remove(place);
                    kept.push(entry);
                }
                None => kept.push(entry),
            }
        }
        kept.into_iter().map(|entry| format!("{}\n", entry.text)).collect()
    }
}
