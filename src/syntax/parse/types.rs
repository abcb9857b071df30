//! Types as written.

use pest::iterators::Pair;

use super::Reader;
use super::grammar::Rule;
use crate::source::{Code, Diagnostic, Span};
use crate::syntax::ast::{BaseType, Ident, Size, TypeExpr, TypeExprKind};

impl Reader<'_, '_> {
    pub(super) fn type_expr(&mut self, pair: Pair<'_, Rule>) -> TypeExpr {
        let span = self.span(&pair);
        let inner = pair.into_inner().next().expect("a type is one of its forms");
        let kind = match inner.as_rule() {
            Rule::hole => TypeExprKind::Hole,
            Rule::named_type => self.named_type(inner),
            Rule::braces => self.record_type(&inner),
            Rule::tuple_type => {
                let has_comma = inner.clone().into_inner().any(|part| part.as_rule() == Rule::comma);
                let mut items = self.types(inner);
                match items.pop() {
                    Some(item) if !has_comma => item.kind,
                    item => {
                        items.extend(item);
                        TypeExprKind::Tuple(items)
                    }
                }
            }
            Rule::fn_type => {
                let mut types = self.types(inner);
                let result = types.pop().expect("a function type ends in its result");
                TypeExprKind::Fn(types, Box::new(result))
            }
            rule => unreachable!("`{rule:?}` is not a type in the grammar"),
        };
        TypeExpr { kind, span }
    }

    fn types(&mut self, pair: Pair<'_, Rule>) -> Vec<TypeExpr> {
        let types = pair.into_inner().filter(|part| part.as_rule() == Rule::type_expr);
        types.map(|part| self.type_expr(part)).collect()
    }

    fn named_type(&mut self, pair: Pair<'_, Rule>) -> TypeExprKind {
        let mut parts = pair.into_inner();
        let word = parts.next().expect("a named type begins with its name");
        let span = self.span(&word);
        let sizes = parts.next();
        let base = match word.as_str() {
            "real" => BaseType::Real,
            "int" => BaseType::Int,
            "bool" => BaseType::Bool,
            "str" => {
                if let Some(sizes) = sizes {
                    let span = self.span(&sizes);
                    self.report(Diagnostic::error(Code::E0101, span, "there are no tensors of strings"));
                }
                return TypeExprKind::Str;
            }
            other => {
                self.report(unknown_type(other, span));
                BaseType::Real
            }
        };
        let sizes = sizes.map_or(vec![], |sizes| self.sizes(sizes));
        let rest: Vec<Span> =
            sizes.iter().filter_map(|size| if let Size::Rest(span) = size { Some(*span) } else { None }).collect();
        if let [first, second, ..] = rest[..] {
            self.report(
                Diagnostic::error(Code::E0101, second, "`...` can stand only once in a type")
                    .with_label(second, "again here")
                    .with_label(first, "first here"),
            );
        }
        TypeExprKind::Tensor(base, sizes)
    }

    fn sizes(&mut self, pair: Pair<'_, Rule>) -> Vec<Size> {
        let sizes = pair.into_inner().filter(|part| part.as_rule() == Rule::size);
        sizes
            .map(|part| {
                let span = self.span(&part);
                let inner = part.into_inner().next().expect("a size is one of its forms");
                match inner.as_rule() {
                    Rule::rest => Size::Rest(span),
                    Rule::ignore => Size::Any(span),
                    _ => Size::Expr(self.expr(inner)),
                }
            })
            .collect()
    }

    fn record_type(&mut self, braces: &Pair<'_, Rule>) -> TypeExprKind {
        let open = self.open_brace(braces);
        let whole = Span { start: self.scan.tokens[open].end, ..self.span(braces) };
        let entries = self.read(Rule::record_type, self.trimmed(open), whole, |reader, pairs| {
            let entries = pairs.flat_map(Pair::into_inner).filter(|part| part.as_rule() == Rule::record_entry);
            entries.map(|entry| reader.record_entry(entry)).collect()
        });
        TypeExprKind::Record(entries.unwrap_or_default())
    }

    fn record_entry(&mut self, pair: Pair<'_, Rule>) -> (Ident, TypeExpr) {
        let mut parts = pair.into_inner();
        let ident = self.ident(&parts.next().expect("an entry begins with its name"));
        (ident, self.type_expr(parts.next_back().expect("an entry ends in its type")))
    }
}

fn unknown_type(word: &str, span: Span) -> Diagnostic {
    let meant = match word {
        "float" | "double" | "f32" | "f64" | "float32" | "float64" | "number" | "Real" | "tensor" | "Tensor"
        | "array" => Some("real"),
        "integer" | "i32" | "i64" | "int32" | "int64" | "uint" | "Int" => Some("int"),
        "boolean" | "Bool" => Some("bool"),
        "string" | "String" | "text" | "Str" => Some("str"),
        _ => None,
    };
    let diagnostic = Diagnostic::error(Code::E0101, span, format!("`{word}` is not a type"));
    match meant {
        Some("real") if word.starts_with(['f', 'd']) => {
            diagnostic.with_help("write `real`; `precision f32` at the top of the file chooses its size")
        }
        Some(meant) => diagnostic.with_help(format!("write `{meant}`")),
        None => {
            diagnostic.with_help("types are `real`, `int`, `bool`, `str`, tensors `real[n, 64]`, tuples and records")
        }
    }
}
