//! Ops on whole tensors that compiled code leaves to native functions, which threads share: what surrounds a tensor, what is joined, where the
//! largest element of a window is, and what is added up at given positions.
//!
//! Most take what the run shares, a description made when the code is written, and the addresses of tensors.

mod arg_window;
mod concat;
mod pad;
mod scatter;

pub use arg_window::{ArgWindows, arg_window_fn};
pub use concat::copy_apart;
pub use pad::{Padding, pad};
pub use scatter::{Scatter, gather_fn, scatter_fn};

/// Elements from which on threads share the work: some microseconds.
const SHARED: usize = 1 << 14;
