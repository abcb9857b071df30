//! Operands: everything in an expression but its operators.

use std::rc::Rc;

use pest::iterators::Pair;

use super::grammar::Rule;
use super::{Place, Reader};
use crate::source::{Code, Diagnostic, Span};
use crate::syntax::ast::{
    Arg, Block, Def, DefKind, Expr, ExprKind, Ident, IndexItem, Pattern, StmtKind, Training, VarySource,
};

impl Reader<'_, '_> {
    /// Reads everything that was scanned as one expression; `whole` is where it stands.
    pub(super) fn lone_expr(&mut self, whole: Span) -> Expr {
        let tokens = 0..self.scan.tokens.len();
        let significant = |idx: &usize| !self.scan.tokens[*idx].kind.is_blank();
        let first = tokens.clone().find(significant).unwrap_or(tokens.end);
        let end = tokens.clone().rev().find(significant).map_or(first, |last| last + 1);
        self.read(Rule::one_expression, first..end, whole, |reader, mut pairs| {
            reader.expr(pairs.next().expect("the rule has an expression"))
        })
        .unwrap_or_else(|| self.nothing(whole))
    }

    pub(super) fn operand(&mut self, pair: Pair<'_, Rule>) -> Expr {
        let span = self.span(&pair);
        let kind = match pair.as_rule() {
            Rule::postfix => return self.postfix(pair),
            Rule::lambda => self.lambda(pair, span),
            Rule::if_ => self.if_(pair),
            Rule::when_ => self.when(pair),
            Rule::train => ExprKind::Train(Box::new(self.training(pair, Place::Train))),
            Rule::search => ExprKind::Search(Box::new(self.training(pair, Place::Search))),
            Rule::number => self.number(pair.as_str(), span),
            Rule::string => ExprKind::Str(self.string(span)),
            Rule::gradient => {
                let ident = pair.into_inner().next_back().expect("`∇` is followed by a name");
                ExprKind::Nabla(self.ident(&ident))
            }
            Rule::boolean => ExprKind::Bool(pair.as_str() == "true"),
            Rule::hole => ExprKind::Hole,
            Rule::tuple => return self.tuple(pair, span),
            Rule::list => ExprKind::List(self.exprs(pair)),
            Rule::braces => self.record(pair),
            // The last value, at a prompt.
            Rule::ignore => ExprKind::Name("_".into()),
            Rule::ident => {
                self.note_foreign_word(pair.as_str(), span);
                ExprKind::Name(self.ident(&pair).name)
            }
            rule => unreachable!("`{rule:?}` is not an operand in the grammar"),
        };
        Expr { kind, span }
    }

    fn postfix(&mut self, pair: Pair<'_, Rule>) -> Expr {
        let mut parts = pair.into_inner();
        let mut value = self.operand(parts.next().expect("a postfix rule begins with its atom"));
        for part in parts {
            let span = value.span.to(self.span(&part));
            let inner = Box::new(value);
            let kind = match part.as_rule() {
                Rule::call => {
                    let args = part.into_inner().filter(|arg| arg.as_rule() == Rule::argument);
                    let args = args.map(|arg| self.arg(arg)).collect();
                    ExprKind::Call(inner, args)
                }
                Rule::index => {
                    let items = part.into_inner().filter(|item| item.as_rule() == Rule::index_item);
                    let items = items.map(|item| self.index_item(item)).collect();
                    ExprKind::Index(inner, items)
                }
                Rule::field => {
                    let field = part.into_inner().next_back().expect("a dot is followed by a name");
                    ExprKind::Field(inner, self.ident(&field))
                }
                rule => unreachable!("`{rule:?}` does not follow an atom in the grammar"),
            };
            value = Expr { kind, span };
        }
        value
    }

    fn arg(&mut self, pair: Pair<'_, Rule>) -> Arg {
        let mut name = None;
        let mut value = None;
        let span = self.span(&pair);
        for part in pair.into_inner() {
            match part.as_rule() {
                Rule::ident => name = Some(self.ident(&part)),
                Rule::expr => value = Some(self.expr(part)),
                _ => {}
            }
        }
        Arg { name, value: value.unwrap_or_else(|| self.nothing(span)) }
    }

    fn index_item(&mut self, pair: Pair<'_, Rule>) -> IndexItem {
        let span = self.span(&pair);
        let mut parts = pair.into_inner();
        let first = parts.next().expect("an index item is not empty");
        match first.as_rule() {
            Rule::colon => IndexItem::All(span),
            Rule::new_axis => IndexItem::New(span),
            Rule::range_to => IndexItem::Slice(None, parts.next().map(|end| self.expr(end)), span),
            _ => {
                let expr = self.expr(first);
                match (parts.next().is_some(), expr.kind) {
                    (true, kind) => IndexItem::Slice(Some(Expr { kind, span: expr.span }), None, span),
                    // In parentheses, which the span includes, it is a vector of positions.
                    (false, ExprKind::Range(start, end)) if start.span.start == expr.span.start => {
                        IndexItem::Slice(Some(*start), Some(*end), span)
                    }
                    (false, kind) => IndexItem::At(Expr { kind, span: expr.span }),
                }
            }
        }
    }

    /// The expressions among the parts of a pair.
    fn exprs(&mut self, pair: Pair<'_, Rule>) -> Vec<Expr> {
        pair.into_inner().filter(|part| part.as_rule() == Rule::expr).map(|part| self.expr(part)).collect()
    }

    /// `(a)` is `a`, `(a,)` and `(a, b)` are tuples.
    fn tuple(&mut self, pair: Pair<'_, Rule>, span: Span) -> Expr {
        let has_comma = pair.clone().into_inner().any(|part| part.as_rule() == Rule::comma);
        let mut items = self.exprs(pair);
        match items.pop() {
            Some(item) if !has_comma => Expr { span, ..item },
            item => {
                items.extend(item);
                Expr { kind: ExprKind::Tuple(items), span }
            }
        }
    }

    fn record(&mut self, pair: Pair<'_, Rule>) -> ExprKind {
        let open = self.open_brace(&pair);
        let whole = Span { start: self.scan.tokens[open].end, ..self.span(&pair) };
        let fields = self.read(Rule::record, self.trimmed(open), whole, |reader, pairs| {
            let fields = pairs.flat_map(Pair::into_inner).filter(|part| part.as_rule() == Rule::record_field);
            fields.map(|field| reader.record_field(field)).collect::<Vec<_>>()
        });
        let fields = fields.unwrap_or_default();
        for (idx, (field, _)) in fields.iter().enumerate() {
            if let Some((first, _)) = fields[..idx].iter().find(|(other, _)| other.name == field.name) {
                let diagnostic = Diagnostic::error(
                    Code::E0101,
                    field.span,
                    format!("the record has a second field `{}`", field.name),
                )
                .with_label(field.span, "again here")
                .with_label(first.span, "first here");
                self.report(diagnostic);
            }
        }
        ExprKind::Record(fields)
    }

    fn record_field(&mut self, pair: Pair<'_, Rule>) -> (Ident, Expr) {
        let mut parts = pair.into_inner();
        let ident = self.ident(&parts.next().expect("a field begins with its name"));
        (ident, self.expr(parts.next_back().expect("a field ends in its value")))
    }

    /// The tokens between braces, without blank ones at the ends.
    pub(super) fn trimmed(&self, open: usize) -> std::ops::Range<usize> {
        let inside = self.scan.inside(open);
        let significant = |idx: &usize| !self.scan.tokens[*idx].kind.is_blank();
        let first = inside.clone().find(significant).unwrap_or(inside.end);
        let end = inside.rev().find(significant).map_or(first, |last| last + 1);
        first..end
    }

    fn number(&mut self, word: &str, span: Span) -> ExprKind {
        let digits = word.replace('_', "");
        if digits.contains(['.', 'e', 'E']) {
            let value: f64 = digits.parse().expect("the grammar only lets numbers through");
            if value.is_infinite() {
                self.report(
                    Diagnostic::error(Code::E0106, span, format!("{word} is larger than any real"))
                        .with_help("the largest is about 1.8e308; infinity is written `inf`"),
                );
            }
            return ExprKind::Real(value);
        }
        match digits.parse() {
            Ok(value) => ExprKind::Int(value),
            Err(_) => {
                let shown = if word.len() > 24 { "this number" } else { word };
                self.report(
                    Diagnostic::error(Code::E0106, span, format!("{shown} is larger than any int"))
                        .with_note("an int goes up to 9223372036854775807")
                        .with_help("as a real it has a point or an exponent: `1e20`"),
                );
                ExprKind::Int(0)
            }
        }
    }

    fn lambda(&mut self, pair: Pair<'_, Rule>, span: Span) -> ExprKind {
        let mut def = Def {
            kind: DefKind::Fn,
            name: None,
            lists: vec![],
            result: None,
            body: Block { stmts: vec![], value: None, span },
            adjoint: None,
            doc: "".into(),
            span,
        };
        for part in pair.into_inner() {
            match part.as_rule() {
                Rule::params => def.lists.push(self.params(part)),
                Rule::result => def.result = Some(self.result(part)),
                Rule::braces => def.body = self.block(&part),
                Rule::expr => def.body = self.value_block(part),
                _ => {}
            }
        }
        ExprKind::Lambda(Rc::new(def))
    }

    fn if_(&mut self, pair: Pair<'_, Rule>) -> ExprKind {
        let mut condition = None;
        let mut branches = vec![];
        for part in pair.into_inner() {
            match part.as_rule() {
                Rule::expr if condition.is_none() => condition = Some(Box::new(self.expr(part))),
                Rule::expr => branches.push(self.value_block(part)),
                Rule::braces => branches.push(self.block(&part)),
                // `else if …`
                Rule::if_ => {
                    let span = self.span(&part);
                    let inner = Expr { kind: self.if_(part), span };
                    branches.push(Block { stmts: vec![], value: Some(Box::new(inner)), span });
                }
                _ => {}
            }
        }
        let mut branches = branches.into_iter();
        ExprKind::If {
            condition: condition.expect("`if` has a condition"),
            then: branches.next().expect("`if` has a branch"),
            otherwise: branches.next(),
        }
    }

    fn when(&mut self, pair: Pair<'_, Rule>) -> ExprKind {
        let mut blocks = vec![];
        for part in pair.into_inner() {
            match part.as_rule() {
                Rule::ident if part.as_str() != "training" => {
                    let span = self.span(&part);
                    self.report(
                        Diagnostic::error(
                            Code::E0101,
                            span,
                            format!("`when` knows only `training`, not `{}`", part.as_str()),
                        )
                        .with_help("a condition on values is `if`"),
                    );
                }
                Rule::braces => blocks.push(self.block(&part)),
                _ => {}
            }
        }
        let mut blocks = blocks.into_iter();
        ExprKind::When { training: blocks.next().expect("`when` has a block"), evaluation: blocks.next() }
    }

    fn training(&mut self, pair: Pair<'_, Rule>, place: Place) -> Training {
        let mut heads = vec![];
        let mut body = self.span(&pair);
        let (mut keys, mut vary) = (vec![], vec![]);
        for part in pair.into_inner() {
            match part.as_rule() {
                Rule::expr => heads.push(self.expr(part)),
                Rule::braces => {
                    body = self.span(&part);
                    (keys, vary) = self.keys(&part, place);
                }
                _ => {}
            }
        }
        let mut heads = heads.into_iter();
        let mut head = || heads.next().expect("`train` has a net and data");
        Training { net: head(), data: head(), keys, vary, body }
    }

    /// The body of `train` or `search`: `key = value` and, in a search, `vary`.
    #[allow(clippy::type_complexity, reason = "the pairs are the fields of `Training`")]
    fn keys(&mut self, braces: &Pair<'_, Rule>, place: Place) -> (Vec<(Ident, Expr)>, Vec<(Ident, VarySource)>) {
        let (mut keys, mut vary) = (vec![], vec![]);
        for stmt in self.block_statements(braces, place) {
            match stmt.kind {
                StmtKind::Bind { pattern: Pattern::Name(name), ty: None, value } => keys.push((name, value)),
                StmtKind::Vary { name, source } => vary.push((name, source)),
                // It was told already that these belong to the top level.
                StmtKind::Use(_) | StmtKind::Precision(_) | StmtKind::Seed(_) => {}
                _ => {
                    let word = if place == Place::Train { "train" } else { "search" };
                    self.report(
                        Diagnostic::error(
                            Code::E0108,
                            stmt.span,
                            format!("between the braces of `{word}` stands `key = value`"),
                        )
                        .with_help("for example `cost = cross_entropy`; other statements go before or after"),
                    );
                }
            }
        }
        (keys, vary)
    }
}
