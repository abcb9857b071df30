//! The text of the loop that a `train` stands for, with holes for what the script says.

use super::value::Value;
use crate::ir::Type;
use crate::syntax::ast::{self, Name};
use crate::syntax::template;

/// The data of a training: how its rows are written.
pub(super) struct Rows {
    /// The expression of the rows to train on.
    pub(super) train: String,
    /// The expression of the rows to validate on.
    pub(super) valid: Option<String>,
    /// How many row tensors there are.
    pub(super) n_parts: usize,
    /// Whether the rows are fields `x` and `t`.
    pub(super) is_dataset: bool,
    /// The types of the row tensors.
    pub(super) types: Vec<Type>,
}

/// The text of an expansion, its holes named `hole_…`.
pub(super) struct ExpansionText {
    pub(super) source: String,
    pub(super) model: String,
    /// The names of the rows.
    pub(super) parts: Vec<String>,
    /// The names of what the net makes of them.
    pub(super) predictions: [String; 2],
}

/// Writes the loop a `train` stands for.
pub(super) fn expansion_text(
    training: &ast::Training,
    is_model: bool,
    rows: &Rows,
    metrics: &[(Name, Value)],
    taken: &[Name],
) -> ExpansionText {
    let has = |key: &str| training.keys.iter().any(|(ident, _)| &*ident.name == key);
    let mut used = taken.to_vec();
    let exprs = training.keys.iter().map(|(_, value)| value).chain([&training.net, &training.data]);
    exprs.for_each(|expr| template::names_in(expr, &mut used));
    let fresh = |base: &str| fresh(base, &used);
    let (m, o, epoch, p, y, s, c, g) =
        (fresh("m"), fresh("o"), fresh("epoch"), fresh("p"), fresh("y"), fresh("s"), fresh("c"), fresh("g"));
    let (total, count, v) = (fresh("total"), fresh("rows"), fresh("v"));
    let parts: Vec<String> = match rows.n_parts {
        2 => vec![fresh("x"), fresh("t")],
        n => (0..n).map(|idx| fresh(&format!("x{idx}"))).collect(),
    };
    let all_parts = match parts.len() {
        1 => parts[0].clone(),
        _ => format!("({})", parts.join(", ")),
    };
    // A batch of one tensor is a tuple too.
    let batch_parts = if parts.len() == 1 { format!("({all_parts},)") } else { all_parts.clone() };
    let mut out = String::new();
    let mut line = |indent: usize, text: String| out += &format!("{}{text}\n", "  ".repeat(indent));
    let seed = if has("seed") { "seed = hole_seed" } else { "" };
    line(0, if is_model { format!("var {m} = hole_net") } else { format!("var {m} = hole_net.init({seed})") });
    line(0, format!("var {o} = hole_optimizer.init({m}.params)"));
    line(0, format!("for {epoch} in 0..hole_epochs {{"));
    let batched = has("batch");
    let mut depth = 1;
    if batched {
        line(1, format!("var {total} = 0.0"));
        line(1, format!("var {count} = 0"));
        let shuffle = if has("shuffle") { format!("if hole_shuffle then {epoch} else -1") } else { epoch.clone() };
        let last = if has("last") { ", last = hole_last" } else { "" };
        line(
            1,
            format!(
                "for {batch_parts} in batches({}, size = hole_batch, shuffle = {shuffle}, seed = {m}.seed{last}) {{",
                rows.train
            ),
        );
        depth = 2;
    } else if rows.is_dataset {
        line(1, format!("{all_parts} = ({}.x, {}.t)", rows.train, rows.train));
    } else {
        line(1, format!("{all_parts} = {}", rows.train));
    }
    let freezes = has("freeze");
    let given = if freezes { fresh("w") } else { p.clone() };
    line(depth, format!("((_, ({c}, {s})), {g}) = value_and_grad(fn({given}) {{"));
    if freezes {
        // No gradient, so no penalty and no share of a clipped norm either.
        line(depth + 1, format!("{p} = freeze({given}, hole_freeze)"));
    }
    if has("loss") {
        line(depth + 1, format!("({c}, {s}) = {m}.with(params = {p}).loss(hole_loss, {})", parts.join(", ")));
    } else {
        let (inputs, target) = parts.split_at(parts.len() - 1);
        line(depth + 1, format!("({y}, {s}) = {m}.with(params = {p}).train({})", inputs.join(", ")));
        line(depth + 1, format!("{c} = hole_cost({y}, {})", target[0]));
    }
    let mut objective = c.clone();
    for penalty in ["l1", "l2"] {
        if has(penalty) {
            objective += &format!(" + {penalty}_penalty({p}, hole_{penalty})");
        }
    }
    line(depth + 1, format!("({objective}, ({c}, {s}))"));
    line(depth, format!("}}, aux = true)({m}.params)"));
    let clipped = if has("clip") { format!("{g} |> hole_clip") } else { g.clone() };
    // Not every optimizer keeps what has no gradient: weights decay.
    let frozen = if freezes { ", freeze = hole_freeze" } else { "" };
    line(depth, format!("({o}, {m}) := {o}.step({m}.with(state = {s}), {clipped}{frozen})"));
    let cost = if batched {
        line(depth, format!("{total} := {total} + {c} * len({})", parts[0]));
        line(depth, format!("{count} := {count} + len({})", parts[0]));
        line(1, "}".into());
        format!("{total} / {count}")
    } else {
        c.clone()
    };
    let mut row = format!("epoch = {epoch} + 1, cost = {cost}");
    let fields = |data: &str, names: &[String]| -> (Vec<String>, String) {
        match rows.is_dataset {
            true => (vec![format!("{data}.x")], format!("{data}.t")),
            false => {
                let (inputs, target) = names.split_at(names.len() - 1);
                (inputs.to_vec(), target[0].clone())
            }
        }
    };
    if !metrics.is_empty() {
        // In batches the rows of the whole part are named anew.
        let names: Vec<String> = (0..rows.n_parts).map(|idx| format!("({}).{idx}", rows.train)).collect();
        let (inputs, target) = fields(&rows.train, &names);
        line(1, format!("{y} = {m}({})", inputs.join(", ")));
        for (idx, (name, _)) in metrics.iter().enumerate() {
            row += &format!(", {name} = hole_metric_{idx}({y}, {target})");
        }
    }
    if let Some(valid) = &rows.valid {
        let names: Vec<String> = (0..rows.n_parts).map(|idx| format!("({valid}).{idx}")).collect();
        if has("loss") {
            let all = if rows.is_dataset {
                vec![format!("{valid}.x"), format!("{valid}.t")]
            } else if rows.n_parts == 1 {
                vec![valid.clone()]
            } else {
                names
            };
            row += &format!(", valid = {{cost: hole_loss({m}, {})}}", all.join(", "));
        } else {
            let (inputs, target) = fields(valid, &names);
            line(1, format!("{v} = {m}({})", inputs.join(", ")));
            let mut cells = vec![format!("cost: hole_cost({v}, {target})")];
            for (idx, (name, _)) in metrics.iter().enumerate() {
                cells.push(format!("{name}: hole_metric_{idx}({v}, {target})"));
            }
            row += &format!(", valid = {{{}}}", cells.join(", "));
        }
    }
    line(1, format!("emit({row})"));
    line(0, "}".into());
    ExpansionText { source: out, model: m, parts, predictions: [y, v] }
}

/// A name that gives way to those that are taken and to those the user's expressions mention.
fn fresh(base: &str, used: &[Name]) -> String {
    let mut name = base.to_string();
    while used.iter().any(|other| **other == *name) {
        name.push('_');
    }
    name
}

/// Writes the loop of one turn that scores the model of a trial, on the rows of `hole_valid` and of `hole_train`, which are
/// alike. The model is carried, as the training carries it.
pub(super) fn scoring_text(
    training: &ast::Training,
    score: Option<&ast::Expr>,
    rows: &Rows,
    n_metrics: usize,
    model: &str,
) -> ExpansionText {
    let mut used = vec![Name::from(model)];
    let exprs = training.keys.iter().map(|(_, value)| value).chain(score);
    exprs.for_each(|expr| template::names_in(expr, &mut used));
    let [turn, y, v] = ["turn", "y", "v"].map(|base| fresh(base, &used));
    let parts = |data: &str| -> Vec<String> {
        match (rows.is_dataset, rows.n_parts) {
            (true, _) => vec![format!("{data}.x"), format!("{data}.t")],
            (false, 1) => vec![data.to_string()],
            (false, n) => (0..n).map(|idx| format!("({data}).{idx}")).collect(),
        }
    };
    let (train, valid) = (parts("hole_train"), parts("hole_valid"));
    let mut source = format!("for {turn} in 0..1 {{\n  {model} := {model}\n");
    if score.is_none() {
        source += &format!(
            "  emit(score = hole_loss({model}, {}), train_score = hole_loss({model}, {}))\n}}\n",
            valid.join(", "),
            train.join(", ")
        );
        return ExpansionText { source, model: model.to_string(), parts: vec![], predictions: [y, v] };
    }
    let mut cells = vec![];
    for (name, parts, cell) in [(&v, &valid, "score"), (&y, &train, "train_score")] {
        let (inputs, target) = parts.split_at(parts.len() - 1);
        source += &format!("  {name} = {model}({})\n", inputs.join(", "));
        cells.push(format!("{cell} = hole_score({name}, {})", target[0]));
    }
    let target = &valid[valid.len() - 1];
    cells.extend((0..n_metrics).map(|idx| format!("metric_{idx} = hole_metric_{idx}({v}, {target})")));
    source += &format!("  emit({})\n}}\n", cells.join(", "));
    ExpansionText { source, model: model.to_string(), parts: vec![], predictions: [y, v] }
}
