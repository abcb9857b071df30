//! What a trial is known by: its programs and all the numbers they are given.
//!
//! The hash is the generator of random numbers, which turns a key and a number into an unrelated key.

use crate::elaborate::{Unit, Value};
use crate::ir::text;
use crate::tensor::{Key, Tensor};

/// The most tensors whose fingerprints are kept, and the bytes from which on that is worth it.
const KEPT_PRINTS: usize = 64;
const LARGE: usize = 1 << 14;

/// Fingerprints of data, kept.
#[derive(Default)]
pub struct Prints(Vec<(Tensor, Key)>);

impl Prints {
    /// What a unit is known by: its programs and all numbers they are given.
    pub fn of(&mut self, unit: &Unit) -> String {
        let mut key = Key::from_seed(0);
        for stage in [Some(&unit.training), unit.scoring.as_ref()].into_iter().flatten() {
            let traced = &stage.plan.traced;
            key = fold_bytes(key.fold(stage.plan.count as u64), text::print(&stage.module).as_bytes());
            for tensor in traced.known_carry().iter().chain(&traced.known_xs()) {
                key = fold_key(key, print_of(tensor));
            }
            for tensor in traced.known_captures() {
                key = fold_key(key, self.kept_print(&tensor));
            }
        }
        if let Some(stop) = unit.stop.as_ref().and_then(event_of_rule) {
            key = fold_bytes(key, stop.as_bytes());
        }
        let [high, low] = key.to_bits();
        format!("{high:016x}{low:016x}")
    }

    /// The fingerprint of data, which many units have in common.
    fn kept_print(&mut self, tensor: &Tensor) -> Key {
        if tensor.nbytes() < LARGE {
            return print_of(tensor);
        }
        if let Some((_, print)) = self.0.iter().find(|(other, _)| other.is_same_memory(tensor)) {
            return *print;
        }
        let print = print_of(tensor);
        if self.0.len() < KEPT_PRINTS {
            // The tensor is kept as well, so that no other one takes its place in memory.
            self.0.push((tensor.clone(), print));
        }
        print
    }
}

/// A stopping rule as text.
fn event_of_rule(rule: &Value) -> Option<String> {
    let record = rule.as_record()?;
    let patience = record.get("patience")?.as_tensor()?.as_int()?;
    Some(format!("{} {patience}", record.get("column")?.as_str()?))
}

/// The fingerprint of a tensor.
fn print_of(tensor: &Tensor) -> Key {
    let shape = format!("{}{:?}", tensor.dtype(), tensor.shape());
    let start = fold_bytes(Key::from_seed(1), shape.as_bytes());
    tensor.bits().into_iter().fold(start, Key::fold)
}

fn fold_bytes(key: Key, bytes: &[u8]) -> Key {
    let word = |chunk: &[u8]| {
        let mut word = [0; 8];
        word[..chunk.len()].copy_from_slice(chunk);
        u64::from_le_bytes(word)
    };
    bytes.chunks(8).map(word).fold(key.fold(bytes.len() as u64), Key::fold)
}

fn fold_key(key: Key, other: Key) -> Key {
    other.to_bits().into_iter().fold(key, Key::fold)
}
