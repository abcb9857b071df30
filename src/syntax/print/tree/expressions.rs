//! Expressions, with no more parentheses than needed.

use super::{Separator, Writer, only_value};
use crate::syntax::ast::{Arg, Block, Expr, ExprKind, IndexItem, StrPart, Training, UnaryOp};
use crate::syntax::parse::strength;

impl Writer {
    /// Writes an expression where operators must bind at least as tightly as `least`; 0 where anything may stand.
    pub(in crate::syntax::print) fn expr(&mut self, expr: &Expr, least: u8) {
        let parenthesised = strength_of(&expr.kind) < least;
        if parenthesised {
            self.put("(");
        }
        self.bare_expr(expr);
        if parenthesised {
            self.put(")");
        }
    }

    fn bare_expr(&mut self, expr: &Expr) {
        match &expr.kind {
            ExprKind::Int(value) => self.put(&value.to_string()),
            ExprKind::Real(value) => self.put(&format!("{value:?}")),
            ExprKind::Bool(value) => self.put(if *value { "true" } else { "false" }),
            ExprKind::Str(parts) => self.string(parts),
            ExprKind::Name(name) => self.put(name),
            ExprKind::Nabla(ident) => {
                self.put("∇");
                self.put(&ident.name);
            }
            ExprKind::Tuple(items) => {
                self.put("(");
                self.commas(items, |writer, item| writer.expr(item, 0));
                self.put(if items.len() == 1 { ",)" } else { ")" });
            }
            ExprKind::List(items) => {
                self.put("[");
                self.commas(items, |writer, item| writer.expr(item, 0));
                self.put("]");
            }
            ExprKind::Record(fields) => {
                self.put("{");
                self.commas(fields, |writer, (name, value)| {
                    writer.put(&name.name);
                    writer.word_expr(": ", value);
                });
                self.put("}");
            }
            ExprKind::Unary(UnaryOp::Neg, value) => {
                self.put("-");
                self.expr(value, strength::NEGATE);
            }
            ExprKind::Unary(UnaryOp::Not, value) => {
                self.put("not ");
                self.expr(value, strength::NOT);
            }
            ExprKind::Binary(op, left, right) => {
                let own = strength::of(*op);
                let (left_least, right_least) = match own {
                    strength::COMPARE => (own + 1, own + 1),
                    strength::POWER => (own + 1, strength::NEGATE),
                    _ => (own, own + 1),
                };
                self.expr(left, left_least);
                if own == strength::POWER {
                    self.put("^");
                } else {
                    self.put(" ");
                    self.put(op.symbol());
                    self.put(" ");
                }
                self.expr(right, right_least);
            }
            ExprKind::Range(start, end) => {
                self.expr(start, strength::RANGE + 1);
                self.put("..");
                self.expr(end, strength::RANGE + 1);
            }
            ExprKind::Pipe(value, function) => {
                self.expr(value, strength::PIPE);
                self.put(" |> ");
                self.expr(function, strength::PIPE + 1);
            }
            ExprKind::Call(function, args) => {
                self.expr(function, strength::POSTFIX);
                self.put("(");
                self.commas(args, |writer, Arg { name, value }| {
                    if let Some(name) = name {
                        writer.put(&name.name);
                        writer.put(" = ");
                    }
                    writer.expr(value, 0);
                });
                self.put(")");
            }
            ExprKind::Index(value, items) => {
                self.expr(value, strength::POSTFIX);
                self.put("[");
                self.commas(items, Writer::index_item);
                self.put("]");
            }
            ExprKind::Field(value, field) => {
                // `1.0` would be a number.
                let is_number = matches!(value.kind, ExprKind::Int(_) | ExprKind::Real(_));
                self.expr(value, if is_number { strength::POSTFIX + 1 } else { strength::POSTFIX });
                self.put(".");
                self.put(&field.name);
            }
            ExprKind::Lambda(def) => self.def(def),
            ExprKind::If { condition, then, otherwise } => self.if_(condition, then, otherwise.as_ref()),
            ExprKind::When { training, evaluation } => {
                self.put("when training ");
                self.block(training);
                if let Some(evaluation) = evaluation {
                    self.put(" else ");
                    self.block(evaluation);
                }
            }
            ExprKind::Train(training) => self.training("train ", training),
            ExprKind::Search(training) => self.training("search ", training),
            ExprKind::Hole => self.put("?"),
        }
    }

    fn index_item(&mut self, item: &IndexItem) {
        let end = strength::RANGE + 1;
        match item {
            // Without parentheses it would be a slice.
            IndexItem::At(index) if matches!(index.kind, ExprKind::Range(..)) => self.expr(index, end),
            IndexItem::At(index) => self.expr(index, 0),
            IndexItem::Slice(from, to, _) => {
                if let Some(from) = from {
                    self.expr(from, end);
                }
                self.put("..");
                if let Some(to) = to {
                    self.expr(to, end);
                }
            }
            IndexItem::All(_) => self.put(":"),
            IndexItem::New(_) => self.put("new"),
        }
    }

    fn if_(&mut self, condition: &Expr, then: &Block, otherwise: Option<&Block>) {
        self.word_expr("if ", condition);
        let values = otherwise.and_then(|otherwise| Some((only_value(then)?, only_value(otherwise)?)));
        // A branch that is itself an `if` without `else` would take the `else` that follows.
        if let Some((then, otherwise)) = values.filter(|(then, _)| !matches!(then.kind, ExprKind::If { .. })) {
            self.word_expr(" then ", then);
            self.word_expr(" else ", otherwise);
            return;
        }
        self.put(" ");
        self.block(then);
        if let Some(otherwise) = otherwise {
            self.put(" else ");
            match only_value(otherwise).map(|value| &value.kind) {
                Some(ExprKind::If { condition, then, otherwise: Some(last) }) if only_value(then).is_none() => {
                    self.if_(condition, then, Some(last));
                }
                _ => self.block(otherwise),
            }
        }
    }

    fn training(&mut self, word: &str, training: &Training) {
        self.word_expr(word, &training.net);
        self.word_expr(" on ", &training.data);
        self.put(" ");
        let varied = training.vary.len();
        let one_line = self.separator == Separator::Semicolon;
        self.braces(varied + training.keys.len(), one_line, |writer, idx| match training.vary.get(idx) {
            Some((name, source)) => writer.vary(&name.name, source),
            None => {
                let (name, value) = &training.keys[idx - varied];
                writer.put(&name.name);
                writer.word_expr(" = ", value);
            }
        });
    }

    fn string(&mut self, parts: &[StrPart]) {
        self.put("\"");
        for part in parts {
            match part {
                StrPart::Text(text) => {
                    for c in text.chars() {
                        match c {
                            '\n' => self.put("\\n"),
                            '\t' => self.put("\\t"),
                            '"' => self.put("\\\""),
                            '\\' => self.put("\\\\"),
                            '{' => self.put("{{"),
                            '}' => self.put("}}"),
                            _ => self.out.push(c),
                        }
                    }
                }
                StrPart::Value { value, spec } => {
                    let outer = std::mem::replace(&mut self.separator, Separator::Semicolon);
                    self.put("{");
                    let start = self.out.len();
                    self.expr(value, 0);
                    if self.out[start..].starts_with('{') {
                        self.out.insert(start, ' ');
                    }
                    if let Some(spec) = spec {
                        self.put(":");
                        self.put(&spec.name);
                    }
                    self.put("}");
                    self.separator = outer;
                }
            }
        }
        self.put("\"");
    }
}

/// How tightly the outermost operator binds; what extends to the right as far as it can binds least.
fn strength_of(kind: &ExprKind) -> u8 {
    match kind {
        ExprKind::Lambda(_)
        | ExprKind::If { .. }
        | ExprKind::When { .. }
        | ExprKind::Train(_)
        | ExprKind::Search(_) => 0,
        ExprKind::Pipe(..) => strength::PIPE,
        ExprKind::Range(..) => strength::RANGE,
        ExprKind::Binary(op, ..) => strength::of(*op),
        ExprKind::Unary(UnaryOp::Not, _) => strength::NOT,
        ExprKind::Unary(UnaryOp::Neg, _) => strength::NEGATE,
        ExprKind::Int(value) if *value < 0 => strength::NEGATE,
        ExprKind::Real(value) if value.is_sign_negative() => strength::NEGATE,
        ExprKind::Int(_)
        | ExprKind::Real(_)
        | ExprKind::Bool(_)
        | ExprKind::Str(_)
        | ExprKind::Name(_)
        | ExprKind::Nabla(_)
        | ExprKind::Tuple(_)
        | ExprKind::List(_)
        | ExprKind::Record(_)
        | ExprKind::Call(..)
        | ExprKind::Index(..)
        | ExprKind::Field(..)
        | ExprKind::Hole => strength::POSTFIX,
    }
}
