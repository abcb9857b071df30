//! Kernels: plain functions from tensors to tensors, without knowledge of the ops that call them.
//!
//! Each is deterministic to the bit: loops run in a fixed order on one thread.

pub mod contract;
pub mod convert;
pub mod index;
pub mod linalg;
pub mod map;
pub mod movement;
pub mod order;
mod product;
pub mod reduce;
pub mod special;
mod strided;
mod tanh;
pub mod window;
