//! The keys of random draws: pure functions of the seed, the path and ordinal of the draw, the step and the turns of the
//! loops around it.

use super::paths::path_text;
use super::value::TensorValue;
use super::{Elaborator, Result};
use crate::ir::op::Fold;
use crate::syntax::ast::Name;
use crate::tensor::{Key, Tensor};

/// Where draws outside nets are counted: by the name a statement binds.
#[derive(Clone, Default, Debug)]
pub struct DrawPath {
    pub(super) path: String,
    pub(super) ordinal: i64,
    pub(super) seed: Option<TensorValue>,
}

impl DrawPath {
    /// Counts afresh for the statement that binds `name`.
    pub fn start(&mut self, name: &Name) {
        self.path = name.to_string();
        self.ordinal = 0;
    }
}

impl Elaborator {
    /// Sets the seed of draws outside nets and of nets made from here on.
    pub fn set_seed(&mut self, seed: TensorValue) {
        if !self.seed_is_fixed {
            self.seed = seed;
        }
    }

    /// The key of the next draw: a pure function of the seed, the path and ordinal of the draw, the step and the turns of
    /// the loops around it.
    pub fn next_key(&mut self) -> Result<TensorValue> {
        let (seed, path, ordinal, step) = match self.nets.last_mut() {
            Some(net) => {
                let (seed, step) = (net.seed.clone(), net.step.clone());
                let frame = net.frame();
                frame.draws += 1;
                (seed, path_text(&frame.path).to_string(), frame.draws - 1, step)
            }
            None => {
                let seed = self.draws.seed.clone().unwrap_or_else(|| self.seed.clone());
                self.draws.ordinal += 1;
                (seed, self.draws.path.clone(), self.draws.ordinal - 1, None)
            }
        };
        let mut key = TensorValue::constant(Tensor::from_vec(vec![Key::from_seed(0)], &[]));
        let host_turns: Vec<TensorValue> = self.host_turns.iter().map(|&turn| TensorValue::int(turn)).collect();
        let words = [seed, TensorValue::int(path_hash(&path)), TensorValue::int(ordinal)];
        for word in words.into_iter().chain(step).chain(host_turns).chain(self.turns()) {
            key = self.emit(Fold, &[key, word])?;
        }
        Ok(key)
    }
}

/// A number for a path: FNV-1a, 64 bits.
pub(super) fn path_hash(path: &str) -> i64 {
    path.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3))
        as i64
}
