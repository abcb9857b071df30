//! Statements and blocks.

use std::rc::Rc;

use pest::iterators::Pair;

use super::grammar::Rule;
use super::{Place, Reader, doc_text};
use crate::source::{Code, Diagnostic, Span};
use crate::syntax::ast::{
    Adjoint, Block, Def, DefKind, Drawn, Expr, Ident, Param, Pattern, Stmt, StmtKind, TypeExpr, Use, UseNames, UsePath,
    VarySource,
};
use crate::syntax::scan::Chunk;

impl Reader<'_, '_> {
    /// Reads one statement; says what is wrong with it and returns nothing if it cannot be read.
    pub(super) fn statement(&mut self, chunk: &Chunk, place: Place) -> Option<Stmt> {
        let span = self.scan.span(chunk.tokens.start).to(self.scan.span(chunk.tokens.end - 1));
        let doc = doc_text(self.scan, chunk.docs.clone());
        let before = self.diagnostics.len();
        if std::mem::take(&mut self.awaits_block) && self.scan.word(chunk.tokens.start) == "{" {
            self.salvage(chunk, before);
            return None;
        }
        let outer = std::mem::replace(&mut self.place, place);
        let kind = self.read(Rule::one_statement, chunk.tokens.clone(), span, |reader, mut pairs| {
            let pair = pairs.next().expect("the rule has a statement");
            reader.statement_kind(pair, span, &doc)
        });
        if kind.is_none() {
            self.salvage(chunk, before);
        }
        self.place = outer;
        let stmt = Stmt { kind: kind?, span, doc };
        self.check_place(&stmt, place);
        Some(stmt)
    }

    fn statement_kind(&mut self, pair: Pair<'_, Rule>, span: Span, doc: &Rc<str>) -> StmtKind {
        let rule = pair.as_rule();
        let mut parts = Parts::of(self, pair.clone());
        match rule {
            Rule::use_file | Rule::use_module => StmtKind::Use(self.use_(pair)),
            Rule::precision => StmtKind::Precision(parts.ident()),
            Rule::seed => StmtKind::Seed(parts.expr()),
            Rule::var => StmtKind::Var { name: parts.ident(), ty: parts.ty.take(), value: parts.expr() },
            Rule::param => StmtKind::Param(parts.drawn()),
            Rule::state => StmtKind::State { name: parts.ident(), ty: parts.ty.take(), value: parts.expr() },
            Rule::next => StmtKind::Next { name: parts.ident(), value: parts.expr() },
            Rule::vary => {
                let name = parts.ident();
                let draws = parts.sign == Some(Rule::tilde);
                let value = parts.expr();
                StmtKind::Vary { name, source: if draws { VarySource::Draws(value) } else { VarySource::In(value) } }
            }
            Rule::print_ => StmtKind::Print(parts.expr()),
            Rule::for_ => StmtKind::For { pattern: parts.pattern(), items: parts.expr(), body: parts.block() },
            Rule::while_ => StmtKind::While { condition: parts.expr(), body: parts.block() },
            Rule::def => StmtKind::Def(Rc::new(self.def(pair, span, doc))),
            Rule::draw_or_bind => self.draw_or_bind(parts),
            Rule::expr_statement => StmtKind::Expr(parts.expr()),
            rule => unreachable!("`{rule:?}` is not a statement in the grammar"),
        }
    }

    fn draw_or_bind(&mut self, mut parts: Parts) -> StmtKind {
        let pattern = parts.pattern();
        let ty = parts.ty.take();
        let value = parts.expr();
        match parts.sign {
            Some(Rule::assign) => StmtKind::Assign { pattern, value },
            Some(Rule::tilde) => match (pattern, ty) {
                (Pattern::Name(name), Some(ty)) => StmtKind::Draw(Drawn { name, ty, dist: value }),
                (pattern, _) => {
                    let name = pattern.names().first().map_or("x".into(), |ident| ident.name.clone());
                    self.report(
                        Diagnostic::error(
                            Code::E0101,
                            pattern.span(),
                            "a draw needs a name and a type, which says its shape",
                        )
                        .with_help(format!("for example `{name}: real[100] ~ normal(0, 1)`")),
                    );
                    StmtKind::Expr(value)
                }
            },
            _ => {
                if let (Some(ty), Pattern::Tuple(..) | Pattern::Ignore(_)) = (&ty, &pattern) {
                    self.report(
                        Diagnostic::error(Code::E0101, ty.span, "a type can only be stated for a single name")
                            .with_help("bind the tuple first, and state the types of its parts on lines of their own"),
                    );
                }
                StmtKind::Bind { pattern, ty, value }
            }
        }
    }

    fn use_(&mut self, pair: Pair<'_, Rule>) -> Use {
        let mut path = vec![];
        let mut file = None;
        let mut names = UseNames::Module(None);
        let mut renamed = false;
        for part in pair.into_inner() {
            match part.as_rule() {
                Rule::string => {
                    let span = self.span(&part);
                    let word = part.as_str();
                    if word.contains(['{', '\\']) {
                        self.report(
                            Diagnostic::error(Code::E0107, span, "the path of a module is a plain string")
                                .with_help("write it without `{ }` and `\\`, with `/` between folders"),
                        );
                    }
                    file = Some(Ident { name: word[1..word.len() - 1].into(), span });
                }
                Rule::kw_as => renamed = true,
                Rule::ident if renamed => names = UseNames::Module(Some(self.ident(&part))),
                Rule::ident => path.push(self.ident(&part)),
                Rule::braces => names = UseNames::List(self.use_names(&part)),
                _ => {}
            }
        }
        Use { path: file.map_or(UsePath::Std(path), UsePath::File), names }
    }

    fn use_names(&mut self, braces: &Pair<'_, Rule>) -> Vec<Ident> {
        let open = self.open_brace(braces);
        let whole = Span { start: self.scan.tokens[open].end, ..self.span(braces) };
        let names = self.read(Rule::use_names, self.trimmed(open), whole, |reader, pairs| {
            let names = pairs.flat_map(Pair::into_inner).filter(|part| part.as_rule() == Rule::ident);
            names.map(|part| reader.ident(&part)).collect()
        });
        names.unwrap_or_default()
    }

    fn def(&mut self, pair: Pair<'_, Rule>, span: Span, doc: &Rc<str>) -> Def {
        let mut def = Def {
            kind: DefKind::Fn,
            name: None,
            lists: vec![],
            result: None,
            body: Block { stmts: vec![], value: None, span },
            adjoint: None,
            doc: doc.clone(),
            span,
        };
        for part in pair.into_inner() {
            match part.as_rule() {
                Rule::kw_layer => def.kind = DefKind::Layer,
                Rule::kw_net => def.kind = DefKind::Net,
                Rule::kw_optimizer => def.kind = DefKind::Optimizer,
                Rule::ident => def.name = Some(self.ident(&part)),
                Rule::params => def.lists.push(self.params(part)),
                Rule::result => def.result = Some(self.result(part)),
                Rule::expr => def.body = self.value_block(part),
                Rule::braces => def.body = self.block(&part),
                Rule::adjoint => def.adjoint = Some(self.adjoint(part)),
                _ => {}
            }
        }
        def
    }

    fn adjoint(&mut self, pair: Pair<'_, Rule>) -> Adjoint {
        let span = self.span(&pair);
        let mut adjoint = Adjoint { params: vec![], body: Block { stmts: vec![], value: None, span } };
        for part in pair.into_inner() {
            match part.as_rule() {
                Rule::params => adjoint.params = self.params(part),
                Rule::expr => adjoint.body = self.value_block(part),
                Rule::braces => adjoint.body = self.block(&part),
                _ => {}
            }
        }
        adjoint
    }

    pub(super) fn params(&mut self, pair: Pair<'_, Rule>) -> Vec<Param> {
        let params = pair.into_inner().filter(|part| part.as_rule() == Rule::parameter);
        params.map(|part| self.param(part)).collect()
    }

    fn param(&mut self, pair: Pair<'_, Rule>) -> Param {
        let mut parts = Parts::of(self, pair);
        Param { name: parts.ident(), ty: parts.ty.take(), default: parts.exprs.next() }
    }

    pub(super) fn result(&mut self, pair: Pair<'_, Rule>) -> TypeExpr {
        self.type_expr(pair.into_inner().next_back().expect("an arrow is followed by a type"))
    }

    fn pattern(&mut self, pair: Pair<'_, Rule>) -> Pattern {
        let span = self.span(&pair);
        let (mut items, mut commas) = (vec![], 0);
        for part in pair.into_inner() {
            match part.as_rule() {
                Rule::ident => return Pattern::Name(self.ident(&part)),
                Rule::ignore => return Pattern::Ignore(span),
                Rule::pattern => items.push(self.pattern(part)),
                Rule::comma => commas += 1,
                _ => {}
            }
        }
        match items.pop() {
            Some(item) if commas == 0 => item,
            item => {
                items.extend(item);
                Pattern::Tuple(items, span)
            }
        }
    }

    /// A body `= e` as a block.
    pub(super) fn value_block(&mut self, pair: Pair<'_, Rule>) -> Block {
        let value = self.expr(pair);
        Block { stmts: vec![], span: value.span, value: Some(Box::new(value)) }
    }

    /// A body `{ … }`.
    pub(super) fn block(&mut self, braces: &Pair<'_, Rule>) -> Block {
        let span = self.span(braces);
        let mut stmts = self.block_statements(braces, Place::Block);
        let value = stmts.pop_if(|last| matches!(&last.kind, StmtKind::Expr(_))).map(|last| match last.kind {
            StmtKind::Expr(value) => Box::new(value),
            _ => unreachable!("the statement was just seen to be an expression"),
        });
        Block { stmts, value, span }
    }

    pub(super) fn block_statements(&mut self, braces: &Pair<'_, Rule>, place: Place) -> Vec<Stmt> {
        let inside = self.scan.inside(self.open_brace(braces));
        self.scan.statements(inside).iter().filter_map(|chunk| self.statement(chunk, place)).collect()
    }

    /// Reads the statements in the blocks of a statement whose head is wrong, only to say what is wrong in them.
    fn salvage(&mut self, chunk: &Chunk, before: usize) {
        let is_head = matches!(
            self.scan.word(chunk.tokens.start),
            "fn" | "layer" | "net" | "optimizer" | "for" | "while" | "if" | "when" | "def" | "{"
        );
        let last = chunk.tokens.end - 1;
        let Some(open) = self.scan.partner[last].filter(|&open| open >= chunk.tokens.start) else { return };
        if !is_head || self.scan.word(open) != "{" || self.scan.word(last) != "}" {
            return;
        }
        // What is nested too deeply must not be gone into.
        let problems = self.scan.problems_in(chunk.tokens.clone());
        if problems.iter().any(|problem| problem.diagnostic.code == Code::E0105) {
            return;
        }
        // The scanner's problems inside the block were told with those of the head.
        let told = self.diagnostics.len();
        for inner in self.scan.statements(self.scan.inside(open)) {
            self.statement(&inner, Place::Block);
        }
        let mut idx = told;
        while idx < self.diagnostics.len() {
            if self.diagnostics[before..told].contains(&self.diagnostics[idx]) {
                self.diagnostics.remove(idx);
            } else {
                idx += 1;
            }
        }
    }

    /// Says where a statement does not belong.
    fn check_place(&mut self, stmt: &Stmt, place: Place) {
        let word = match &stmt.kind {
            StmtKind::Use(_) => "use",
            StmtKind::Precision(_) => "precision",
            StmtKind::Seed(_) => "seed",
            StmtKind::Vary { .. } if place != Place::Search => {
                self.report(
                    Diagnostic::error(Code::E0108, stmt.span, "`vary` stands between the braces of `search`")
                        .with_help("`search net on data { vary lr in [0.1, 0.01]; … }`"),
                );
                return;
            }
            _ => return,
        };
        match place {
            Place::Top => {}
            Place::Block => self.report(
                Diagnostic::error(Code::E0108, stmt.span, format!("`{word}` stands at the top level of a file"))
                    .with_help("move it out of the block, to the top of the file"),
            ),
            Place::Train | Place::Search => self.report(
                Diagnostic::error(
                    Code::E0108,
                    stmt.span,
                    format!("`{word}` as a statement stands at the top level of a file"),
                )
                .with_help(format!("a key of the training is written `{word} = …`")),
            ),
        }
    }

    /// The names that a statement with a mistake in it would have bound, as far as its first words tell.
    pub(super) fn names_bound(&self, chunk: &Chunk) -> Vec<Ident> {
        let word = |idx: usize| if idx < chunk.tokens.end { self.scan.word(idx) } else { "" };
        let ident = |idx: usize| Ident { name: super::name(self.scan.word(idx)), span: self.scan.span(idx) };
        let start = chunk.tokens.start;
        let is_word = |idx: usize| word(idx).starts_with(|c: char| c == '_' || c.is_alphabetic());
        if matches!(word(start), "fn" | "def" | "layer" | "net" | "optimizer" | "var" | "param" | "state" | "let")
            && is_word(start + 1)
        {
            return vec![ident(start + 1)];
        }
        if is_word(start) && matches!(word(start + 1), "=" | ":" | "~") {
            return vec![ident(start)];
        }
        if word(start) == "use" {
            return chunk.tokens.clone().skip(1).filter(|&idx| is_word(idx)).map(ident).collect();
        }
        if word(start) == "("
            && let Some(close) = self.scan.partner[start].filter(|&close| word(close + 1) == "=")
        {
            return (start..close).filter(|&idx| is_word(idx)).map(ident).collect();
        }
        vec![]
    }
}

/// The parts of a statement, built in the order in which they stand and handed out by kind.
struct Parts {
    idents: std::vec::IntoIter<Ident>,
    exprs: std::vec::IntoIter<Expr>,
    patterns: std::vec::IntoIter<Pattern>,
    blocks: std::vec::IntoIter<Block>,
    ty: Option<TypeExpr>,
    /// `=`, `:=` or `~`.
    sign: Option<Rule>,
}

impl Parts {
    fn of(reader: &mut Reader<'_, '_>, pair: Pair<'_, Rule>) -> Parts {
        let (mut idents, mut exprs, mut patterns, mut blocks) = (vec![], vec![], vec![], vec![]);
        let (mut ty, mut sign) = (None, None);
        let inner: Vec<Pair<'_, Rule>> = match pair.as_rule() {
            // These are built by themselves.
            Rule::def | Rule::use_file | Rule::use_module => vec![],
            _ => pair.into_inner().collect(),
        };
        for part in inner {
            match part.as_rule() {
                Rule::ident => idents.push(reader.ident(&part)),
                Rule::expr => exprs.push(reader.expr(part)),
                Rule::pattern => patterns.push(reader.pattern(part)),
                Rule::braces => blocks.push(reader.block(&part)),
                Rule::type_expr => ty = Some(reader.type_expr(part)),
                rule @ (Rule::equals | Rule::assign | Rule::tilde) => sign = Some(rule),
                _ => {}
            }
        }
        Parts {
            idents: idents.into_iter(),
            exprs: exprs.into_iter(),
            patterns: patterns.into_iter(),
            blocks: blocks.into_iter(),
            ty,
            sign,
        }
    }

    fn ident(&mut self) -> Ident {
        self.idents.next().expect("the grammar has a name here")
    }

    fn expr(&mut self) -> Expr {
        self.exprs.next().expect("the grammar has an expression here")
    }

    fn pattern(&mut self) -> Pattern {
        self.patterns.next().expect("the grammar has a pattern here")
    }

    fn block(&mut self) -> Block {
        self.blocks.next().expect("the grammar has a block here")
    }

    fn drawn(&mut self) -> Drawn {
        Drawn { name: self.ident(), ty: self.ty.take().expect("the grammar has a type here"), dist: self.expr() }
    }
}
