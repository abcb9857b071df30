//! Compiles IR to machine code, which calls native kernels where those win.
//!
//! [`micro`] has the kernels: matrix products and functions of slices for the vector instructions of the machine.

pub mod micro;
