//! Types.

use super::Writer;
use crate::syntax::ast::{BaseType, Size, TypeExpr, TypeExprKind};

impl Writer {
    pub(super) fn type_expr(&mut self, ty: &TypeExpr) {
        match &ty.kind {
            TypeExprKind::Tensor(base, sizes) => {
                self.put(match base {
                    BaseType::Real => "real",
                    BaseType::Int => "int",
                    BaseType::Bool => "bool",
                });
                if !sizes.is_empty() {
                    self.put("[");
                    self.commas(sizes, |writer, size| match size {
                        Size::Expr(size) => writer.expr(size, 0),
                        Size::Any(_) => writer.put("_"),
                        Size::Rest(_) => writer.put("..."),
                    });
                    self.put("]");
                }
            }
            TypeExprKind::Str => self.put("str"),
            TypeExprKind::Tuple(items) => {
                self.put("(");
                self.commas(items, Writer::type_expr);
                self.put(if items.len() == 1 { ",)" } else { ")" });
            }
            TypeExprKind::Record(fields) => {
                self.put("{");
                self.commas(fields, |writer, (name, ty)| {
                    writer.put(&name.name);
                    writer.typed(Some(ty));
                });
                self.put("}");
            }
            TypeExprKind::Fn(params, result) => {
                self.put("fn(");
                self.commas(params, Writer::type_expr);
                self.put(") -> ");
                self.type_expr(result);
            }
            TypeExprKind::Hole => self.put("?"),
        }
    }
}
