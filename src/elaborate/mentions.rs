//! The free names of definitions: what a body mentions that it does not bind itself, and where.
//!
//! This is a walk over the syntax tree that evaluates nothing. It knows what binds a name (parameters, sizes of a signature,
//! statements, the patterns of loops) and which words are no values: the names of arguments, fields, keys, and what `wrt` and
//! `deriv` take.

use crate::source::Span;
use crate::syntax::ast::{
    Arg, Block, Def, Expr, ExprKind, Ident, IndexItem, Name, Param, Pattern, Size, Stmt, StmtKind, StrPart, TypeExpr,
    TypeExprKind, UseNames, UsePath, VarySource,
};

/// The functions whose argument `wrt` names parameters.
const DERIVATIVES: [&str; 9] =
    ["grad", "value_and_grad", "jacobian", "hessian", "jvp", "vjp", "hvp", "deriv", "derive"];

/// A name that is mentioned inside a definition or function literal, and bound outside of the statement if at all.
pub(super) struct Mention<'a> {
    pub(super) name: &'a Name,
    pub(super) span: Span,
    /// Whether a definition with a name is around it, which sees no variables outside.
    pub(super) in_named: bool,
    /// The call of which it is the function.
    pub(super) call: Option<(&'a [Arg], Span)>,
    /// The field that is taken of it.
    pub(super) field: Option<&'a Ident>,
}

/// What the definitions and function literals of a statement mention from outside of it.
pub(super) fn mentions(stmt: &Stmt) -> Vec<Mention<'_>> {
    let mut walk = Walk { frames: vec![], depth: 0, n_named: 0, found: vec![] };
    walk.frames.push(Frame::default());
    walk.stmt(stmt);
    walk.found
}

/// What a definition mentions from outside of it; it mentions its own name where it calls itself.
pub(super) fn mentions_of(def: &Def) -> Vec<Mention<'_>> {
    let mut walk = Walk { frames: vec![], depth: 0, n_named: 0, found: vec![] };
    walk.def(def);
    walk.found
}

/// The names of one block.
#[derive(Default)]
struct Frame<'a> {
    /// Bound by now.
    bound: Vec<&'a Name>,
    /// Bound further down: visible in definitions made before, as those run later.
    later: Vec<&'a Name>,
    /// How many definitions are around it.
    depth: usize,
}

struct Walk<'a> {
    frames: Vec<Frame<'a>>,
    /// How many definitions and literals are around.
    depth: usize,
    /// How many of them have a name.
    n_named: usize,
    found: Vec<Mention<'a>>,
}

impl<'a> Walk<'a> {
    fn is_local(&self, name: &Name) -> bool {
        let visible =
            |frame: &Frame| frame.bound.contains(&name) || frame.depth < self.depth && frame.later.contains(&name);
        self.frames.iter().any(visible)
    }

    fn bind(&mut self, name: &'a Name) {
        let frame = self.frames.last_mut().expect("names are bound in a block");
        frame.bound.push(name);
    }

    fn inside(&mut self, later: Vec<&'a Name>, walk: impl FnOnce(&mut Self)) {
        self.frames.push(Frame { bound: vec![], later, depth: self.depth });
        walk(self);
        self.frames.pop();
    }

    fn mention(&mut self, name: &'a Name, span: Span, call: Option<(&'a [Arg], Span)>, field: Option<&'a Ident>) {
        if self.depth > 0 && !self.is_local(name) {
            self.found.push(Mention { name, span, in_named: self.n_named > 0, call, field });
        }
    }

    fn block(&mut self, block: &'a Block) {
        let later = block.stmts.iter().flat_map(bound_by).collect();
        self.inside(later, |walk| {
            block.stmts.iter().for_each(|stmt| walk.stmt(stmt));
            if let Some(value) = &block.value {
                walk.expr(value);
            }
        });
    }

    fn def(&mut self, def: &'a Def) {
        self.depth += 1;
        self.n_named += usize::from(def.name.is_some());
        self.inside(vec![], |walk| {
            let params: Vec<&Param> = def.lists.iter().flatten().collect();
            for ty in params.iter().filter_map(|param| param.ty.as_ref()) {
                walk.bind_sizes(ty);
            }
            params.iter().for_each(|param| walk.bind(&param.name.name));
            params.iter().filter_map(|param| param.ty.as_ref()).for_each(|ty| walk.sizes(ty));
            params.iter().filter_map(|param| param.default.as_ref()).for_each(|default| walk.expr(default));
            walk.block(&def.body);
            if let Some(rule) = &def.adjoint {
                walk.inside(vec![], |walk| {
                    rule.params.iter().for_each(|param| walk.bind(&param.name.name));
                    walk.block(&rule.body);
                });
            }
            if let Some(result) = &def.result {
                walk.bind_sizes(result);
                walk.sizes(result);
            }
        });
        self.n_named -= usize::from(def.name.is_some());
        self.depth -= 1;
    }

    fn stmt(&mut self, stmt: &'a Stmt) {
        match &stmt.kind {
            StmtKind::Bind { value, ty, .. } => {
                self.expr(value);
                ty.iter().for_each(|ty| self.bind_sizes(ty));
                ty.iter().for_each(|ty| self.sizes(ty));
            }
            StmtKind::Draw(drawn) | StmtKind::Param(drawn) => {
                self.stated_sizes(&drawn.ty);
                self.expr(&drawn.dist);
            }
            StmtKind::Var { ty, value, .. } => {
                self.expr(value);
                self.inside(vec![], |walk| {
                    ty.iter().for_each(|ty| walk.bind_sizes(ty));
                    ty.iter().for_each(|ty| walk.sizes(ty));
                });
            }
            StmtKind::State { ty, value, .. } => {
                ty.iter().for_each(|ty| self.stated_sizes(ty));
                self.expr(value);
            }
            StmtKind::Assign { value, .. }
            | StmtKind::Next { value, .. }
            | StmtKind::Seed(value)
            | StmtKind::Print(value)
            | StmtKind::Expr(value) => self.expr(value),
            StmtKind::Def(def) => {
                // A definition sees itself.
                bound_by(stmt).into_iter().for_each(|name| self.bind(name));
                self.def(def);
                return;
            }
            StmtKind::For { pattern, items, body } => {
                self.expr(items);
                self.turn(Some(pattern), body);
            }
            StmtKind::While { condition, body } => {
                self.expr(condition);
                self.turn(None, body);
            }
            StmtKind::Vary { source: VarySource::In(value) | VarySource::Draws(value), .. } => self.expr(value),
            StmtKind::Use(_) | StmtKind::Precision(_) => {}
        }
        bound_by(stmt).into_iter().for_each(|name| self.bind(name));
    }

    fn turn(&mut self, pattern: Option<&'a Pattern>, body: &'a Block) {
        self.inside(vec![], |walk| {
            pattern.into_iter().flat_map(Pattern::names).for_each(|ident| walk.bind(&ident.name));
            walk.block(body);
        });
    }

    fn expr(&mut self, expr: &'a Expr) {
        match &expr.kind {
            ExprKind::Int(_) | ExprKind::Real(_) | ExprKind::Bool(_) | ExprKind::Hole => {}
            ExprKind::Name(name) => self.mention(name, expr.span, None, None),
            ExprKind::Nabla(ident) => self.mention(&ident.name, ident.span, None, None),
            ExprKind::Str(parts) => {
                for part in parts {
                    if let StrPart::Value { value, .. } = part {
                        self.expr(value);
                    }
                }
            }
            ExprKind::Tuple(items) | ExprKind::List(items) => items.iter().for_each(|item| self.expr(item)),
            ExprKind::Record(fields) => fields.iter().for_each(|(_, value)| self.expr(value)),
            ExprKind::Unary(_, x) => self.expr(x),
            ExprKind::Binary(_, a, b) | ExprKind::Range(a, b) | ExprKind::Pipe(a, b) => {
                self.expr(a);
                self.expr(b);
            }
            ExprKind::Call(f, args) => self.call(f, args, expr.span),
            ExprKind::Index(x, items) => {
                self.expr(x);
                for item in items {
                    match item {
                        IndexItem::At(at) => self.expr(at),
                        IndexItem::Slice(start, end, _) => start.iter().chain(end).for_each(|bound| self.expr(bound)),
                        IndexItem::All(_) | IndexItem::New(_) => {}
                    }
                }
            }
            ExprKind::Field(x, field) => match &x.kind {
                ExprKind::Name(name) => self.mention(name, x.span, None, Some(field)),
                _ => self.expr(x),
            },
            ExprKind::Lambda(def) => self.def(def),
            ExprKind::If { condition, then, otherwise } => {
                self.expr(condition);
                [Some(then), otherwise.as_ref()].into_iter().flatten().for_each(|block| self.block(block));
            }
            ExprKind::When { training, evaluation } => {
                [Some(training), evaluation.as_ref()].into_iter().flatten().for_each(|block| self.block(block));
            }
            ExprKind::Train(training) | ExprKind::Search(training) => self.inside(vec![], |walk| {
                for (name, VarySource::In(value) | VarySource::Draws(value)) in &training.vary {
                    walk.expr(value);
                    walk.bind(&name.name);
                }
                [&training.net, &training.data].into_iter().for_each(|expr| walk.expr(expr));
                training.keys.iter().for_each(|(_, value)| walk.expr(value));
            }),
        }
    }

    fn call(&mut self, f: &'a Expr, args: &'a [Arg], span: Span) {
        let name = match &f.kind {
            ExprKind::Name(name) => {
                self.mention(name, f.span, Some((args, span)), None);
                Some(name).filter(|name| !self.is_local(name))
            }
            _ => {
                self.expr(f);
                None
            }
        };
        let derives = name.is_some_and(|name| DERIVATIVES.contains(&&**name));
        let by_position = name.is_some_and(|name| &**name == "deriv");
        for (idx, arg) in args.iter().enumerate() {
            let names_parameters = match &arg.name {
                Some(ident) => derives && &*ident.name == "wrt",
                None => by_position && idx > 0,
            };
            if !names_parameters {
                self.expr(&arg.value);
            }
        }
    }

    /// Binds the names that a type gives to sizes.
    fn bind_sizes(&mut self, ty: &'a TypeExpr) {
        each_size(ty, &mut |size| {
            if let ExprKind::Name(name) = &size.kind {
                self.bind(name);
            }
        });
    }

    /// The sizes of a type that are computed.
    fn sizes(&mut self, ty: &'a TypeExpr) {
        each_size(ty, &mut |size| {
            if !matches!(size.kind, ExprKind::Name(_)) {
                self.expr(size);
            }
        });
    }

    /// The sizes of a type all of which must be known.
    fn stated_sizes(&mut self, ty: &'a TypeExpr) {
        each_size(ty, &mut |size| self.expr(size));
    }
}

fn each_size<'a>(ty: &'a TypeExpr, act: &mut dyn FnMut(&'a Expr)) {
    match &ty.kind {
        TypeExprKind::Tensor(_, sizes) => {
            for size in sizes {
                if let Size::Expr(size) = size {
                    act(size);
                }
            }
        }
        TypeExprKind::Tuple(types) => types.iter().for_each(|ty| each_size(ty, act)),
        TypeExprKind::Record(fields) => fields.iter().for_each(|(_, ty)| each_size(ty, act)),
        TypeExprKind::Fn(..) | TypeExprKind::Str | TypeExprKind::Hole => {}
    }
}

/// The names a statement binds in its block.
fn bound_by(stmt: &Stmt) -> Vec<&Name> {
    match &stmt.kind {
        StmtKind::Bind { pattern, .. } => pattern.names().into_iter().map(|ident| &ident.name).collect(),
        StmtKind::Draw(drawn) | StmtKind::Param(drawn) => vec![&drawn.name.name],
        StmtKind::Var { name, .. } | StmtKind::State { name, .. } | StmtKind::Vary { name, .. } => vec![&name.name],
        StmtKind::Def(def) => def.name.iter().map(|ident| &ident.name).collect(),
        StmtKind::Use(import) => match (&import.names, &import.path) {
            (UseNames::List(names), _) => names.iter().map(|ident| &ident.name).collect(),
            (UseNames::Module(Some(name)), _) => vec![&name.name],
            (UseNames::Module(None), UsePath::Std(words)) => words.last().map(|word| &word.name).into_iter().collect(),
            (UseNames::Module(None), UsePath::File(_)) => vec![],
        },
        StmtKind::Assign { .. }
        | StmtKind::Next { .. }
        | StmtKind::Seed(_)
        | StmtKind::Print(_)
        | StmtKind::Expr(_)
        | StmtKind::For { .. }
        | StmtKind::While { .. }
        | StmtKind::Precision(_) => vec![],
    }
}
