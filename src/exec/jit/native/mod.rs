//! Ops on whole tensors that compiled code leaves to native functions, which threads share: what surrounds a tensor, what is
//! joined, where the largest element of a window is, what is added up at given positions, and products.
//!
//! Most take what the run shares, a description made when the code is written, and the addresses of tensors.

mod arg_window;
mod concat;
mod max_window;
mod pad;
mod pool;
mod pool_any;
mod pool_cube;
mod pool_square;
mod product;
mod scatter;
mod sliding;
mod winograd;

pub use arg_window::arg_window_fn;
pub use concat::copy_apart;
pub use max_window::MaxWindows;
pub use pad::{Padding, pad};
pub use pool::{pool_fn, return_fn};
pub use product::{product_fn, product_of_thread_fn};
pub use scatter::{Scatter, gather_fn, scatter_fn};
pub use sliding::sliding_fn;
pub use winograd::{winograd_fn, winograd_gradient_fn};

/// Elements from which on threads share the work: some microseconds.
const SHARED: usize = 1 << 14;
