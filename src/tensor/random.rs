//! Random numbers that are a pure function of a key and an element's index.
//!
//! The generator is Philox4x32-10 (Salmon, Moraes, Dror, Shaw: Parallel random numbers: as easy as 1, 2, 3, SC 2011), which
//! turns a counter of 128 bits into 128 random bits under a key of 64 bits. A block of output serves two elements, so
//! element i of a draw depends on the key and on i alone, and not on the shape.

use super::{DType, Element, Tensor};

/// The key of a random stream.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct Key {
    /// The key of the generator.
    stream: u64,
    /// The upper half of its counter; the lower half counts blocks.
    block: u64,
}

/// Keys the generator for hashing, so that no hash is a number that is also drawn.
const HASH: u64 = 0x6e61_626c_6120_6b65;

impl Key {
    /// The key of a seed.
    pub fn from_seed(seed: u64) -> Key {
        Key::from_halves(philox([seed as u32, (seed >> 32) as u32, 0, 0], HASH))
    }

    /// A key made of this one and a number: other numbers, or other keys, make unrelated keys.
    pub fn fold(self, data: u64) -> Key {
        Key::from_halves(philox(counter(data, self.block), self.stream ^ HASH))
    }

    /// The key of these two halves, as [`Key::to_bits`] gives them.
    pub fn from_bits([stream, block]: [u64; 2]) -> Key {
        Key { stream, block }
    }

    /// The two halves of the key.
    pub fn to_bits(self) -> [u64; 2] {
        [self.stream, self.block]
    }

    fn from_halves(output: [u32; 4]) -> Key {
        let [stream, block] = pairs(output);
        Key { stream, block }
    }

    /// The random bits of elements 2i and 2i + 1.
    fn bits(self, i: u64) -> [u64; 2] {
        pairs(philox(counter(i, self.block), self.stream))
    }
}

fn counter(low: u64, high: u64) -> [u32; 4] {
    [low as u32, (low >> 32) as u32, high as u32, (high >> 32) as u32]
}

fn pairs([a, b, c, d]: [u32; 4]) -> [u64; 2] {
    [u64::from(a) | u64::from(b) << 32, u64::from(c) | u64::from(d) << 32]
}

/// Philox4x32 with ten rounds.
#[inline]
fn philox(mut counter: [u32; 4], key: u64) -> [u32; 4] {
    let mut keys = [key as u32, (key >> 32) as u32];
    for _ in 0..10 {
        let left = 0xD251_1F53_u64 * u64::from(counter[0]);
        let right = 0xCD9E_8D57_u64 * u64::from(counter[2]);
        counter = [
            (right >> 32) as u32 ^ counter[1] ^ keys[0],
            right as u32,
            (left >> 32) as u32 ^ counter[3] ^ keys[1],
            left as u32,
        ];
        keys = [keys[0].wrapping_add(0x9E37_79B9), keys[1].wrapping_add(0xBB67_AE85)];
    }
    counter
}

/// The upper 53 bits as a real in [0, 1).
fn unit(bits: u64) -> f64 {
    (bits >> 11) as f64 * (1.0 / (1_u64 << 53) as f64)
}

/// The upper 24 bits as a real in [0, 1): [`unit`] rounded down, so never 1.
fn unit_f32(bits: u64) -> f32 {
    (bits >> 40) as f32 * (1.0 / (1_u32 << 24) as f32)
}

/// Two independent normal numbers from two even ones (Box and Muller, 1958).
fn normals([a, b]: [u64; 2]) -> [f64; 2] {
    // 1 − u lies in (0, 1], where the logarithm is finite.
    let radius = (-2.0 * (1.0 - unit(a)).ln()).sqrt();
    let (sin, cos) = (std::f64::consts::TAU * unit(b)).sin_cos();
    [radius * cos, radius * sin]
}

impl Tensor {
    /// A tensor of these keys, each made of a key and the int in the same place.
    pub fn fold(&self, data: &Tensor) -> Tensor {
        assert_eq!(self.shape(), data.shape(), "a number for every key");
        let pairs = self.as_slice::<Key>().iter().zip(data.as_slice::<i64>());
        Tensor::from_vec(pairs.map(|(key, &data)| key.fold(data as u64)).collect(), self.shape())
    }

    /// Reals evenly from [0, 1) for every key: `[keys.., shape..]`. An f32 has the upper 24 bits of the f64 drawn with the
    /// same key.
    pub fn uniform(&self, dtype: DType, shape: &[usize]) -> Tensor {
        match dtype {
            DType::F32 => self.draw(shape, f32::draw_uniform),
            DType::F64 => self.draw(shape, f64::draw_uniform),
            DType::I64 | DType::Bool | DType::Key => panic!("{dtype} is not real"),
        }
    }

    /// Normal reals of mean 0 and variance 1 for every key: `[keys.., shape..]`. An f32 is the rounded f64.
    pub fn normal(&self, dtype: DType, shape: &[usize]) -> Tensor {
        match dtype {
            DType::F32 => self.draw(shape, f32::draw_normal),
            DType::F64 => self.draw(shape, f64::draw_normal),
            DType::I64 | DType::Bool | DType::Key => panic!("{dtype} is not real"),
        }
    }

    /// The ints from 0 to n − 1 in a random order for every key: `[keys.., n]`.
    pub fn permutation(&self, n: usize) -> Tensor {
        let keys = self.as_slice::<Key>();
        let mut out = Vec::with_capacity(keys.len() * n);
        for key in keys {
            let first = out.len();
            out.extend(0..n as i64);
            let order = &mut out[first..];
            // Fisher and Yates: each place from the last on gets one of those not placed yet.
            for last in (1..n).rev() {
                let [bits, _] = key.bits(last as u64);
                let pick = (u128::from(bits) * (last as u128 + 1)) >> 64;
                order.swap(last, pick as usize);
            }
        }
        let shape: Vec<usize> = self.shape().iter().copied().chain([n]).collect();
        Tensor::from_vec(out, &shape)
    }

    fn draw<T: Element + Default>(&self, shape: &[usize], draw: impl Fn(Key, &mut [T])) -> Tensor {
        let keys = self.as_slice::<Key>();
        let n: usize = shape.iter().product();
        let mut out = vec![T::default(); keys.len() * n];
        for (&key, elements) in keys.iter().zip(out.chunks_exact_mut(n.max(1))) {
            draw(key, elements);
        }
        let shape: Vec<usize> = self.shape().iter().chain(shape).copied().collect();
        Tensor::from_vec(out, &shape)
    }
}

/// Reals that are drawn with a key, as many as there is room for.
pub trait Drawn: Sized {
    /// Evenly from [0, 1).
    fn draw_uniform(key: Key, out: &mut [Self]);
    /// Normally, with mean 0 and variance 1.
    fn draw_normal(key: Key, out: &mut [Self]);
}

impl Drawn for f32 {
    fn draw_uniform(key: Key, out: &mut [f32]) {
        fill(key, out, |bits| bits.map(unit_f32));
    }

    fn draw_normal(key: Key, out: &mut [f32]) {
        fill(key, out, |bits| normals(bits).map(|x| x as f32));
    }
}

impl Drawn for f64 {
    fn draw_uniform(key: Key, out: &mut [f64]) {
        fill(key, out, |bits| bits.map(unit));
    }

    fn draw_normal(key: Key, out: &mut [f64]) {
        fill(key, out, normals);
    }
}

/// Two elements from each pair of random numbers.
fn fill<T: Copy>(key: Key, out: &mut [T], pair: impl Fn([u64; 2]) -> [T; 2]) {
    for (i, two) in out.chunks_mut(2).enumerate() {
        two.copy_from_slice(&pair(key.bits(i as u64))[..two.len()]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seed(seed: u64) -> Tensor {
        Tensor::of(Key::from_seed(seed))
    }

    /// The known answers that Random123 ships for philox4x32-10.
    #[test]
    fn philox_gives_the_known_answers() {
        assert_eq!(philox([0; 4], 0), [0x6627_e8d5, 0xe169_c58d, 0xbc57_ac4c, 0x9b00_dbd8]);
        let ones = philox([u32::MAX; 4], u64::MAX);
        assert_eq!(ones, [0x408f_276d, 0x41c8_3b0e, 0xa20b_c7c6, 0x6d54_51fd]);
        let pi = philox([0x243f_6a88, 0x85a3_08d3, 0x1319_8a2e, 0x0370_7344], 0x299f_31d0_a409_3822);
        assert_eq!(pi, [0xd16c_fe09, 0x94fd_cceb, 0x5001_e420, 0x2412_6ea1]);
    }

    #[test]
    fn an_element_does_not_depend_on_the_shape() {
        let long = seed(1).normal(DType::F64, &[7, 3]);
        let short = seed(1).normal(DType::F64, &[5]);
        assert_eq!(short.as_slice::<f64>(), &long.as_slice::<f64>()[..5]);
        let keys = Tensor::from_vec(vec![Key::from_seed(0), Key::from_seed(1)], &[2]);
        let both = keys.normal(DType::F64, &[5]);
        assert_eq!(both.shape(), [2, 5]);
        assert_eq!(both.rows(1, 1).reshape(&[5]), short);
    }

    #[test]
    fn keys_of_other_data_are_other_keys() {
        let mut keys: Vec<Key> = (0..100).map(|data| Key::from_seed(7).fold(data)).collect();
        keys.extend((0..100).map(Key::from_seed));
        keys.extend((0..100).map(|data| Key::from_seed(7).fold(3).fold(data)));
        keys.sort();
        keys.dedup();
        assert_eq!(keys.len(), 300);
        let data = Tensor::from_vec(vec![0_i64, -1], &[2]);
        let folded = Tensor::filled(&[2], Key::from_seed(7)).fold(&data);
        assert_eq!(folded.as_slice::<Key>(), [Key::from_seed(7).fold(0), Key::from_seed(7).fold(u64::MAX)]);
    }

    #[test]
    fn draws_have_the_moments_of_their_distribution() {
        let n = 100_000;
        let moments = |x: &[f64]| {
            let mean = x.iter().sum::<f64>() / n as f64;
            (mean, x.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / n as f64)
        };
        // The bounds are five standard errors of each estimate.
        let root = (n as f64).sqrt();
        let even = seed(3).uniform(DType::F64, &[n]);
        let (mean, variance) = moments(even.as_slice());
        assert!((mean - 0.5).abs() < 5.0 * 0.29 / root, "{mean}");
        assert!((variance - 1.0 / 12.0).abs() < 5.0 * 0.075 / root, "{variance}");
        assert!(even.as_slice::<f64>().iter().all(|x| (0.0..1.0).contains(x)));
        let bell = seed(4).normal(DType::F64, &[n]);
        let (mean, variance) = moments(bell.as_slice());
        assert!(mean.abs() < 5.0 / root, "{mean}");
        assert!((variance - 1.0).abs() < 5.0 * 1.42 / root, "{variance}");
        let within = bell.as_slice::<f64>().iter().filter(|x| x.abs() < 1.0).count() as f64 / n as f64;
        assert!((within - 0.682_689).abs() < 5.0 * 0.47 / root, "{within}");
    }

    #[test]
    fn both_precisions_draw_the_same_numbers() {
        let wide = seed(5).uniform(DType::F64, &[999]);
        for (x, y) in wide.as_slice::<f64>().iter().zip(seed(5).uniform(DType::F32, &[999]).as_slice::<f32>()) {
            assert!((0.0..1.0 / f64::from(1 << 24)).contains(&(x - f64::from(*y))));
        }
        assert_eq!(seed(5).normal(DType::F32, &[9]), seed(5).normal(DType::F64, &[9]).convert(DType::F32));
        assert!(unit(u64::MAX) < 1.0 && unit_f32(u64::MAX) < 1.0);
    }

    #[test]
    fn a_permutation_has_every_number_once_and_every_order() {
        let mut order = seed(6).permutation(1000).into_vec::<i64>();
        assert!(!order.is_sorted());
        order.sort_unstable();
        assert!(order.into_iter().eq(0..1000));
        let mut seen: Vec<Vec<i64>> = (0..200).map(|data| seed(data).permutation(3).into_vec()).collect();
        seen.sort();
        seen.dedup();
        assert_eq!(seen.len(), 6);
        assert_eq!(seed(0).permutation(0).shape(), [0]);
    }
}
