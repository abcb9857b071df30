//! The same numbers in another element type.

use crate::tensor::buffer::Data;
use crate::tensor::{DType, Element, Tensor};

impl Tensor {
    /// The same numbers in another element type. Reals become ints by dropping the fraction, with those beyond 64 bits
    /// becoming the nearest int and NaN becoming 0; anything but 0 becomes true; bools become 0 and 1.
    pub fn convert(&self, dtype: DType) -> Tensor {
        fn to<A: Element, B: Element>(x: &Tensor, f: impl Fn(A) -> B) -> Tensor {
            let converted: Vec<B> = x.as_slice::<A>().iter().map(|&x| f(x)).collect();
            Tensor::from_vec(converted, x.shape())
        }
        if dtype == self.dtype() {
            return self.clone();
        }
        match (&self.data, dtype) {
            (Data::F64(_), DType::F32) => to(self, |x: f64| x as f32),
            (Data::I64(_), DType::F32) => to(self, |x: i64| x as f32),
            (Data::Bool(_), DType::F32) => to(self, |x: bool| if x { 1.0_f32 } else { 0.0 }),
            (Data::F32(_), DType::F64) => to(self, |x: f32| f64::from(x)),
            (Data::I64(_), DType::F64) => to(self, |x: i64| x as f64),
            (Data::Bool(_), DType::F64) => to(self, |x: bool| if x { 1.0 } else { 0.0 }),
            (Data::F32(_), DType::I64) => to(self, |x: f32| x as i64),
            (Data::F64(_), DType::I64) => to(self, |x: f64| x as i64),
            (Data::Bool(_), DType::I64) => to(self, |x: bool| i64::from(x)),
            (Data::F32(_), DType::Bool) => to(self, |x: f32| x != 0.0),
            (Data::F64(_), DType::Bool) => to(self, |x: f64| x != 0.0),
            (Data::I64(_), DType::Bool) => to(self, |x: i64| x != 0),
            (Data::Key(_), _) | (_, DType::Key) => panic!("a key is not a number"),
            (Data::F32(_), DType::F32) | (Data::F64(_), DType::F64) => unreachable!("the same type"),
            (Data::I64(_), DType::I64) | (Data::Bool(_), DType::Bool) => unreachable!("the same type"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_keep_their_value_where_they_can() {
        let x = Tensor::from_vec(vec![-1.7, 0.0, 2.9, f64::NAN, 1e300], &[5]);
        assert_eq!(x.convert(DType::I64).as_slice::<i64>(), [-1, 0, 2, 0, i64::MAX]);
        assert_eq!(x.convert(DType::Bool).as_slice::<bool>(), [true, false, true, true, true]);
        assert_eq!(x.convert(DType::F32).as_slice::<f32>()[4], f32::INFINITY);
        assert_eq!(Tensor::of(true).convert(DType::F64), Tensor::of(1.0));
        assert_eq!(Tensor::of(-3_i64).convert(DType::F32), Tensor::of(-3.0_f32));
    }
}
