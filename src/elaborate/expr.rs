//! Expressions.

use std::rc::Rc;

use super::builtin::find;
use super::function::{Function, FunctionKind};
use super::numeric::Operand;
use super::scope::{Lookup, Scope, did_you_mean};
use super::value::{RecordKind, TensorValue, Value, type_text};
use super::{Elaborator, Halt, Result};
use crate::bail;
use crate::source::Span;
use crate::syntax::ast::{BinaryOp, DefKind, Expr, ExprKind, Ident, Name, StrPart};
use crate::tensor::DType;

impl Elaborator {
    /// The value of an expression.
    pub fn expr(&mut self, expr: &Expr, scope: &Rc<Scope>) -> Result<Value> {
        let before = self.enter(expr.span);
        let value = self.expr_inside(expr, scope);
        self.leave(before);
        value
    }

    fn expr_inside(&mut self, expr: &Expr, scope: &Rc<Scope>) -> Result<Value> {
        let span = expr.span;
        match &expr.kind {
            ExprKind::Int(number) => Ok(TensorValue::int(*number).into()),
            ExprKind::Real(number) => Ok(TensorValue::real(*number).into()),
            ExprKind::Bool(truth) => Ok(TensorValue::bool(*truth).into()),
            ExprKind::Str(parts) => self.string(parts, scope),
            ExprKind::Name(name) => self.name(name, span, scope),
            ExprKind::Nabla(ident) => {
                let f = self.name(&ident.name, ident.span, scope)?;
                self.gradient_of(f, ident.span)
            }
            ExprKind::Tuple(items) => {
                Ok(Value::tuple(items.iter().map(|item| self.expr(item, scope)).collect::<Result<_>>()?))
            }
            ExprKind::List(items) => self.list(items, scope, span),
            ExprKind::Record(fields) => {
                let mut values: Vec<(Name, Value)> = vec![];
                for (name, field) in fields {
                    if values.iter().any(|(other, _)| *other == name.name) {
                        bail!(E0202, name.span, "the field `{}` is given twice", name.name)
                    }
                    values.push((name.name.clone(), self.expr(field, scope)?));
                }
                Ok(Value::plain(values))
            }
            ExprKind::Unary(op, operand) => {
                let value = self.expr(operand, scope)?;
                self.unary(*op, &value, span)
            }
            ExprKind::Binary(op, a, b) => self.binary_expr(*op, a, b, scope, span),
            ExprKind::Range(a, b) => {
                let ends = [self.int_bound(a, scope)?, self.int_bound(b, scope)?];
                self.range(&ends[0], &ends[1], span)
            }
            ExprKind::Pipe(x, f) => self.pipe(x, f, scope, span),
            ExprKind::Call(f, args) => self.call_expr(f, args, scope, span),
            ExprKind::Index(x, items) => {
                let value = self.expr(x, scope)?;
                self.index(&value, x.span, items, scope, span)
            }
            ExprKind::Field(x, field) => {
                let value = self.expr(x, scope)?;
                self.field(&value, field, span).map_err(|halt| self.method_elsewhere(halt, &value, &field.name, scope))
            }
            ExprKind::Lambda(def) => Ok(Function::defined(def, &scope.frozen())),
            ExprKind::If { condition, then, otherwise } => {
                self.if_expr(condition, then, otherwise.as_ref(), scope, span)
            }
            ExprKind::When { training, evaluation } => self.when(training, evaluation.as_ref(), scope, span),
            ExprKind::Train(training) => self.train_expr(training, scope, span),
            ExprKind::Search(search) => self.search_expr(search, scope, span),
            ExprKind::Hole => bail!(E0312, span, "a value is missing here"; help: "put an expression in place of `?`"),
        }
    }

    /// The value bound to a name.
    pub fn name(&mut self, name: &Name, span: Span, scope: &Rc<Scope>) -> Result<Value> {
        match scope.lookup(name) {
            Lookup::Found(binding) => match binding.value {
                Value::Poisoned => Err(Halt::Reported),
                Value::Tensor(tensor) if self.keeps_name(&tensor, name, scope) => {
                    Ok(self.named_global(name, &tensor).into())
                }
                value => Ok(value),
            },
            Lookup::OutOfReach(binding) => {
                let mut diagnostic = crate::diagnostic!(E0207, span, "a definition cannot use the variable `{}` around it", name;
                    help: "give it as an argument; a function literal keeps the value it has when made");
                if let Some(def) = binding.span {
                    *diagnostic = diagnostic.with_label(def, "the variable");
                }
                Err(diagnostic.into())
            }
            Lookup::Unknown => match find(name) {
                Some(builtin) => Ok(Function::builtin(builtin)),
                None => Err(self.unknown_name(name, span, scope)),
            },
        }
    }

    /// Whether `derive` wants to see a value of the file by its name.
    fn keeps_name(&self, tensor: &TensorValue, name: &Name, scope: &Rc<Scope>) -> bool {
        self.keep_calls
            && self.level() > 0
            && tensor.ty.dtype.is_real()
            && !matches!(tensor.repr, super::Repr::Node { .. })
            && scope.kind_of(name) == Some(super::ScopeKind::File)
    }

    /// A value of the file as a named value of which nothing else is known.
    fn named_global(&mut self, name: &Name, tensor: &TensorValue) -> TensorValue {
        if let Some((_, known)) = self.globals.iter().find(|(other, _)| other == name) {
            return known.clone();
        }
        let ty = tensor.ty.clone();
        let id = self.traces[0].graph.add_param(ty.clone(), Some(name.clone()));
        let value = TensorValue { ty, repr: super::Repr::Node { level: 0, id } };
        self.globals.push((name.clone(), value.clone()));
        value
    }

    /// Text with the values in it put in.
    fn string(&mut self, parts: &[StrPart], scope: &Rc<Scope>) -> Result<Value> {
        let mut text = Some(String::new());
        for part in parts {
            let piece = match part {
                StrPart::Text(piece) => Some(piece.clone()),
                StrPart::Value { value, spec } => {
                    let shown = self.expr(value, scope)?;
                    let shown = self.settle(&shown)?;
                    super::builtin::format_value(&shown, spec.as_ref(), value.span)?
                }
            };
            text = text.zip(piece).map(|(text, piece)| text + &piece);
        }
        Ok(Value::Str(text.map(Rc::from)))
    }

    fn binary_expr(&mut self, op: BinaryOp, a: &Expr, b: &Expr, scope: &Rc<Scope>, span: Span) -> Result<Value> {
        let left = self.expr(a, scope)?;
        // A condition that is known decides without the other side.
        if let (BinaryOp::And | BinaryOp::Or, Some(truth)) = (op, left.as_tensor().and_then(TensorValue::as_bool))
            && truth == (op == BinaryOp::Or)
        {
            return Ok(left);
        }
        let right = self.expr(b, scope)?;
        match (&left, &right) {
            (Value::Tensor(x), Value::Tensor(y)) => {
                let result =
                    self.binary(op, Operand { value: x, span: a.span }, Operand { value: y, span: b.span }, span);
                let result = Value::from(result.map_err(|halt| {
                    self.with_definitions(super::repair::with_products(halt, x, y, a, b), &[a, b], scope)
                })?);
                if self.is_watched() {
                    self.note_binary(op, &left, &right, &result);
                }
                Ok(result)
            }
            (Value::Str(x), Value::Str(y)) if matches!(op, BinaryOp::Eq | BinaryOp::Ne | BinaryOp::Add) => {
                let (Some(x), Some(y)) = (x, y) else {
                    return if op == BinaryOp::Add { Ok(Value::Str(None)) } else { Ok(self.unknown_bool()?.into()) };
                };
                Ok(match op {
                    BinaryOp::Add => Value::str(format!("{x}{y}")),
                    _ => TensorValue::bool((x == y) == (op == BinaryOp::Eq)).into(),
                })
            }
            _ => {
                let mut diagnostic = crate::diagnostic!(E0305, span, "`{}` is not possible with {} and {}", op.symbol(), left.kind_text(), right.kind_text();
                       label: a.span, "{}", left.type_text(); label: b.span, "{}", right.type_text());
                let is_joined = matches!(op, BinaryOp::Add | BinaryOp::Rem);
                if is_joined && (matches!(left, Value::Str(_)) || matches!(right, Value::Str(_))) {
                    *diagnostic = diagnostic.with_help("values stand in a string in braces: `\"x is {x:.3}\"`");
                }
                Err(diagnostic.into())
            }
        }
    }

    /// A truth value that is not known while checking.
    fn unknown_bool(&mut self) -> Result<TensorValue> {
        Ok(self.param(crate::ir::Type::scalar(DType::Bool), None))
    }

    /// Adds to a mistake where the names in it were bound.
    fn with_definitions(&self, halt: Halt, operands: &[&Expr], scope: &Rc<Scope>) -> Halt {
        let Halt::Diagnostic(mut diagnostic) = halt else { return halt };
        if let [a, b] = operands {
            diagnostic.helps.iter_mut().for_each(|help| *help = spelled_out(help, a, b));
        }
        for operand in operands {
            if let ExprKind::Name(name) = &operand.kind
                && let Lookup::Found(binding) = scope.lookup(name)
                && let Some(span) = binding.span
                && !diagnostic.labels.iter().any(|label| label.span == span)
            {
                *diagnostic = diagnostic.with_label(span, format!("{name}: {}", binding.value.type_text()));
            }
        }
        Halt::Diagnostic(diagnostic)
    }

    /// The function that takes the last list, where the first has only defaults.
    pub fn skip_defaults(&mut self, f: &Value, span: Span) -> Result<Value> {
        let Some(closure) = f.as_func().and_then(|f| f.closure()) else { return Ok(f.clone()) };
        if !closure.awaits_hyper() || closure.def.lists[0].iter().any(|param| param.default.is_none()) {
            return Ok(f.clone());
        }
        let given = vec![];
        let bound = self.call_closure_hyper(closure, given, span)?;
        Ok(Function::value(FunctionKind::Closure(bound)))
    }

    /// `x.name`.
    pub fn field(&mut self, value: &Value, field: &Ident, span: Span) -> Result<Value> {
        let name = &*field.name;
        match value {
            Value::Poisoned => Err(Halt::Reported),
            Value::Tensor(tensor) if name == "T" => {
                if tensor.rank() != 2 {
                    bail!(E0305, span, "`.T` transposes a matrix, this is {}", type_text(&tensor.ty);
                          help: "`transpose(x, axes)` orders the axes of any tensor")
                }
                Ok(self.transpose(tensor, &[1, 0])?.into())
            }
            Value::Tuple(items) => match name.parse::<usize>() {
                Ok(idx) if idx < items.len() => Ok(items[idx].clone()),
                _ => bail!(E0205, field.span, "there is no `.{}` in {}", name, value.type_text();
                           help: "the fields of a tuple are `.0` to `.{}`", items.len().saturating_sub(1)),
            },
            Value::Record(record) => {
                if let Some(found) = record.get(name) {
                    return match found {
                        Value::Poisoned => Err(Halt::Reported),
                        found => Ok(found.clone()),
                    };
                }
                let methods: &[&str] = match record.kind {
                    RecordKind::Model(_) => &["with", "train", "loss"],
                    RecordKind::Optimizer(_) => &["step", "with"],
                    RecordKind::Module(_) => &[],
                    _ => &["with"],
                };
                if methods.contains(&name) {
                    return Ok(Function::value(FunctionKind::Method {
                        receiver: value.clone(),
                        name: field.name.clone(),
                    }));
                }
                let known: Vec<&str> =
                    record.fields.iter().map(|(name, _)| &**name).chain(methods.iter().copied()).collect();
                let mut diagnostic =
                    crate::diagnostic!(E0205, field.span, "{} has no field `{}`", value.kind_text(), name);
                *diagnostic = match did_you_mean(name, known.iter().copied()) {
                    _ if matches!(record.kind, RecordKind::Search) && name == "model" => diagnostic.with_help(
                        "each fold has a model of its own; `refit = true` trains the best again on all rows",
                    ),
                    Some(meant) => diagnostic.with_help(format!("did you mean `{meant}`?")),
                    None => diagnostic.with_help(format!("it has {}", list_names(&known))),
                };
                Err(diagnostic.into())
            }
            Value::Func(func)
                if name == "init" && matches!(func.def_kind(), Some(DefKind::Net | DefKind::Optimizer)) =>
            {
                Ok(Function::value(FunctionKind::Method { receiver: value.clone(), name: field.name.clone() }))
            }
            other => {
                let help = match other {
                    Value::Func(func) if func.def_kind() == Some(DefKind::Net) => {
                        "a model has it: `m = net.init()`, then `m.params`"
                    }
                    Value::Tensor(_) => "the only field of a tensor is `.T`",
                    _ => "records, tuples, models and runs have fields",
                };
                bail!(E0205, field.span, "{} has no field `{}`", other.kind_text(), name; help: "{}", help)
            }
        }
    }
}

/// A repair of `a @ b` with the operands as the script writes them, where they are short.
fn spelled_out(help: &str, a: &Expr, b: &Expr) -> String {
    let Some((repair, rest)) = help.strip_prefix('`').and_then(|text| text.split_once('`')) else { return help.into() };
    if !["b @ a", "a @ b.T", "a.T @ b", "a.T @ b.T"].contains(&repair) {
        return help.into();
    }
    let text = |operand: &Expr| {
        let text = crate::syntax::print::expr(operand);
        let is_short = text.chars().count() <= 20;
        let stands_alone =
            matches!(operand.kind, ExprKind::Name(_) | ExprKind::Field(..) | ExprKind::Call(..) | ExprKind::Index(..));
        is_short.then(|| if stands_alone { text.clone() } else { format!("({text})") })
    };
    match (text(a), text(b)) {
        (Some(a), Some(b)) => {
            let spelled: String = repair
                .split(' ')
                .map(|word| word.replace('a', "\u{1}").replace('b', "\u{2}"))
                .collect::<Vec<_>>()
                .join(" ");
            format!("`{}`{rest}", spelled.replace('\u{1}', &a).replace('\u{2}', &b))
        }
        _ => help.into(),
    }
}

/// Names as a list for a message.
pub fn list_names(names: &[&str]) -> String {
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}
