//! The syntax tree: what the text of a script says, before names and types mean anything.
//!
//! The tree is owned and carries a byte [`Span`] at every node. Sugar stays visible (pipes, `∇f`, `train`), so that the
//! formatter and `:expand` can show it; elaboration gives it meaning.

use std::rc::Rc;

use crate::source::Span;

/// The text of an identifier. Shared: names are copied into every later stage.
pub type Name = std::sync::Arc<str>;

/// An identifier where it stands.
#[derive(Clone, PartialEq, Debug)]
pub struct Ident {
    /// What it says.
    pub name: Name,
    /// Where it stands.
    pub span: Span,
}

/// A statement.
#[derive(Clone, PartialEq, Debug)]
pub struct Stmt {
    /// Which one.
    pub kind: StmtKind,
    /// From its first to its last character, without documentation.
    pub span: Span,
    /// The `##` comment above it, without the marks; empty if there is none.
    pub doc: Rc<str>,
}

/// The statements of the language.
#[derive(Clone, PartialEq, Debug)]
pub enum StmtKind {
    /// `use "./blocks.nn" as B`, `use std.data.{csv, split}`.
    Use(Use),
    /// `precision f32`.
    Precision(Ident),
    /// `seed 2023`.
    Seed(Expr),
    /// `x = e`, `x: real[n] = e`, `(a, b) = e`.
    Bind {
        /// What is bound.
        pattern: Pattern,
        /// The type stated, for a single name.
        ty: Option<TypeExpr>,
        /// Its value.
        value: Expr,
    },
    /// `x: real[n, d] ~ dist`.
    Draw(Drawn),
    /// `var x = e`, `var x: real = e`.
    Var {
        /// The name.
        name: Ident,
        /// The type stated.
        ty: Option<TypeExpr>,
        /// Its first value.
        value: Expr,
    },
    /// `x := e`, `(a, b) := e`.
    Assign {
        /// The variables rebound.
        pattern: Pattern,
        /// Their next value.
        value: Expr,
    },
    /// `param W: real[d, units] ~ glorot`.
    Param(Drawn),
    /// `state mu: real[d] = zeros(d)`.
    State {
        /// The name.
        name: Ident,
        /// The type stated.
        ty: Option<TypeExpr>,
        /// Its value in a new model.
        value: Expr,
    },
    /// `next mu = e`.
    Next {
        /// The state.
        name: Ident,
        /// Its value from the next step on.
        value: Expr,
    },
    /// `fn`, `layer`, `net` or `optimizer`.
    Def(Rc<Def>),
    /// `for pattern in items { … }`.
    For {
        /// What each turn binds.
        pattern: Pattern,
        /// What is gone through.
        items: Expr,
        /// The turn.
        body: Block,
    },
    /// `while condition { … }`.
    While {
        /// Checked before every turn.
        condition: Expr,
        /// The turn.
        body: Block,
    },
    /// `vary lr in [..]` or `vary lr ~ dist`, in the body of a `search`.
    Vary {
        /// The name varied.
        name: Ident,
        /// What it goes through or is drawn from.
        source: VarySource,
    },
    /// `print e`: the short form of the call `print(e)`.
    Print(Expr),
    /// An expression: the value of a block where it stands last, else an effect.
    Expr(Expr),
}

/// `name: type ~ distribution`.
#[derive(Clone, PartialEq, Debug)]
pub struct Drawn {
    /// The name.
    pub name: Ident,
    /// Its type; the shape is what the distribution is asked for.
    pub ty: TypeExpr,
    /// A function from a shape to a tensor.
    pub dist: Expr,
}

/// What `vary` goes through.
#[derive(Clone, PartialEq, Debug)]
pub enum VarySource {
    /// `in` each of these: a grid.
    In(Expr),
    /// `~` draws from this: a random search.
    Draws(Expr),
}

/// `use path as name`, `use path.{a, b}`.
#[derive(Clone, PartialEq, Debug)]
pub struct Use {
    /// The module.
    pub path: UsePath,
    /// What comes into scope.
    pub names: UseNames,
}

/// How a module is named.
#[derive(Clone, PartialEq, Debug)]
pub enum UsePath {
    /// `"./blocks.nn"`: a file, relative to the script.
    File(Ident),
    /// `std.data`: a module of the standard library.
    Std(Vec<Ident>),
}

/// What a `use` brings into scope.
#[derive(Clone, PartialEq, Debug)]
pub enum UseNames {
    /// `as B`, or the module's own name: one record-like name.
    Module(Option<Ident>),
    /// `.{a, b}`: these names.
    List(Vec<Ident>),
}

/// Which kind of definition.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum DefKind {
    /// `fn`: a function.
    Fn,
    /// `layer`: a function that owns parameters and state.
    Layer,
    /// `net`: a layer that stands alone.
    Net,
    /// `optimizer`: a function `(g, w) -> w'` with state.
    Optimizer,
}

impl DefKind {
    /// The word that starts the definition.
    pub fn word(self) -> &'static str {
        match self {
            DefKind::Fn => "fn",
            DefKind::Layer => "layer",
            DefKind::Net => "net",
            DefKind::Optimizer => "optimizer",
        }
    }
}

/// A named definition or, with `name == None`, a function literal.
#[derive(Clone, PartialEq, Debug)]
pub struct Def {
    /// Which kind.
    pub kind: DefKind,
    /// Its name; none for `fn(x) e`.
    pub name: Option<Ident>,
    /// One or two argument lists: hyper-parameters, then inputs.
    pub lists: Vec<Vec<Param>>,
    /// The result type stated.
    pub result: Option<TypeExpr>,
    /// What it computes; a body `= e` is a block with only a value.
    pub body: Block,
    /// `adjoint (x, dy) = e`: the reverse rule given by the user.
    pub adjoint: Option<Adjoint>,
    /// The `##` comment above it.
    pub doc: Rc<str>,
    /// From its first word to the end of its body.
    pub span: Span,
}

/// `adjoint (x, dy) = e`.
#[derive(Clone, PartialEq, Debug)]
pub struct Adjoint {
    /// The arguments of the function and the cotangent of its result.
    pub params: Vec<Param>,
    /// The cotangents of the arguments.
    pub body: Block,
}

/// An argument a definition declares: `x: real[n, d] = default`.
#[derive(Clone, PartialEq, Debug)]
pub struct Param {
    /// Its name.
    pub name: Ident,
    /// Its type, if stated.
    pub ty: Option<TypeExpr>,
    /// What it is when left out.
    pub default: Option<Expr>,
}

/// Statements, the last of which may be the value: `{ a = 1; a + 1 }`.
#[derive(Clone, PartialEq, Debug)]
pub struct Block {
    /// The statements before the value.
    pub stmts: Vec<Stmt>,
    /// The last expression, if the block ends in one.
    pub value: Option<Box<Expr>>,
    /// With its braces; of the expression where there are none.
    pub span: Span,
}

/// A pattern on the left of `=`.
#[derive(Clone, PartialEq, Debug)]
pub enum Pattern {
    /// A name.
    Name(Ident),
    /// `_`: not bound.
    Ignore(Span),
    /// `(a, (b, c))`.
    Tuple(Vec<Pattern>, Span),
}

impl Pattern {
    /// Where it stands.
    pub fn span(&self) -> Span {
        match self {
            Pattern::Name(ident) => ident.span,
            Pattern::Ignore(span) | Pattern::Tuple(_, span) => *span,
        }
    }

    /// The names it binds, from left to right.
    pub fn names(&self) -> Vec<&Ident> {
        match self {
            Pattern::Name(ident) => vec![ident],
            Pattern::Ignore(_) => vec![],
            Pattern::Tuple(items, _) => items.iter().flat_map(Pattern::names).collect(),
        }
    }
}

/// An expression.
#[derive(Clone, PartialEq, Debug)]
pub struct Expr {
    /// Which one.
    pub kind: ExprKind,
    /// From its first to its last character.
    pub span: Span,
}

/// The expressions of the language.
#[derive(Clone, PartialEq, Debug)]
pub enum ExprKind {
    /// `42`.
    Int(i64),
    /// `1e-3`.
    Real(f64),
    /// `true`.
    Bool(bool),
    /// `"cost {c:.3}"`.
    Str(Vec<StrPart>),
    /// A name.
    Name(Name),
    /// `∇f`: `grad(f)`.
    Nabla(Ident),
    /// `(a, b)`; parentheses around one expression leave no trace.
    Tuple(Vec<Expr>),
    /// `[a, b]`.
    List(Vec<Expr>),
    /// `{a: 1, b: 2}`.
    Record(Vec<(Ident, Expr)>),
    /// `-x`, `not b`.
    Unary(UnaryOp, Box<Expr>),
    /// `a + b`.
    Binary(BinaryOp, Box<Expr>, Box<Expr>),
    /// `a..b`: the ints from `a` up to, not including, `b`.
    Range(Box<Expr>, Box<Expr>),
    /// `x |> f`: `f(x)`.
    Pipe(Box<Expr>, Box<Expr>),
    /// `f(x, axis = 0)`.
    Call(Box<Expr>, Vec<Arg>),
    /// `x[0, 1..3, :, new]`.
    Index(Box<Expr>, Vec<IndexItem>),
    /// `r.name`, `t.0`.
    Field(Box<Expr>, Ident),
    /// `fn(x) e`; the definition has no name.
    Lambda(Rc<Def>),
    /// `if c then a else b`, `if c { … } else { … }`.
    If {
        /// The condition.
        condition: Box<Expr>,
        /// Taken where it holds.
        then: Block,
        /// Taken where it does not; a statement may leave it out.
        otherwise: Option<Block>,
    },
    /// `when training { … } else { … }`.
    When {
        /// In a training step.
        training: Block,
        /// In evaluation.
        evaluation: Option<Block>,
    },
    /// `train net on data { … }`.
    Train(Box<Training>),
    /// `search net on data { … }`.
    Search(Box<Training>),
    /// `?` where a value is expected: prints the type expected here.
    Hole,
}

/// What stands after `train` or `search`.
#[derive(Clone, PartialEq, Debug)]
pub struct Training {
    /// The net or model.
    pub net: Expr,
    /// What it is trained on.
    pub data: Expr,
    /// `cost = ols`, … in order.
    pub keys: Vec<(Ident, Expr)>,
    /// `vary …`, only in a search.
    pub vary: Vec<(Ident, VarySource)>,
    /// The block of keys, with its braces.
    pub body: Span,
}

/// A piece of an interpolated string.
#[derive(Clone, PartialEq, Debug)]
pub enum StrPart {
    /// As written, escapes resolved.
    Text(String),
    /// `{value:spec}`.
    Value {
        /// What is shown.
        value: Expr,
        /// How, as in Python: `.3`, `.3f`, `.3e`.
        spec: Option<Ident>,
    },
}

/// An argument of a call.
#[derive(Clone, PartialEq, Debug)]
pub struct Arg {
    /// `name =`, if given by name.
    pub name: Option<Ident>,
    /// Its value.
    pub value: Expr,
}

/// An item between the brackets of an index.
#[derive(Clone, PartialEq, Debug)]
pub enum IndexItem {
    /// `i`: one position, or several by an int tensor.
    At(Expr),
    /// `a..b`, `a..`, `..b`, `..`: a slice.
    Slice(Option<Expr>, Option<Expr>, Span),
    /// `:`: the whole axis.
    All(Span),
    /// `new`: an axis of size 1.
    New(Span),
}

/// An operator before its operand.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum UnaryOp {
    /// `-`.
    Neg,
    /// `not`.
    Not,
}

/// An operator between its operands.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[allow(missing_docs, reason = "the names are the operators'")]
pub enum BinaryOp {
    Add,
    Sub,
    Mul,
    Div,
    FloorDiv,
    Rem,
    MatMul,
    Pow,
    Eq,
    Ne,
    Lt,
    Le,
    Gt,
    Ge,
    And,
    Or,
}

impl BinaryOp {
    /// How it is written.
    pub fn symbol(self) -> &'static str {
        match self {
            BinaryOp::Add => "+",
            BinaryOp::Sub => "-",
            BinaryOp::Mul => "*",
            BinaryOp::Div => "/",
            BinaryOp::FloorDiv => "//",
            BinaryOp::Rem => "%",
            BinaryOp::MatMul => "@",
            BinaryOp::Pow => "^",
            BinaryOp::Eq => "==",
            BinaryOp::Ne => "!=",
            BinaryOp::Lt => "<",
            BinaryOp::Le => "<=",
            BinaryOp::Gt => ">",
            BinaryOp::Ge => ">=",
            BinaryOp::And => "and",
            BinaryOp::Or => "or",
        }
    }
}

/// A type as written.
#[derive(Clone, PartialEq, Debug)]
pub struct TypeExpr {
    /// Which one.
    pub kind: TypeExprKind,
    /// Where it stands.
    pub span: Span,
}

/// The types that can be written.
#[derive(Clone, PartialEq, Debug)]
pub enum TypeExprKind {
    /// `real`, `int[n]`, `real[..., d]`.
    Tensor(BaseType, Vec<Size>),
    /// `str`.
    Str,
    /// `(real, int)`.
    Tuple(Vec<TypeExpr>),
    /// `{a: real}`.
    Record(Vec<(Ident, TypeExpr)>),
    /// `fn(real) -> real`.
    Fn(Vec<TypeExpr>, Box<TypeExpr>),
    /// `?`: prints the type found here.
    Hole,
}

/// The element types that can be written.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[allow(missing_docs, reason = "the names are the types'")]
pub enum BaseType {
    Real,
    Int,
    Bool,
}

/// A size in the brackets of a type.
#[derive(Clone, PartialEq, Debug)]
pub enum Size {
    /// A number, a name, or integer arithmetic over names.
    Expr(Expr),
    /// `_`: any size.
    Any(Span),
    /// `...`: any number of axes.
    Rest(Span),
}
