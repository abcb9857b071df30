//! How texts are read: newlines, precedence, contextual words, documentation, spans.

use nabla::source::FileId;
use nabla::syntax::ast::{ExprKind, StmtKind};
use nabla::syntax::{complete, parse, parse_expr, print};

use super::{meaning, read};

/// Checks that two texts say the same.
fn same(one: &str, other: &str) {
    assert_eq!(meaning(&read(one)), meaning(&read(other)), "{one}\nand\n{other}");
}

#[test]
fn precedence() {
    same("x = a + b * c ^ d ^ e", "x = a + (b * (c ^ (d ^ e)))");
    same("x = -a ^ 2 * b", "x = (-(a ^ 2)) * b");
    same("x = 2^-1^2", "x = 2^(-(1^2))");
    same("x = a or b and not c == d", "x = a or (b and (not (c == d)))");
    same("x = a..b + 1 == c", "x = (a..(b + 1)) == c");
    same("x = a |> f or g", "x = a |> (f or g)");
    same("x = a - b - c", "x = (a - b) - c");
    same("x = a / b @ c // d % e", "x = (((a / b) @ c) // d) % e");
    same("x = fn(a) a + 1 |> f", "x = fn(a) ((a + 1) |> f)");
    same("x = ∇f(a).b[0]", "x = (((∇f)(a)).b)[0]");
    same("x = if a then b else c + 1", "x = if a then b else (c + 1)");
}

#[test]
fn newlines() {
    same("x = a +\n  b", "x = a + b");
    same("x = a\n  + b", "x = a + b");
    same("x = a\n+ b", "x = a + b");
    same("x = a\n-b", "x = a; -b");
    same("x = f(a\n, b\n)", "x = f(a, b)");
    same("x = f(a # one\n, b) # two", "x = f(a, b)");
    same("x = a\n\n  # a comment\n  |> f\n  .g", "x = (a |> f.g)");
    same("x = if a\n then b\n else c", "x = if a then b else c");
    same("x =\n\n  3", "x = 3");
    same("for i in\n xs { a = [1\n2 + 0\n] }".replace("\n2 + 0", ", 2").as_str(), "for i in xs { a = [1, 2] }");
    same("f(fn(x) {\n a = x\n a\n}, b)", "f(fn(x) { a = x; a }, b)");
    same("if a { b }\nelse { c }", "if a { b } else { c }");
    same("x = {a: 1,\n b:\n 2}\r\ny = 3\r", "x = {a: 1, b: 2}; y = 3");
    same("\u{feff}x = 1", "x = 1");
}

#[test]
fn spellings_that_mean_the_same() {
    same("x = a ≤ b", "x = a <= b");
    same("x = a ≥ b or a ≠ b", "x = a >= b or a != b");
    // The micro sign looks like the Greek letter.
    same("\u{b5} = 1", "μ = 1");
    same("x = 1_000", "x = 1000");
}

#[test]
fn words_are_keywords_only_before_names_and_numbers() {
    let stmts = read("seed 3\nseed = 3\nx = seed\nnet = 1\ntrain = net\nstate = s");
    assert!(matches!(stmts[0].kind, StmtKind::Seed(_)));
    assert!(stmts[1..].iter().all(|stmt| matches!(stmt.kind, StmtKind::Bind { .. })));
    let stmts = read("run = train a on b { k = 1 }\ntrain(a)");
    assert!(matches!(&stmts[0].kind, StmtKind::Bind { value, .. } if matches!(value.kind, ExprKind::Train(_))));
    assert!(matches!(&stmts[1].kind, StmtKind::Expr(value) if matches!(value.kind, ExprKind::Call(..))));
}

#[test]
fn documentation() {
    let text = "## About the file.\n\n## About f.\n## More.\nfn f(x) = x\n\n## Lost.\n\nx = 1\ny = 2 ## no documentation\nz = 3\n";
    let (file, _) = parse(FileId(0), text);
    assert_eq!(&*file.doc, "About the file.");
    let docs: Vec<&str> = file.stmts.iter().map(|stmt| &*stmt.doc).collect();
    assert_eq!(docs, ["About f.\nMore.", "", "", ""]);
    let StmtKind::Def(def) = &file.stmts[0].kind else { panic!("the first statement is a definition") };
    assert_eq!(&*def.doc, "About f.\nMore.");
}

#[test]
fn spans_are_bytes_of_the_file() {
    let text = "δ = 1\nprint \"é {α + β:.3} {γ}\"  # ω\n";
    let (file, _) = parse(FileId(7), text);
    let StmtKind::Print(value) = &file.stmts[1].kind else { panic!("the second statement prints") };
    assert_eq!(&text[value.span.range()], "\"é {α + β:.3} {γ}\"");
    let ExprKind::Str(parts) = &value.kind else { panic!("it prints a string") };
    let shown: Vec<&str> = parts
        .iter()
        .filter_map(|part| match part {
            nabla::syntax::ast::StrPart::Value { value, .. } => Some(&text[value.span.range()]),
            nabla::syntax::ast::StrPart::Text(_) => None,
        })
        .collect();
    assert_eq!(shown, ["α + β", "γ"]);
    assert_eq!(value.span.file, FileId(7));
}

#[test]
fn a_mistake_costs_one_statement() {
    let (file, mistakes) = parse(FileId(0), "a = 1\nb = )\nfn f(x) {\n  c = * 2\n  d = 3 4\n}\nprint a\n");
    assert_eq!(file.stmts.len(), 2);
    assert_eq!(mistakes.len(), 3);
    let lost: Vec<&str> = file.lost.iter().map(|ident| &*ident.name).collect();
    assert_eq!(lost, ["b", "f"]);
}

#[test]
fn mistakes_in_a_block_are_told_when_its_head_is_wrong_too() {
    let (_, mistakes) = parse(FileId(0), "for 3 in xs {\n  a = )\n  b = 2\n  c = 1 +\n}\n");
    assert_eq!(mistakes.len(), 3, "{mistakes:?}");
}

#[test]
fn whole_inputs() {
    for text in ["x = 1", "", "\n\n", "# comment", "f(1)\n", "fn f(x) { x }", "x = )", "\"open", "## lost\n\n", "a; b;"]
    {
        assert!(complete(text), "{text:?} is complete");
    }
    for text in [
        "x =",
        "f(1,",
        "f(",
        "for i in 0..3 {",
        "x = [1,\n2",
        "a +",
        "x |>\n",
        "if a then",
        "not",
        "## doc",
        "fn f(x) {\n a = 1\n",
        "x = 1 + # more",
    ] {
        assert!(!complete(text), "{text:?} is not complete");
    }
}

#[test]
fn lone_expressions() {
    let expr = parse_expr(FileId(0), "let me see: a + b.", 12..17).expect("it is an expression");
    assert_eq!((expr.span.start, expr.span.end), (12, 17));
    assert_eq!(print::expr(&expr), "a + b");
    assert!(parse_expr(FileId(0), "a +", 0..3).is_err());
    assert!(parse_expr(FileId(0), "   ", 0..3).is_err());
}
