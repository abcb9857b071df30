//! Nabla: a small, declarative language for neural networks.
//!
//! A program passes through these modules in order; each names only modules before it, which a test holds.
//!
//! ```text
//! source ─ syntax ─ tensor ─ ir ─ rewrite ─ grad ─ elaborate ─ exec ─ train ─ report ─ session ─ repl ─ cli
//! spans    grammar  kernels  ops  passes    adjoints text to IR  engines data   output   scripts   prompt
//! ```

pub mod cli;
pub mod elaborate;
pub mod exec;
pub mod grad;
pub mod ir;
pub mod repl;
pub mod report;
pub mod rewrite;
pub mod session;
pub mod source;
pub mod syntax;
pub mod tensor;
pub mod train;
