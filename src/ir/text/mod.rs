//! The text form of modules, for tests and for whoever wants to see what a program became.
//!
//! ```text
//! fn @step(%0 W: f64[2, 3], %1 x: f64[n, 2]) -> (f64[n, 3]) {
//!   %2 h = contract{spec="md,dn->mn"}(%1, %0): f64[n, 3]
//!   %3 = tanh(%2): f64[n, 3]
//!   return %3
//! }
//! ```
//!
//! Values are numbered in order of definition. A function known to the user is a `named fn`; one with a reverse rule of its
//! own says `adjoint @rule` before its body. Sizes are written by name, and a name is one size in the whole module: a
//! second size or function of the same name is written `n#2`. What stands behind a `;` where a word may begin is a comment.
//!
//! [`print`](fn@print) and [`parse`](fn@parse) are each other's inverse, but for where in the script nodes come from and
//! for what is known of sizes. [`show`] abbreviates large constants.

mod parse;
mod print;

pub use parse::parse;
pub use print::{print, show};
