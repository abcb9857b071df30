//! Elementwise kernels.
//!
//! A macro for each class of ops, `Real!`, `Number!` and so on, takes the arguments and the text of a function of
//! elements, and compiles the text for every element type of the class. An argument that nobody else holds and whose type
//! is that of the result is written in place. The loops have no branches of their own, so they become vector
//! instructions where the function does.

use crate::tensor::{DType, Element, Tensor};

/// The arguments as an array. Panics unless there are as many.
pub fn arguments<const N: usize>(args: Vec<Tensor>) -> [Tensor; N] {
    let got = args.len();
    args.try_into().unwrap_or_else(|_| panic!("{N} arguments, not {got}"))
}

/// Panics: the rules of ops let no such argument through.
pub fn refuse(dtype: DType) -> ! {
    panic!("no elementwise kernel for {dtype}")
}

/// f(x) for every element.
pub fn unary<T: Element>(x: Tensor, f: impl Fn(T) -> T) -> Tensor {
    let (shape, mut x) = x.into_parts::<T>();
    match x.unique_mut() {
        Some(xs) => xs.iter_mut().for_each(|x| *x = f(*x)),
        None => x = x.as_slice().iter().map(|&x| f(x)).collect::<Vec<T>>().into(),
    }
    Tensor::from_parts(shape, x)
}

/// f(a, b) for every pair of elements in the same place.
pub fn binary<T: Element>(a: Tensor, b: Tensor, f: impl Fn(T, T) -> T) -> Tensor {
    assert_eq!(a.shape(), b.shape(), "elementwise ops take equal shapes");
    let (shape, mut a) = a.into_parts::<T>();
    let (_, mut b) = b.into_parts::<T>();
    if let Some(first) = a.unique_mut() {
        first.iter_mut().zip(b.as_slice()).for_each(|(a, &b)| *a = f(*a, b));
        return Tensor::from_parts(shape, a);
    }
    match b.unique_mut() {
        Some(second) => second.iter_mut().zip(a.as_slice()).for_each(|(b, &a)| *b = f(a, *b)),
        None => b = a.as_slice().iter().zip(b.as_slice()).map(|(&a, &b)| f(a, b)).collect::<Vec<T>>().into(),
    }
    Tensor::from_parts(shape, b)
}

/// f(x) for every element, a bool.
pub fn test<T: Element>(x: &Tensor, f: impl Fn(T) -> bool) -> Tensor {
    let holds: Vec<bool> = x.as_slice::<T>().iter().map(|&x| f(x)).collect();
    Tensor::from_vec(holds, x.shape())
}

/// f(a, b) for every pair of elements in the same place, a bool.
pub fn compare<T: Element>(a: &Tensor, b: &Tensor, f: impl Fn(T, T) -> bool) -> Tensor {
    assert_eq!(a.shape(), b.shape(), "elementwise ops take equal shapes");
    let holds: Vec<bool> = a.as_slice::<T>().iter().zip(b.as_slice::<T>()).map(|(&a, &b)| f(a, b)).collect();
    Tensor::from_vec(holds, a.shape())
}

/// f(c, a, b) for every three elements in the same place, of which the first is a bool.
pub fn choose<T: Element>(c: &Tensor, a: Tensor, b: Tensor, f: impl Fn(bool, T, T) -> T) -> Tensor {
    assert!(c.shape() == a.shape() && a.shape() == b.shape(), "elementwise ops take equal shapes");
    let conditions = c.as_slice::<bool>();
    let (shape, mut a) = a.into_parts::<T>();
    let (_, mut b) = b.into_parts::<T>();
    if let Some(first) = a.unique_mut() {
        let rest = conditions.iter().zip(b.as_slice());
        first.iter_mut().zip(rest).for_each(|(a, (&c, &b))| *a = f(c, *a, b));
        return Tensor::from_parts(shape, a);
    }
    if let Some(second) = b.unique_mut() {
        let rest = conditions.iter().zip(a.as_slice());
        second.iter_mut().zip(rest).for_each(|(b, (&c, &a))| *b = f(c, a, *b));
        return Tensor::from_parts(shape, b);
    }
    let pairs = a.as_slice().iter().zip(b.as_slice());
    let chosen: Vec<T> = conditions.iter().zip(pairs).map(|(&c, (&a, &b))| f(c, a, b)).collect();
    Tensor::from_parts(shape, chosen.into())
}

/// One text for the listed element types. The first type listed is an `Element`, the second its name as a `DType`.
macro_rules! each_type {
    ([$($ty:ty, $dtype:ident);+] $args:expr, |$x:ident| $eval:expr) => {{
        let [x] = $crate::tensor::kernels::map::arguments($args);
        match x.dtype() {
            $($crate::tensor::DType::$dtype => $crate::tensor::kernels::map::unary(x, |$x: $ty| -> $ty { $eval }),)+
            #[allow(unreachable_patterns)]
            other => $crate::tensor::kernels::map::refuse(other),
        }
    }};
    ([$($ty:ty, $dtype:ident);+] $args:expr, |$a:ident, $b:ident| $eval:expr) => {{
        let [a, b] = $crate::tensor::kernels::map::arguments($args);
        match a.dtype() {
            $($crate::tensor::DType::$dtype => {
                $crate::tensor::kernels::map::binary(a, b, |$a: $ty, $b: $ty| -> $ty { $eval })
            })+
            other => $crate::tensor::kernels::map::refuse(other),
        }
    }};
}
pub(crate) use each_type;

/// Reals to a real.
macro_rules! Real {
    ($args:expr, |$($x:ident),+| $eval:expr) => {
        $crate::tensor::kernels::map::each_type!([f32, F32; f64, F64] $args, |$($x),+| $eval)
    };
}
pub(crate) use Real;

/// Reals to a real, or ints to an int.
macro_rules! Number {
    ($args:expr, |$($x:ident),+| $eval:expr) => {{
        use $crate::tensor::Number as _;
        $crate::tensor::kernels::map::each_type!([f32, F32; f64, F64; i64, I64] $args, |$($x),+| $eval)
    }};
}
pub(crate) use Number;

/// Ints to an int.
macro_rules! Int {
    ($args:expr, |$($x:ident),+| $eval:expr) => {{
        use $crate::tensor::Whole as _;
        $crate::tensor::kernels::map::each_type!([i64, I64] $args, |$($x),+| $eval)
    }};
}
pub(crate) use Int;

/// Bools to a bool.
macro_rules! Logic {
    ($args:expr, |$($x:ident),+| $eval:expr) => {
        $crate::tensor::kernels::map::each_type!([bool, Bool] $args, |$($x),+| $eval)
    };
}
pub(crate) use Logic;

/// A real to a bool.
macro_rules! Test {
    ($args:expr, |$x:ident| $eval:expr) => {{
        let [x] = $crate::tensor::kernels::map::arguments($args);
        match x.dtype() {
            $crate::tensor::DType::F32 => $crate::tensor::kernels::map::test(&x, |$x: f32| $eval),
            $crate::tensor::DType::F64 => $crate::tensor::kernels::map::test(&x, |$x: f64| $eval),
            other => $crate::tensor::kernels::map::refuse(other),
        }
    }};
}
pub(crate) use Test;

/// Two of one type to a bool.
macro_rules! Compare {
    ($args:expr, |$a:ident, $b:ident| $eval:expr) => {{
        let [a, b] = $crate::tensor::kernels::map::arguments($args);
        match a.dtype() {
            $crate::tensor::DType::F32 => $crate::tensor::kernels::map::compare(&a, &b, |$a: f32, $b: f32| $eval),
            $crate::tensor::DType::F64 => $crate::tensor::kernels::map::compare(&a, &b, |$a: f64, $b: f64| $eval),
            $crate::tensor::DType::I64 => $crate::tensor::kernels::map::compare(&a, &b, |$a: i64, $b: i64| $eval),
            $crate::tensor::DType::Bool => $crate::tensor::kernels::map::compare(&a, &b, |$a: bool, $b: bool| $eval),
            other => $crate::tensor::kernels::map::refuse(other),
        }
    }};
}
pub(crate) use Compare;

/// A bool and two of one type to that type.
macro_rules! Choice {
    ($args:expr, |$c:ident, $a:ident, $b:ident| $eval:expr) => {{
        let [c, a, b] = $crate::tensor::kernels::map::arguments($args);
        match a.dtype() {
            $crate::tensor::DType::F32 => $crate::tensor::kernels::map::choose(&c, a, b, |$c, $a: f32, $b| $eval),
            $crate::tensor::DType::F64 => $crate::tensor::kernels::map::choose(&c, a, b, |$c, $a: f64, $b| $eval),
            $crate::tensor::DType::I64 => $crate::tensor::kernels::map::choose(&c, a, b, |$c, $a: i64, $b| $eval),
            $crate::tensor::DType::Bool => $crate::tensor::kernels::map::choose(&c, a, b, |$c, $a: bool, $b| $eval),
            $crate::tensor::DType::Key => {
                $crate::tensor::kernels::map::choose(&c, a, b, |$c, $a: $crate::tensor::Key, $b| $eval)
            }
        }
    }};
}
pub(crate) use Choice;

impl Tensor {
    /// xⁿ; for ints n is not negative. The powers that training uses most are spelled out, so that they are vector
    /// instructions.
    pub fn powi(self, exponent: i32) -> Tensor {
        if exponent == 1 {
            return self;
        }
        let args = vec![self];
        match exponent {
            2 => Number!(args, |x| x.times(x)),
            3 => Number!(args, |x| x.times(x).times(x)),
            -1 => Real!(args, |x| 1.0 / x),
            _ => Number!(args, |x| x.power(exponent)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tensor::kernels::special;

    fn x(values: &[f64]) -> Tensor {
        Tensor::from_vec(values.to_vec(), &[values.len()])
    }

    #[test]
    fn a_class_compiles_its_text_for_every_type() {
        let sum = |args| Number!(args, |a, b| a.plus(b));
        assert_eq!(sum(vec![x(&[1.0, 2.0]), x(&[10.0, 20.0])]), x(&[11.0, 22.0]));
        assert_eq!(sum(vec![Tensor::of(2_i64), Tensor::of(i64::MAX)]), Tensor::of(i64::MIN + 1));
        assert_eq!(sum(vec![Tensor::of(0.5_f32), Tensor::of(0.25_f32)]), Tensor::of(0.75_f32));
        let ratio = Real!(vec![x(&[1.0]), x(&[4.0])], |a, b| a / b);
        assert_eq!(ratio, x(&[0.25]));
        assert_eq!(Real!(vec![x(&[0.0])], |x| special::sigmoid(x)), x(&[0.5]));
        assert_eq!(Int!(vec![Tensor::of(-7_i64), Tensor::of(2_i64)], |a, b| a.floor_quotient(b)), Tensor::of(-4_i64));
        assert_eq!(Logic!(vec![Tensor::of(true)], |a| !a), Tensor::of(false));
        assert_eq!(Test!(vec![Tensor::of(f32::NAN)], |x| x.is_finite()), Tensor::of(false));
        assert_eq!(Compare!(vec![Tensor::of(f64::NAN), Tensor::of(f64::NAN)], |a, b| a == b), Tensor::of(false));
    }

    #[test]
    fn every_way_to_reuse_a_buffer_gives_the_same() {
        let (a, b) = (x(&[5.0, 7.0]), x(&[1.0, 2.0]));
        let less = |a, b| Number!(vec![a, b], |a, b| a.less(b));
        let wanted = x(&[4.0, 5.0]);
        assert_eq!(less(a.clone(), b.clone()), wanted);
        assert_eq!(less(x(&[5.0, 7.0]), b.clone()), wanted);
        assert_eq!(less(a.clone(), x(&[1.0, 2.0])), wanted);
        assert_eq!(less(a.clone(), a.clone()), x(&[0.0, 0.0]));
        let c = Tensor::from_vec(vec![true, false], &[2]);
        let choose = |a, b| Choice!(vec![c.clone(), a, b], |c, a, b| if c { a } else { b });
        let wanted = x(&[5.0, 2.0]);
        assert_eq!(choose(a.clone(), b.clone()), wanted);
        assert_eq!(choose(x(&[5.0, 7.0]), b.clone()), wanted);
        assert_eq!(choose(a.clone(), x(&[1.0, 2.0])), wanted);
        assert_eq!((a, b), (x(&[5.0, 7.0]), x(&[1.0, 2.0])));
    }
}
