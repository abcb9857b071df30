//! `vary`: what a search tries.
//!
//! `vary lr in [0.1, 0.01]` goes through a list, and several of them through every combination. `vary lr ~ loguniform(1e-4, 1e-1)`
//! draws; then `trials` says how often, and lists are drawn from as well.

use std::rc::Rc;

use crate::bail;
use crate::elaborate::draws::path_hash;
use crate::elaborate::function::Closure;
use crate::elaborate::{Elaborator, Halt, Result, Scope, TensorValue, Value};
use crate::ir::{Symbol, SymbolKind, Type};
use crate::source::Span;
use crate::syntax::ast::{Expr, ExprKind, Ident, Name, VarySource};
use crate::tensor::{DType, Key, Tensor};

/// The most points of a grid.
const LARGEST_GRID: usize = 1_000_000;
/// How many ints of a list are looked at one by one while checking.
const LOOKED_AT: usize = 16;
/// What sets the keys of choices apart from those of other draws.
const VARY: u64 = 0x5641_5259;

/// A name that is varied.
#[derive(Clone, Debug)]
pub(super) struct Varied {
    pub(super) name: Ident,
    source: Source,
}

#[derive(Clone, Debug)]
enum Source {
    /// Every one of these, or one of them by chance.
    Items { items: Items, drawn: bool },
    /// A function from a shape to a tensor of draws.
    Distribution(Value, Span),
}

/// What a list holds, as far as it is known.
#[derive(Clone, Debug)]
enum Items {
    Known(Vec<Value>),
    Open(DType),
}

impl Varied {
    /// Whether there is no end to its values, or it is said that they are drawn.
    pub(super) fn is_drawn(&self) -> bool {
        match &self.source {
            Source::Items { drawn, .. } => *drawn,
            Source::Distribution(..) => true,
        }
    }

    fn items(&self) -> &[Value] {
        match &self.source {
            Source::Items { items: Items::Known(items), .. } => items,
            _ => &[],
        }
    }
}

impl Elaborator {
    /// What a search varies.
    pub(super) fn varied(&mut self, vary: &[(Ident, VarySource)], scope: &Rc<Scope>) -> Result<Vec<Varied>> {
        let mut varied: Vec<Varied> = vec![];
        for (name, source) in vary {
            if let Some(first) = varied.iter().find(|other| other.name.name == name.name) {
                bail!(E0202, name.span, "`{}` is varied twice", name.name; label: first.name.span, "first here")
            }
            let source = match source {
                VarySource::In(list) => Source::Items { items: self.varied_items(list, name, scope)?, drawn: false },
                VarySource::Draws(dist) => self.varied_draws(dist, name, scope)?,
            };
            varied.push(Varied { name: name.clone(), source });
        }
        Ok(varied)
    }

    fn varied_draws(&mut self, dist: &Expr, name: &Ident, scope: &Rc<Scope>) -> Result<Source> {
        let is_list = matches!(dist.kind, ExprKind::List(_) | ExprKind::Tuple(_) | ExprKind::Range(..));
        if is_list {
            return Ok(Source::Items { items: self.varied_items(dist, name, scope)?, drawn: true });
        }
        let value = self.expr(dist, scope)?;
        let value = self.skip_defaults(&value, dist.span)?;
        match &value {
            Value::Func(func) if func.closure().is_some_and(Closure::awaits_hyper) => {
                bail!(E0303, dist.span, "`{}` needs its arguments to be a distribution", func.name();
                      help: "for example `vary {} ~ loguniform(1e-4, 1e-1)`", name.name)
            }
            Value::Func(_) => Ok(Source::Distribution(value, dist.span)),
            Value::Poisoned => Err(Halt::Reported),
            Value::Tensor(tensor) if tensor.rank() == 1 => {
                Ok(Source::Items { items: self.items_of(&value, dist.span, name)?, drawn: true })
            }
            other => {
                bail!(E0303, dist.span, "`vary {} ~` draws from a distribution, got {}", name.name, other.kind_text();
                           help: "`loguniform(1e-4, 1e-1)`, `uniform(0, 1)`, a range of ints `16..129`, or a list")
            }
        }
    }

    fn varied_items(&mut self, list: &Expr, name: &Ident, scope: &Rc<Scope>) -> Result<Items> {
        let value = self.expr(list, scope)?;
        self.items_of(&value, list.span, name)
    }

    fn items_of(&mut self, list: &Value, span: Span, name: &Ident) -> Result<Items> {
        let list = self.settle(list)?;
        let items = match &list {
            Value::Tensor(tensor) if tensor.rank() == 1 => match tensor.known() {
                Some(known) => Items::Known((0..known.len()).map(|idx| number(&known, idx)).collect()),
                None => Items::Open(tensor.ty.dtype),
            },
            Value::Tuple(items) => Items::Known(items.to_vec()),
            Value::Poisoned => return Err(Halt::Reported),
            other => {
                bail!(E0303, span, "`vary {} in` goes through a list, got {}", name.name, other.kind_text();
                      help: "`vary {} in [0.1, 0.01]`; `vary {} ~ uniform(0, 1)` draws", name.name, name.name)
            }
        };
        match &items {
            Items::Known(items) if items.is_empty() => bail!(E0309, span, "there is no value to give `{}`", name.name),
            _ => Ok(items),
        }
    }

    /// The values of each trial, all known: every combination, the first name slowest, or `trials` of them by chance.
    pub(super) fn trials(
        &mut self,
        varied: &[Varied],
        trials: Option<usize>,
        seed: &TensorValue,
        span: Span,
    ) -> Result<Vec<Vec<Value>>> {
        let seed_number = seed.as_int().expect("known when running");
        let grid = varied.iter().try_fold(1_usize, |n, one| n.checked_mul(one.items().len().max(1)));
        let grid = grid.filter(|&n| n <= LARGEST_GRID);
        let point = |mut idx: usize| -> Vec<Value> {
            let mut values: Vec<Value> = vec![];
            for one in varied.iter().rev() {
                let items = one.items();
                values.push(items[idx % items.len()].clone());
                idx /= items.len();
            }
            values.reverse();
            values
        };
        let Some(trials) = trials else {
            let Some(grid) = grid else {
                bail!(E0508, span, "this grid has more than {} points", LARGEST_GRID; help: "`trials = 100` takes some by chance")
            };
            return Ok((0..grid).map(point).collect());
        };
        if varied.iter().all(|one| !one.is_drawn())
            && let Some(grid) = grid
        {
            // No point twice.
            let order = Tensor::of(choice_key(seed_number, "")).permutation(grid);
            let chosen = order.as_slice::<i64>().iter().take(trials).map(|&idx| point(idx as usize));
            return Ok(chosen.collect());
        }
        let mut columns: Vec<Vec<Value>> = vec![];
        for one in varied {
            columns.push(match &one.source {
                Source::Distribution(dist, at) => self.drawn_column(dist, &one.name.name, trials, seed, *at)?,
                Source::Items { .. } => {
                    let draws = Tensor::of(choice_key(seed_number, &one.name.name)).uniform(DType::F64, &[trials]);
                    let items = one.items();
                    let pick = |&u: &f64| items[((u * items.len() as f64) as usize).min(items.len() - 1)].clone();
                    draws.as_slice::<f64>().iter().map(pick).collect()
                }
            });
        }
        Ok((0..trials).map(|trial| columns.iter().map(|column| column[trial].clone()).collect()).collect())
    }

    fn drawn_column(
        &mut self,
        dist: &Value,
        name: &Name,
        trials: usize,
        seed: &TensorValue,
        span: Span,
    ) -> Result<Vec<Value>> {
        self.draws.start(name);
        let outer = self.draws.seed.replace(seed.clone());
        let drawn = self.draw_from(dist, &Type::new(DType::F64, vec![trials.into()]), span);
        self.draws.seed = outer;
        let drawn = self.known_now(&drawn?)?.known().expect("everything is known when running");
        Ok((0..trials).map(|idx| number(&drawn, idx)).collect())
    }

    /// Values to check a search with, one set after the other: those first that stand for all.
    pub(super) fn candidates(&mut self, varied: &[Varied]) -> Result<Vec<Vec<Value>>> {
        let mut all: Vec<Value> = vec![];
        let mut others: Vec<(usize, Value)> = vec![];
        for (idx, one) in varied.iter().enumerate() {
            let value = match &one.source {
                Source::Distribution(dist, span) => {
                    let drawn = self.draw_from(dist, &Type::new(DType::F64, vec![1_usize.into()]), *span)?;
                    self.open_number(drawn.ty.dtype, &one.name.name)
                }
                Source::Items { items: Items::Open(dtype), .. } => self.open_number(*dtype, &one.name.name),
                Source::Items { items: Items::Known(items), .. } => match &items[0] {
                    Value::Tensor(first) if first.rank() == 0 => {
                        if first.ty.dtype == DType::I64 {
                            others.extend(items.iter().take(LOOKED_AT).map(|item| (idx, item.clone())));
                        }
                        self.open_number(first.ty.dtype, &one.name.name)
                    }
                    first => {
                        others.extend(items[1..].iter().map(|item| (idx, item.clone())));
                        first.clone()
                    }
                },
            };
            all.push(value);
        }
        let mut sets = vec![all.clone()];
        for (idx, value) in others {
            let mut set = all.clone();
            set[idx] = value;
            sets.push(set);
        }
        Ok(sets)
    }

    /// A number of which only the type is known.
    fn open_number(&mut self, dtype: DType, name: &Name) -> Value {
        match dtype {
            DType::I64 => TensorValue::size(Symbol::new(&**name, SymbolKind::Data).into()).into(),
            DType::F32 | DType::F64 => self.param(Type::scalar(DType::F64), None).into(),
            DType::Bool | DType::Key => self.param(Type::scalar(DType::Bool), None).into(),
        }
    }
}

/// A number of a list as if it were written in the script: reals in the precision of hyper-parameters.
fn number(list: &Tensor, idx: usize) -> Value {
    let value = match list.dtype() {
        DType::I64 => TensorValue::int(list.get_f64(idx) as i64),
        DType::Bool => TensorValue::bool(list.get_f64(idx) != 0.0),
        // 0.1 in single precision is meant as 0.1.
        DType::F32 => {
            let narrow = list.get_f64(idx) as f32;
            TensorValue::real(narrow.to_string().parse().unwrap_or_else(|_| f64::from(narrow)))
        }
        DType::F64 | DType::Key => TensorValue::real(list.get_f64(idx)),
    };
    value.into()
}

fn choice_key(seed: i64, name: &str) -> Key {
    Key::from_seed(0).fold(seed as u64).fold(VARY).fold(path_hash(name) as u64)
}
