//! Trees drawn at random, printed, read and formatted.

use std::rc::Rc;

use nabla::source::{FileId, Span};
use nabla::syntax::ast::{
    Adjoint, Arg, BaseType, BinaryOp, Block, Def, DefKind, Drawn, Expr, ExprKind, Ident, IndexItem, Param, Pattern,
    Size, Stmt, StmtKind, StrPart, Training, TypeExpr, TypeExprKind, UnaryOp, VarySource,
};
use nabla::syntax::print;
use proptest::prelude::*;

use super::{check_format, meaning, read};

const NOWHERE: Span = Span { file: FileId(0), start: 0, end: 0 };

fn ident() -> impl Strategy<Value = Ident> {
    let names = vec!["x", "y", "θ", "W1", "seed", "state", "train", "on", "_private", "x₁", "a_rather_long_name"];
    prop::sample::select(names).prop_map(|name| Ident { name: name.into(), span: NOWHERE })
}

fn at(kind: ExprKind) -> Expr {
    Expr { kind, span: NOWHERE }
}

fn binary_op() -> impl Strategy<Value = BinaryOp> {
    use BinaryOp::*;
    prop::sample::select(vec![Add, Sub, Mul, Div, FloorDiv, Rem, MatMul, Pow, Eq, Ne, Lt, Le, Gt, Ge, And, Or])
}

fn leaf() -> impl Strategy<Value = Expr> {
    prop_oneof![
        (0..i64::MAX).prop_map(ExprKind::Int),
        (0.0..1e300).prop_map(ExprKind::Real),
        any::<bool>().prop_map(ExprKind::Bool),
        ident().prop_map(|ident| ExprKind::Name(ident.name)),
        ident().prop_map(ExprKind::Nabla),
        Just(ExprKind::Hole),
        "[a-z {}\"\\\\\n\t]{1,8}".prop_map(|text| ExprKind::Str(vec![StrPart::Text(text)])),
    ]
    .prop_map(at)
}

fn expr() -> BoxedStrategy<Expr> {
    leaf()
        .prop_recursive(5, 40, 4, |inner| {
            let boxed = || inner.clone().prop_map(Box::new);
            let several = || prop::collection::vec(inner.clone(), 0..4);
            let spec = prop::option::of(Just(Ident { name: ".3f".into(), span: NOWHERE }));
            prop_oneof![
                several().prop_map(ExprKind::Tuple),
                several().prop_map(ExprKind::List),
                inner
                    .clone()
                    .prop_map(|value| ExprKind::Record(vec![(Ident { name: "a".into(), span: NOWHERE }, value)])),
                boxed().prop_map(|value| ExprKind::Unary(UnaryOp::Neg, value)),
                boxed().prop_map(|value| ExprKind::Unary(UnaryOp::Not, value)),
                (binary_op(), boxed(), boxed()).prop_map(|(op, a, b)| ExprKind::Binary(op, a, b)),
                (boxed(), boxed()).prop_map(|(a, b)| ExprKind::Range(a, b)),
                (boxed(), boxed()).prop_map(|(a, b)| ExprKind::Pipe(a, b)),
                (boxed(), prop::collection::vec(arg(inner.clone()), 0..3))
                    .prop_map(|(f, args)| ExprKind::Call(f, args)),
                (boxed(), prop::collection::vec(index_item(inner.clone()), 1..3))
                    .prop_map(|(x, items)| ExprKind::Index(x, items)),
                (boxed(), ident()).prop_map(|(x, field)| ExprKind::Field(x, field)),
                def(inner.clone(), Just(None), 1).prop_map(|def| ExprKind::Lambda(Rc::new(Def {
                    adjoint: None,
                    kind: DefKind::Fn,
                    ..def
                }))),
                (boxed(), block(inner.clone()), prop::option::of(block(inner.clone())))
                    .prop_map(|(condition, then, otherwise)| ExprKind::If { condition, then, otherwise }),
                (block(inner.clone()), prop::option::of(block(inner.clone())))
                    .prop_map(|(training, evaluation)| ExprKind::When { training, evaluation }),
                training(inner.clone())
                    .prop_map(|training| ExprKind::Train(Box::new(Training { vary: vec![], ..training }))),
                training(inner.clone()).prop_map(|training| ExprKind::Search(Box::new(training))),
                // A string inside `{ }` of a string cannot be written.
                (inner.clone().prop_filter("holds a string", |value| !print::expr(value).contains(['"', '\n'])), spec)
                    .prop_map(|(value, spec)| ExprKind::Str(vec![StrPart::Value { value, spec }])),
            ]
            .prop_map(at)
        })
        .boxed()
}

fn arg(inner: BoxedStrategy<Expr>) -> impl Strategy<Value = Arg> {
    (prop::option::of(ident()), inner).prop_map(|(name, value)| Arg { name, value })
}

fn index_item(inner: BoxedStrategy<Expr>) -> impl Strategy<Value = IndexItem> {
    let end = || prop::option::of(inner.clone());
    prop_oneof![
        inner.clone().prop_map(IndexItem::At),
        (end(), end()).prop_map(|(from, to)| IndexItem::Slice(from, to, NOWHERE)),
        Just(IndexItem::All(NOWHERE)),
        Just(IndexItem::New(NOWHERE)),
    ]
}

fn training(inner: BoxedStrategy<Expr>) -> impl Strategy<Value = Training> {
    let source = prop_oneof![inner.clone().prop_map(VarySource::In), inner.clone().prop_map(VarySource::Draws)];
    let keys = prop::collection::vec((ident(), inner.clone()), 0..3);
    let net = ident().prop_filter("a net is not called `on`", |ident| &*ident.name != "on");
    (net, inner, keys, prop::collection::vec((ident(), source), 0..2)).prop_map(|(net, data, keys, vary)| Training {
        net: at(ExprKind::Name(net.name)),
        data,
        keys,
        vary,
        body: NOWHERE,
    })
}

fn block(inner: BoxedStrategy<Expr>) -> impl Strategy<Value = Block> {
    let bind = (pattern(), inner.clone()).prop_map(|(pattern, value)| StmtKind::Bind { pattern, ty: None, value });
    let next = (ident(), inner.clone()).prop_map(|(name, value)| StmtKind::Next { name, value });
    let shown = inner.clone().prop_map(StmtKind::Print);
    let stmts = prop::collection::vec(prop_oneof![bind, next, shown].prop_map(stmt), 0..3);
    (stmts, prop::option::of(inner.prop_map(Box::new))).prop_map(|(stmts, value)| Block { stmts, value, span: NOWHERE })
}

fn pattern() -> impl Strategy<Value = Pattern> {
    let leaf = prop_oneof![ident().prop_map(Pattern::Name), Just(Pattern::Ignore(NOWHERE))];
    leaf.prop_recursive(2, 6, 3, |inner| {
        prop::collection::vec(inner, 1..3).prop_map(|items| Pattern::Tuple(items, NOWHERE))
    })
}

fn type_expr() -> impl Strategy<Value = TypeExpr> {
    let base = prop::sample::select(vec![BaseType::Real, BaseType::Int, BaseType::Bool]);
    let size = prop_oneof![leaf().prop_map(Size::Expr), Just(Size::Any(NOWHERE))];
    let leaf = prop_oneof![
        (base, prop::collection::vec(size, 0..3)).prop_map(|(base, sizes)| TypeExprKind::Tensor(base, sizes)),
        Just(TypeExprKind::Tensor(BaseType::Real, vec![Size::Rest(NOWHERE)])),
        Just(TypeExprKind::Str),
        Just(TypeExprKind::Hole),
    ];
    let leaf = leaf.prop_map(|kind| TypeExpr { kind, span: NOWHERE });
    leaf.prop_recursive(2, 6, 2, |inner| {
        let several = || prop::collection::vec(inner.clone(), 1..3);
        let kind = prop_oneof![
            several().prop_map(TypeExprKind::Tuple),
            inner.clone().prop_map(|ty| TypeExprKind::Record(vec![(Ident { name: "a".into(), span: NOWHERE }, ty)])),
            (several(), inner.clone()).prop_map(|(params, result)| TypeExprKind::Fn(params, Box::new(result))),
        ];
        kind.prop_map(|kind| TypeExpr { kind, span: NOWHERE })
    })
}

fn params(inner: BoxedStrategy<Expr>) -> impl Strategy<Value = Vec<Param>> {
    let param = (ident(), prop::option::of(type_expr()), prop::option::of(inner));
    prop::collection::vec(param.prop_map(|(name, ty, default)| Param { name, ty, default }), 0..3)
}

fn def(
    inner: BoxedStrategy<Expr>,
    name: impl Strategy<Value = Option<Ident>>,
    most_lists: usize,
) -> impl Strategy<Value = Def> {
    let kind = prop::sample::select(vec![DefKind::Fn, DefKind::Layer, DefKind::Net, DefKind::Optimizer]);
    let adjoint = (params(inner.clone()), block(inner.clone())).prop_map(|(params, body)| Adjoint { params, body });
    (
        kind,
        name,
        prop::collection::vec(params(inner.clone()), 1..=most_lists),
        prop::option::of(type_expr()),
        block(inner),
        prop::option::of(adjoint),
    )
        .prop_map(|(kind, name, lists, result, body, adjoint)| Def {
            kind,
            name,
            lists,
            result,
            body,
            adjoint,
            doc: "".into(),
            span: NOWHERE,
        })
}

fn stmt(kind: StmtKind) -> Stmt {
    Stmt { kind, span: NOWHERE, doc: "".into() }
}

fn statement() -> impl Strategy<Value = Stmt> {
    let drawn = || (ident(), type_expr(), expr()).prop_map(|(name, ty, dist)| Drawn { name, ty, dist });
    prop_oneof![
        // `seed (1)` would be a call of a function named so: a number or a name follows.
        (0..i64::MAX).prop_map(|value| StmtKind::Seed(at(ExprKind::Int(value)))),
        (pattern(), expr()).prop_map(|(pattern, value)| StmtKind::Bind { pattern, ty: None, value }),
        (ident(), type_expr(), expr()).prop_map(|(name, ty, value)| StmtKind::Bind {
            pattern: Pattern::Name(name),
            ty: Some(ty),
            value
        }),
        drawn().prop_map(StmtKind::Draw),
        drawn().prop_map(StmtKind::Param),
        (ident(), prop::option::of(type_expr()), expr()).prop_map(|(name, ty, value)| StmtKind::Var {
            name,
            ty,
            value
        }),
        (ident(), prop::option::of(type_expr()), expr()).prop_map(|(name, ty, value)| StmtKind::State {
            name,
            ty,
            value
        }),
        (pattern(), expr()).prop_map(|(pattern, value)| StmtKind::Assign { pattern, value }),
        def(expr(), ident().prop_map(Some), 2).prop_map(|def| StmtKind::Def(Rc::new(def))),
        (pattern(), expr(), block(expr())).prop_map(|(pattern, items, body)| StmtKind::For { pattern, items, body }),
        (expr(), block(expr())).prop_map(|(condition, body)| StmtKind::While { condition, body }),
        expr().prop_map(StmtKind::Print),
        expr().prop_map(StmtKind::Expr),
    ]
    .prop_map(stmt)
}

/// Puts spaces, line ends and comments where they mean nothing: after commas inside brackets and at the ends of lines.
fn untidy(text: &str, noise: &[u8]) -> String {
    let mut noise = noise.iter().cycle();
    let mut out = String::new();
    let mut in_string = false;
    let mut escaped = false;
    let mut open: Vec<char> = vec![];
    for c in text.chars() {
        out.push(c);
        if in_string {
            in_string = escaped || c != '"';
            escaped = !escaped && c == '\\';
            continue;
        }
        match c {
            '"' => in_string = true,
            '(' | '[' | '{' => open.push(c),
            ')' | ']' | '}' => {
                open.pop();
            }
            ' ' => out.push_str(["", "", " ", "   "][*noise.next().unwrap_or(&0) as usize % 4]),
            _ => {}
        }
        let in_brackets = matches!(open.last(), Some('(' | '['));
        if c == ',' && in_brackets {
            out.push_str(
                ["", " ", "\n", "  # comment\n    ", "\n\n# one\n# two\n"][*noise.next().unwrap_or(&0) as usize % 5],
            );
        }
    }
    out
}

proptest! {
    #![proptest_config(super::drawn())]

    #[test]
    fn what_is_printed_is_read_back(stmts in prop::collection::vec(statement(), 1..4)) {
        let printed = print::stmts(&stmts);
        prop_assert_eq!(meaning(&stmts), meaning(&read(&printed)), "printed as\n{}", printed);
    }

    #[test]
    fn formatting_keeps_what_is_said(
        stmts in prop::collection::vec(statement(), 1..4),
        noise in prop::collection::vec(any::<u8>(), 1..20),
    ) {
        check_format(&untidy(&print::stmts(&stmts), &noise));
    }
}
