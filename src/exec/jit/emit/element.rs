//! Elementwise ops as instructions, for one element or for the lanes of a register.
//!
//! In a register of several elements a bool is a mask: all bits of a lane, or none.

use cranelift_codegen::ir::condcodes::{FloatCC, IntCC};
use cranelift_codegen::ir::{InstBuilder, MemFlagsData, Type, Value, types};
use cranelift_frontend::FunctionBuilder;

use crate::exec::jit::runtime;
use crate::ir::op::{MapOp, Op, ReduceKind};
use crate::tensor::DType;

/// The type of an element in a register; of `lanes` of them if there are several.
pub fn register(dtype: DType, lanes: u32) -> Type {
    let scalar = match dtype {
        DType::F32 => types::F32,
        DType::F64 => types::F64,
        DType::I64 => types::I64,
        DType::Bool => types::I8,
        DType::Key => types::I64X2,
    };
    if lanes > 1 { scalar.by(lanes).expect("registers have such lanes") } else { scalar }
}

/// Whether an op can be computed for several elements in a register.
pub fn has_lanes(op: &Op, from: DType, to: DType) -> bool {
    match op {
        Op::Map(op) => !matches!(op, MapOp::Pow | MapOp::Atan2 | MapOp::FloorDiv | MapOp::Rem),
        Op::PowI(power) => power.exponent.unsigned_abs() <= MAX_POWER,
        Op::Convert(_) => from == to || from == DType::Bool,
        _ => true,
    }
}

/// Powers up to this are products.
const MAX_POWER: u32 = 64;

/// aⁿ by repeated squaring; nothing for n = 0.
pub fn by_squaring<T: Copy>(a: T, exponent: u32, times: &mut dyn FnMut(T, T) -> T) -> Option<T> {
    let (mut rest, mut square) = (exponent, a);
    let mut product: Option<T> = None;
    while rest > 0 {
        if rest & 1 == 1 {
            product = Some(product.map_or(square, |product| times(product, square)));
        }
        rest >>= 1;
        if rest > 0 {
            square = times(square, square);
        }
    }
    product
}

/// Writes elementwise ops.
pub struct Elements<'a, 'f> {
    pub b: &'a mut FunctionBuilder<'f>,
    /// Elements in a register.
    pub lanes: u32,
}

impl Elements<'_, '_> {
    /// A number of this type.
    pub fn constant(&mut self, dtype: DType, value: f64) -> Value {
        let scalar = match dtype {
            DType::F32 => self.b.ins().f32const(value as f32),
            DType::F64 => self.b.ins().f64const(value),
            DType::I64 => self.b.ins().iconst(types::I64, value as i64),
            DType::Bool => self.b.ins().iconst(types::I8, i64::from(value != 0.0)),
            DType::Key => unreachable!("a key is no number"),
        };
        self.spread(dtype, scalar)
    }

    /// The same scalar in every lane.
    pub fn spread(&mut self, dtype: DType, scalar: Value) -> Value {
        if self.lanes > 1 { self.b.ins().splat(register(dtype, self.lanes), scalar) } else { scalar }
    }

    /// The result of an op on arguments of type `from`.
    pub fn apply(&mut self, op: &Op, args: &[Value], from: DType, to: DType) -> Value {
        match op {
            Op::Map(op) => self.map(*op, args, from, to),
            Op::PowI(power) => self.power(args[0], power.exponent, to),
            Op::Convert(_) => self.convert(args[0], from, to),
            // What only moves elements.
            _ => args[0],
        }
    }

    fn map(&mut self, op: MapOp, args: &[Value], from: DType, to: DType) -> Value {
        let a = args[0];
        let second = || args[1];
        let real = from.is_real();
        match op {
            MapOp::Neg if real => self.b.ins().fneg(a),
            MapOp::Neg => self.b.ins().ineg(a),
            MapOp::Abs if real => self.b.ins().fabs(a),
            MapOp::Abs => {
                let minus = self.b.ins().ineg(a);
                let zero = self.constant(DType::I64, 0.0);
                let negative = self.b.ins().icmp(IntCC::SignedLessThan, a, zero);
                self.b.ins().select(negative, minus, a)
            }
            MapOp::Sign => self.sign(a, from),
            MapOp::Sqrt => self.b.ins().sqrt(a),
            MapOp::Floor => self.b.ins().floor(a),
            MapOp::Round => self.b.ins().nearest(a),
            MapOp::IsFinite => {
                let difference = self.b.ins().fsub(a, a);
                self.compare(MapOp::Eq, difference, difference, from)
            }
            MapOp::Add if real => self.b.ins().fadd(a, second()),
            MapOp::Add => self.b.ins().iadd(a, second()),
            MapOp::Sub if real => self.b.ins().fsub(a, second()),
            MapOp::Sub => self.b.ins().isub(a, second()),
            MapOp::Mul if real => self.b.ins().fmul(a, second()),
            MapOp::Mul => self.b.ins().imul(a, second()),
            MapOp::Div => self.b.ins().fdiv(a, second()),
            MapOp::Max | MapOp::Min => self.extreme(op == MapOp::Max, a, second(), from),
            MapOp::FloorDiv => self.call(runtime::floor_quotient as *const () as usize, args, types::I64),
            MapOp::Rem => self.call(runtime::floor_remainder as *const () as usize, args, types::I64),
            MapOp::Pow => self.call(runtime::pow_fn(from), args, register(from, 1)),
            MapOp::Atan2 => self.call(runtime::atan2_fn(from), args, register(from, 1)),
            MapOp::Eq | MapOp::Ne | MapOp::Lt | MapOp::Le | MapOp::Gt | MapOp::Ge => {
                self.compare(op, a, second(), from)
            }
            MapOp::And => self.b.ins().band(a, second()),
            MapOp::Or => self.b.ins().bor(a, second()),
            MapOp::Not if self.lanes > 1 => self.b.ins().bnot(a),
            MapOp::Not => self.b.ins().bxor_imm_u(a, 1),
            MapOp::Select => self.select(a, args[1], args[2], to),
            MapOp::Exp
            | MapOp::Expm1
            | MapOp::Log
            | MapOp::Log1p
            | MapOp::Erf
            | MapOp::Sin
            | MapOp::Cos
            | MapOp::Tanh
            | MapOp::Sigmoid => unreachable!("native kernels compute these"),
            MapOp::Softplus | MapOp::XLogY | MapOp::XDivY => unreachable!("these were spelled out"),
        }
    }

    fn call(&mut self, address: usize, args: &[Value], result: Type) -> Value {
        super::calls::call_native(self.b, address, args, Some(result)).expect("it has a result")
    }

    /// A bool as the select instructions want it.
    pub fn select(&mut self, cond: Value, a: Value, b: Value, dtype: DType) -> Value {
        if self.lanes == 1 {
            return self.b.ins().select(cond, a, b);
        }
        if dtype == DType::Bool {
            return self.b.ins().bitselect(cond, a, b);
        }
        let ty = register(dtype, self.lanes);
        let mask = self.b.ins().bitcast(
            ty,
            MemFlagsData::new().with_endianness(cranelift_codegen::ir::Endianness::Little),
            cond,
        );
        self.b.ins().bitselect(mask, a, b)
    }

    fn compare(&mut self, op: MapOp, a: Value, b: Value, dtype: DType) -> Value {
        if dtype.is_real() {
            let code = match op {
                MapOp::Eq => FloatCC::Equal,
                MapOp::Ne => FloatCC::NotEqual,
                MapOp::Lt => FloatCC::LessThan,
                MapOp::Le => FloatCC::LessThanOrEqual,
                MapOp::Gt => FloatCC::GreaterThan,
                _ => FloatCC::GreaterThanOrEqual,
            };
            return self.b.ins().fcmp(code, a, b);
        }
        // false < true, as of unsigned numbers.
        let code = match (op, dtype) {
            (MapOp::Eq, _) => IntCC::Equal,
            (MapOp::Ne, _) => IntCC::NotEqual,
            (MapOp::Lt, DType::Bool) => IntCC::UnsignedLessThan,
            (MapOp::Le, DType::Bool) => IntCC::UnsignedLessThanOrEqual,
            (MapOp::Gt, DType::Bool) => IntCC::UnsignedGreaterThan,
            (MapOp::Ge, DType::Bool) => IntCC::UnsignedGreaterThanOrEqual,
            (MapOp::Lt, _) => IntCC::SignedLessThan,
            (MapOp::Le, _) => IntCC::SignedLessThanOrEqual,
            (MapOp::Gt, _) => IntCC::SignedGreaterThan,
            _ => IntCC::SignedGreaterThanOrEqual,
        };
        self.b.ins().icmp(code, a, b)
    }

    /// −1, 0 or 1; NaN stays.
    fn sign(&mut self, a: Value, dtype: DType) -> Value {
        let [minus, zero, one] = [-1.0, 0.0, 1.0].map(|value| self.constant(dtype, value));
        let above = self.compare(MapOp::Gt, a, zero, dtype);
        let below = self.compare(MapOp::Lt, a, zero, dtype);
        let equal = self.compare(MapOp::Eq, a, zero, dtype);
        let rest = self.select(equal, zero, a, dtype);
        let rest = self.select(below, minus, rest, dtype);
        self.select(above, one, rest, dtype)
    }

    fn extreme(&mut self, max: bool, a: Value, b: Value, dtype: DType) -> Value {
        match (dtype.is_real(), max) {
            (true, true) => self.b.ins().fmax(a, b),
            (true, false) => self.b.ins().fmin(a, b),
            (false, _) => {
                let code = if max { IntCC::SignedGreaterThan } else { IntCC::SignedLessThan };
                let first = self.b.ins().icmp(code, a, b);
                self.b.ins().select(first, a, b)
            }
        }
    }

    /// aⁿ by repeated squaring.
    fn power(&mut self, a: Value, exponent: i32, dtype: DType) -> Value {
        if exponent.unsigned_abs() > MAX_POWER {
            let n = self.b.ins().iconst(types::I32, i64::from(exponent));
            return self.call(runtime::powi_fn(dtype), &[a, n], register(dtype, 1));
        }
        let product = by_squaring(a, exponent.unsigned_abs(), &mut |a, b| self.times(a, b, dtype));
        let product = product.unwrap_or_else(|| self.constant(dtype, 1.0));
        if exponent >= 0 {
            return product;
        }
        let one = self.constant(dtype, 1.0);
        self.b.ins().fdiv(one, product)
    }

    fn times(&mut self, a: Value, b: Value, dtype: DType) -> Value {
        if dtype.is_real() { self.b.ins().fmul(a, b) } else { self.b.ins().imul(a, b) }
    }

    fn convert(&mut self, a: Value, from: DType, to: DType) -> Value {
        match (from, to) {
            _ if from == to => a,
            (DType::Bool, _) => {
                let [zero, one] = [0.0, 1.0].map(|value| self.constant(to, value));
                self.select(a, one, zero, to)
            }
            (_, DType::Bool) => {
                let zero = self.constant(from, 0.0);
                self.compare(MapOp::Ne, a, zero, from)
            }
            (DType::F32, DType::F64) => self.b.ins().fpromote(types::F64, a),
            (DType::F64, DType::F32) => self.b.ins().fdemote(types::F32, a),
            (_, DType::I64) => self.b.ins().fcvt_to_sint_sat(types::I64, a),
            _ => self.b.ins().fcvt_from_sint(register(to, 1), a),
        }
    }

    /// What gathering elements begins with.
    pub fn identity(&mut self, kind: ReduceKind, dtype: DType) -> Value {
        match kind {
            ReduceKind::Sum | ReduceKind::Or => self.constant(dtype, 0.0),
            ReduceKind::And => self.constant(dtype, 1.0),
            ReduceKind::Max | ReduceKind::Min if dtype.is_real() => {
                let value = if kind == ReduceKind::Max { f64::NEG_INFINITY } else { f64::INFINITY };
                self.constant(dtype, value)
            }
            ReduceKind::Max | ReduceKind::Min => {
                let value = if kind == ReduceKind::Max { i64::MIN } else { i64::MAX };
                self.b.ins().iconst(types::I64, value)
            }
        }
    }

    /// Two elements gathered.
    pub fn gather(&mut self, kind: ReduceKind, a: Value, b: Value, dtype: DType) -> Value {
        match kind {
            ReduceKind::Sum if dtype.is_real() => self.b.ins().fadd(a, b),
            ReduceKind::Sum => self.b.ins().iadd(a, b),
            ReduceKind::Max => self.extreme(true, a, b, dtype),
            ReduceKind::Min => self.extreme(false, a, b, dtype),
            ReduceKind::And => self.b.ins().band(a, b),
            ReduceKind::Or => self.b.ins().bor(a, b),
        }
    }
}
