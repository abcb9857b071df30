//! Compiles IR to machine code, which calls native kernels where those win.
//!
//! Code is made when the arguments are there, so that every size is a number ([`specialise`]). A function is planned first
//! (`plan`): which ops share a loop, where every value lies. Then cranelift writes it (`emit`): loops over
//! elements, calls of the kernels of [`micro`] for products of matrices and functions of many elements, and of the
//! interpreter's kernels for what is rare (`runtime`). A run allocates nothing but what those rare kernels want: values
//! lie in the frame, whose size is known before.
//!
//! | here | is |
//! |---|---|
//! | [`Sized`] | a function with numbers for sizes, to be compiled if that is worth it |
//! | [`Program`] | a compiled function, called once or often |
//! | [`Loop`] | the body of a loop, run for some turns at a time |
//! | [`Pool`] | the threads that share what is large |
//! | [`Listing`] | what either would be, to be read |
//!
//! [`specialise`]: mod@crate::rewrite::specialise

mod emit;
mod hoist;
mod layout;
mod list;
pub mod micro;
mod native;
mod order;
mod phases;
mod plan;
mod pool;
mod run;
mod runtime;
mod spell;
mod view;
mod windows;

pub use list::Listing;
pub use pool::Pool;
pub use run::{Loop, Program, Sized, Stop};

/// Why a program is not compiled.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Error {
    /// The arguments do not fit, or a size is computed: the interpreter says what is wrong, or runs it.
    Sizes(String),
    /// The machine does not let us.
    Machine(String),
}

impl std::fmt::Display for Error {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Error::Sizes(why) | Error::Machine(why) => f.write_str(why),
        }
    }
}
