//! Element types.

use std::fmt;
use std::str::FromStr;

/// The type of a tensor's elements.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub enum DType {
    /// Reals of 32 bits.
    F32,
    /// Reals of 64 bits.
    F64,
    /// Ints of 64 bits.
    I64,
    /// True or false.
    Bool,
    /// Keys of random streams.
    Key,
}

impl DType {
    /// Every element type.
    pub const ALL: [DType; 5] = [DType::F32, DType::F64, DType::I64, DType::Bool, DType::Key];

    /// Whether the elements are reals, which alone have derivatives.
    pub fn is_real(self) -> bool {
        matches!(self, DType::F32 | DType::F64)
    }

    /// The bytes one element takes.
    pub fn size_bytes(self) -> usize {
        match self {
            DType::F32 => 4,
            DType::F64 | DType::I64 => 8,
            DType::Bool => 1,
            DType::Key => 16,
        }
    }

    /// How it is written.
    pub fn name(self) -> &'static str {
        match self {
            DType::F32 => "f32",
            DType::F64 => "f64",
            DType::I64 => "i64",
            DType::Bool => "bool",
            DType::Key => "key",
        }
    }
}

impl fmt::Display for DType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for DType {
    type Err = ();

    fn from_str(text: &str) -> Result<DType, ()> {
        DType::ALL.into_iter().find(|dtype| dtype.name() == text).ok_or(())
    }
}
