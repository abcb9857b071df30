//! Expressions: operators and their precedence.

use pest::iterators::Pair;

use super::Reader;
use super::grammar::Rule;
use super::strength;
use crate::source::{Code, Diagnostic, Span};
use crate::syntax::ast::{BinaryOp, Expr, ExprKind, UnaryOp};

/// What stands between two operands.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Infix {
    Pipe,
    Range,
    Op(BinaryOp),
}

/// An operand or operator of a flat expression.
enum Item<'i> {
    Prefix(UnaryOp, Span),
    Infix(Infix, Span),
    Operand(Pair<'i, Rule>),
}

impl Reader<'_, '_> {
    /// Builds the tree of an `expr` pair.
    pub(super) fn expr(&mut self, pair: Pair<'_, Rule>) -> Expr {
        let items: Vec<Item<'_>> = pair
            .into_inner()
            .map(|part| match part.as_rule() {
                Rule::prefix => {
                    Item::Prefix(if part.as_str() == "-" { UnaryOp::Neg } else { UnaryOp::Not }, self.span(&part))
                }
                Rule::infix => Item::Infix(infix(part.as_str()), self.span(&part)),
                _ => Item::Operand(part),
            })
            .collect();
        let mut items = items.into_iter().peekable();
        self.climb(&mut items, strength::PIPE)
    }

    /// Reads operators that bind at least as tightly as `least`.
    fn climb<'i>(&mut self, items: &mut std::iter::Peekable<impl Iterator<Item = Item<'i>>>, least: u8) -> Expr {
        let mut left = match items.next().expect("the grammar puts an operand here") {
            Item::Operand(pair) => self.operand(pair),
            Item::Prefix(op, span) => {
                if op == UnaryOp::Not && least > strength::NOT {
                    self.report(
                        Diagnostic::error(Code::E0101, span, "`not` cannot stand right after this operator")
                            .with_help("put `not` and what it negates in parentheses"),
                    );
                }
                let own = if op == UnaryOp::Not { strength::NOT } else { strength::NEGATE };
                let value = self.climb(items, own);
                Expr { span: span.to(value.span), kind: ExprKind::Unary(op, Box::new(value)) }
            }
            Item::Infix(..) => unreachable!("the grammar puts an operand before every operator"),
        };
        // The operator of `left`, if it is one that does not chain.
        let mut last: Option<Infix> = None;
        while let Some(&Item::Infix(op, span)) = items.peek() {
            let own = strength_of(op);
            if own < least {
                break;
            }
            items.next();
            let chained =
                last.filter(|&last| strength_of(last) == own && matches!(own, strength::COMPARE | strength::RANGE));
            // `^` groups to the right and takes a sign: `2^-1`.
            let right = self.climb(items, if own == strength::POWER { strength::NEGATE } else { own + 1 });
            if let Some(first) = chained {
                self.report_chain(first, op, span, &left, &right);
            }
            last = Some(op);
            let span = left.span.to(right.span);
            let (left_box, right_box) = (Box::new(left), Box::new(right));
            let kind = match op {
                Infix::Pipe => ExprKind::Pipe(left_box, right_box),
                Infix::Range => ExprKind::Range(left_box, right_box),
                Infix::Op(op) => ExprKind::Binary(op, left_box, right_box),
            };
            left = Expr { kind, span };
        }
        left
    }

    fn report_chain(&mut self, first: Infix, second: Infix, at: Span, left: &Expr, right: &Expr) {
        let (ExprKind::Binary(_, a, b) | ExprKind::Range(a, b)) = &left.kind else { return };
        let text = |expr: &Expr| &self.scan.text[expr.span.range()];
        let diagnostic = if second == Infix::Range {
            Diagnostic::error(Code::E0101, at, "a range has two ends, not three")
                .with_help(format!("for every second one write `{} + 2*(0..n)`", text(a)))
        } else {
            let (first, second) = (symbol(first), symbol(second));
            Diagnostic::error(Code::E0101, at, "comparisons do not chain").with_help(format!(
                "write `{} {first} {} and {} {second} {}`",
                text(a),
                text(b),
                text(b),
                text(right)
            ))
        };
        self.report(diagnostic);
    }
}

fn infix(word: &str) -> Infix {
    Infix::Op(match word {
        "|>" => return Infix::Pipe,
        ".." => return Infix::Range,
        "or" => BinaryOp::Or,
        "and" => BinaryOp::And,
        "==" => BinaryOp::Eq,
        "!=" | "≠" => BinaryOp::Ne,
        "<" => BinaryOp::Lt,
        "<=" | "≤" => BinaryOp::Le,
        ">" => BinaryOp::Gt,
        ">=" | "≥" => BinaryOp::Ge,
        "+" => BinaryOp::Add,
        "-" => BinaryOp::Sub,
        "*" => BinaryOp::Mul,
        "/" => BinaryOp::Div,
        "//" => BinaryOp::FloorDiv,
        "%" => BinaryOp::Rem,
        "@" => BinaryOp::MatMul,
        "^" => BinaryOp::Pow,
        other => unreachable!("`{other}` is not in the rule `infix` of the grammar"),
    })
}

fn symbol(infix: Infix) -> &'static str {
    match infix {
        Infix::Pipe => "|>",
        Infix::Range => "..",
        Infix::Op(op) => op.symbol(),
    }
}

fn strength_of(infix: Infix) -> u8 {
    match infix {
        Infix::Pipe => strength::PIPE,
        Infix::Range => strength::RANGE,
        Infix::Op(op) => strength::of(op),
    }
}
