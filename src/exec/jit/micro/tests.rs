//! The kernels of every instruction set of this machine against plain loops and references of higher precision.

mod maps;
mod precise;
mod products;
mod sliding;
mod winograd;

use super::Isa;

/// A generator of test data (xorshift), so that every run sees the same numbers.
struct Draw(u64);

impl Draw {
    fn bits(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    /// From −1 to 1.
    fn unit(&mut self) -> f64 {
        (self.bits() >> 11) as f64 / (1u64 << 52) as f64 - 1.0
    }

    /// From `low` to `high`, both included.
    fn whole(&mut self, low: usize, high: usize) -> usize {
        low + (self.bits() >> 33) as usize % (high - low + 1)
    }
}

#[test]
fn the_portable_kernels_are_always_there() {
    let isas = Isa::available();
    assert_eq!(isas.last().map(|isa| isa.name()), Some("portable"));
    assert!(isas.contains(&Isa::best()), "`NABLA_ISA` may name another than the first");
}
