//! Parameters named by their paths, `["dense_1"]`: those that a training leaves as they are, those that `derive` shows.

use super::expr::list_names;
use super::scope::did_you_mean;
use super::tree::flatten;
use super::value::Value;
use super::{Halt, Result};
use crate::bail;
use crate::ir::Dim;
use crate::source::Span;

/// For every tensor of a tree of parameters whether one of the paths names it, or something it is part of.
pub fn named_leaves(params: &Value, paths: &Value, span: Span) -> Result<Vec<bool>> {
    let given = match paths {
        Value::Tuple(items) => items.to_vec(),
        Value::Tensor(tensor) if tensor.ty.shape.first().and_then(Dim::known) == Some(0) => vec![],
        other => vec![other.clone()],
    };
    let leaves: Vec<String> =
        flatten(params).1.paths().iter().map(|path| path.trim_start_matches('.').to_string()).collect();
    let mut named = vec![false; leaves.len()];
    for path in &given {
        let path = match path {
            Value::Str(Some(path)) => path,
            Value::Str(None) => bail!(E0305, span, "the paths of parameters must be known before anything runs"),
            Value::Poisoned => return Err(Halt::Reported),
            other => bail!(E0303, span, "parameters are named by their paths, got {}", other.kind_text();
                           help: "a path is a string: `[\"dense_1\"]` or `[\"dense_1.W\"]`"),
        };
        let is_meant =
            |leaf: &String| leaf.strip_prefix(&**path).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'));
        if path.is_empty() || !leaves.iter().any(is_meant) {
            return Err(unknown_path(path, &leaves, span));
        }
        for (leaf, is_named) in leaves.iter().zip(&mut named) {
            *is_named |= is_meant(leaf);
        }
    }
    Ok(named)
}

fn unknown_path(path: &str, leaves: &[String], span: Span) -> Halt {
    // What can be named: every parameter, and what it is part of.
    let mut known: Vec<&str> = vec![];
    for leaf in leaves {
        let ends = leaf.match_indices('.').map(|(end, _)| end).chain([leaf.len()]);
        for name in ends.map(|end| &leaf[..end]) {
            if !known.contains(&name) {
                known.push(name);
            }
        }
    }
    let mut diagnostic = crate::diagnostic!(E0205, span, "there is no parameter `{}`", path);
    *diagnostic = match did_you_mean(path, known.iter().copied()) {
        Some(meant) => diagnostic.with_help(format!("did you mean `{meant}`?")),
        None => {
            let leaves: Vec<&str> = leaves.iter().map(String::as_str).collect();
            diagnostic.with_help(format!("the parameters are {}", list_names(&leaves)))
        }
    };
    diagnostic.into()
}
