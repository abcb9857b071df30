//! What layers own: `param`, `state` and `next`, looked up or made by their path.

use std::rc::Rc;

use super::draws::DrawPath;
use super::net::{NetRun, Source};
use super::paths::{find, insert, path_text};
use super::scope::{BindKind, Scope};
use super::value::{Repr, TensorValue, Value, type_text};
use super::{Elaborator, Mode, Result};
use crate::bail;
use crate::ir::{Decision, Type};
use crate::source::{Code, Diagnostic, Span};
use crate::syntax::ast::{Drawn, Expr, Ident, Name, TypeExpr};

impl NetRun {
    /// A remark on a layer that is applied a second time, elsewhere, and has parameters, which both uses share.
    pub(super) fn shared_again(&self, path: &[Name], span: Span) -> Option<Diagnostic> {
        let Source::First { params, .. } = &self.source else { return None };
        let (_, first) = self.applied.iter().find(|(other, _)| other == path)?;
        let (top, rest) = path.split_first()?;
        let mut owned = &params.iter().find(|(name, _)| name == top)?.1;
        for name in rest {
            owned = owned.as_record()?.get(name)?;
        }
        let name = path_text(path);
        let note = Diagnostic::note(
            Code::W0401,
            span,
            format!("the layer `{name}` is applied again and shares its parameters"),
        );
        (*first != span).then(|| {
            note.with_label(*first, "first here").with_help("a layer bound to another name has parameters of its own")
        })
    }
}

impl Elaborator {
    /// `param W: real[d, units] ~ init`.
    pub(super) fn param_stmt(&mut self, drawn: &Drawn, scope: &Rc<Scope>) -> Result<()> {
        let path = self.owned_path("param", &drawn.name, scope)?;
        let ty = self.stated_type(&drawn.ty, scope)?;
        if let Some(Source::First { open, .. }) = self.nets.last().map(|net| &net.source)
            && let Some(symbol) = ty.shape.iter().flat_map(|dim| dim.symbols()).find(|symbol| open.contains(symbol))
        {
            bail!(E0402, drawn.ty.span, "the parameter `{}` would have a size that depends on the input, {}", path_text(&path), type_text(&ty);
                  help: "state the size `{}` as a number in the signature of the net", symbol.name())
        }
        let known = self.nets.last().and_then(|net| match &net.source {
            Source::First { params, .. } => find(params, &path).cloned(),
            Source::Given { params, .. } => params.as_record().and_then(|record| find(&record.fields, &path).cloned()),
        });
        let value = match (known, self.nets.last().map(|net| &net.source)) {
            (Some(Value::Tensor(tensor)), _) => {
                let fits = tensor.rank() == ty.rank()
                    && tensor.ty.shape.iter().zip(&ty.shape).all(|(a, b)| a.compare(b) != Decision::Different);
                if !fits {
                    bail!(
                        E0304,
                        drawn.ty.span,
                        "the parameter `{}` is {} here, but {} where it is shared or given",
                        path_text(&path),
                        type_text(&ty),
                        type_text(&tensor.ty)
                    )
                }
                TensorValue { ty: Type::new(tensor.ty.dtype, ty.shape.clone()), repr: tensor.repr }
            }
            (_, Some(Source::First { .. })) => {
                let dist = self.expr(&drawn.dist, scope)?;
                let value = self.first_param(&dist, &ty, &path, drawn.dist.span)?;
                if let Some(Source::First { params, .. }) = self.nets.last_mut().map(|net| &mut net.source) {
                    insert(params, &path, value.clone().into());
                }
                value
            }
            _ => bail!(E0503, drawn.name.span, "these parameters have no `{}`", path_text(&path);
                       help: "they belong to another net, or the net was changed since"),
        };
        if let Repr::Node { level, id } = &value.repr {
            let name = path_text(&path);
            self.traces[*level].graph.name_value(*id, &name);
        }
        scope.bind(drawn.name.name.clone(), value.into(), Some(drawn.name.span), BindKind::Let);
        Ok(())
    }

    /// The first value of a parameter, drawn with a key of its own.
    pub(super) fn first_param(&mut self, dist: &Value, ty: &Type, path: &[Name], span: Span) -> Result<TensorValue> {
        let net = self.nets.last().expect("parameters are made in a net");
        let seed = net.seed.clone();
        let draws = DrawPath { path: path_text(path).to_string(), ordinal: 0, seed: Some(seed) };
        let before = std::mem::replace(&mut self.draws, draws);
        let value = match self.mode {
            Mode::Run => self.at_top_level(|elaborator| elaborator.draw_from(dist, ty, span)),
            // Only its type matters; the draw itself is checked and thrown away.
            Mode::Check => {
                let checked = self.draw_from(dist, ty, span);
                checked.and_then(|_| self.at_top_level(|elaborator| Ok(elaborator.param(ty.clone(), None))))
            }
        };
        self.draws = before;
        let value = value?;
        Ok(TensorValue { ty: ty.clone(), repr: value.repr })
    }

    /// `state mu: real[d] = zeros(d)` in a layer; an optimizer's states are bound before its body runs.
    pub(super) fn state_stmt(
        &mut self,
        name: &Ident,
        ty: Option<&TypeExpr>,
        value: &Expr,
        scope: &Rc<Scope>,
    ) -> Result<()> {
        if self.optimizer_state(name, scope) {
            return Ok(());
        }
        let path = self.owned_path("state", name, scope)?;
        let known = self.nets.last().and_then(|net| match &net.source {
            Source::First { states, .. } => find(states, &path).cloned(),
            Source::Given { states, .. } => states.as_record().and_then(|record| find(&record.fields, &path).cloned()),
        });
        let is_first = matches!(self.nets.last().map(|net| &net.source), Some(Source::First { .. }));
        let bound = match known {
            Some(known) => known,
            None if is_first => {
                let first = match self.mode {
                    Mode::Run => self.at_top_level(|elaborator| elaborator.expr(value, scope))?,
                    Mode::Check => self.expr(value, scope)?,
                };
                let first = self.as_state(&first);
                if let Some(Source::First { states, .. }) = self.nets.last_mut().map(|net| &mut net.source) {
                    insert(states, &path, first.clone());
                }
                first
            }
            None => bail!(E0503, name.span, "this model has no state `{}`", path_text(&path)),
        };
        if let (Some(ty), Value::Tensor(_)) = (ty, &bound) {
            let stated = self.stated_type(ty, scope)?;
            let tensor = bound.as_tensor().expect("matched");
            let fits = tensor.rank() == stated.rank()
                && tensor.ty.shape.iter().zip(&stated.shape).all(|(a, b)| a.compare(b) != Decision::Different);
            if !fits {
                bail!(
                    E0304,
                    value.span,
                    "the state `{}` needs {}, got {}",
                    name.name,
                    type_text(&stated),
                    type_text(&tensor.ty)
                )
            }
        }
        scope.bind(name.name.clone(), bound, Some(name.span), BindKind::Let);
        Ok(())
    }

    /// The first value of a state: real tensors have the program's precision; while checking, only the type is kept.
    pub(super) fn as_state(&mut self, value: &Value) -> Value {
        let (leaves, structure) = super::tree::flatten(value);
        let leaves: Vec<TensorValue> = leaves
            .into_iter()
            .map(|leaf| match self.mode {
                Mode::Run => leaf,
                Mode::Check => {
                    let ty = leaf.ty.clone();
                    self.at_top_level(|elaborator| Ok(elaborator.param(ty, None))).unwrap_or(leaf)
                }
            })
            .collect();
        super::tree::unflatten(&structure, leaves)
    }

    /// `next mu = e`.
    pub(super) fn next_stmt(&mut self, name: &Ident, value: &Expr, scope: &Rc<Scope>) -> Result<()> {
        let value_span = value.span;
        let value = self.expr(value, scope)?;
        if self.optimizer_next(name, &value)? {
            return Ok(());
        }
        let Some(net) = self.nets.last() else {
            bail!(E0401, name.span, "`next` gives a state of a layer or optimizer its next value")
        };
        let mut path = net.frames.last().expect("a net has a frame").path.clone();
        path.push(name.name.clone());
        let now = match &net.source {
            Source::First { states, .. } => find(states, &path).cloned(),
            Source::Given { states, .. } => states.as_record().and_then(|record| find(&record.fields, &path).cloned()),
        };
        let Some(now) = now else {
            bail!(E0401, name.span, "there is no state `{}` in this layer", name.name; help: "`state {} = …` declares one", name.name)
        };
        if net.next.iter().any(|(other, _)| *other == path) {
            bail!(E0401, name.span, "the state `{}` gets two next values", name.name)
        }
        let value = self.like_state(&now, &value, name, value_span)?;
        self.nets.last_mut().expect("looked up above").next.push((path, value));
        Ok(())
    }

    /// A next value in the types of the state it replaces; no gradient flows through it.
    pub(super) fn like_state(&mut self, now: &Value, next: &Value, name: &Ident, span: Span) -> Result<Value> {
        let ((old, structure), (new, other)) = (super::tree::flatten(now), super::tree::flatten(next));
        let keeps = |a: &TensorValue, b: &TensorValue| {
            a.rank() == b.rank() && a.ty.shape.iter().zip(&b.ty.shape).all(|(m, n)| m.compare(n) != Decision::Different)
        };
        if !structure.same(&other) || !old.iter().zip(&new).all(|(a, b)| keeps(a, b)) {
            bail!(
                E0304,
                span,
                "the next value of the state `{}` is {}, the state is {}",
                name.name,
                next.type_text(),
                now.type_text()
            )
        }
        let mut leaves = vec![];
        for (old, new) in old.iter().zip(&new) {
            let new = self.convert(new, old.ty.dtype)?;
            let new = self.refine(&new, &old.ty.shape, "the sizes of a state")?;
            leaves.push(if new.ty.dtype.is_real() && self.level() > 0 {
                self.emit(crate::ir::op::Stop, &[new])?
            } else {
                new
            });
        }
        Ok(super::tree::unflatten(&structure, leaves))
    }

    /// The path of a parameter or state declared here.
    pub(super) fn owned_path(&mut self, word: &str, name: &Ident, scope: &Rc<Scope>) -> Result<Vec<Name>> {
        let Some(net) = self.nets.last_mut() else {
            bail!(E0401, name.span, "`{}` stands in the body of a `layer` or `net`", word)
        };
        let frame = net.frame();
        if !frame.top.as_ref().is_some_and(|top| Rc::ptr_eq(top, scope)) {
            bail!(E0401, name.span, "`{}` stands at the top level of the body, not in a block or loop inside it", word)
        }
        let mut path = frame.path.clone();
        path.push(name.name.clone());
        Ok(path)
    }
}
