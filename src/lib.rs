//! Nabla: a small, declarative language for neural networks.
//!
//! A program passes through these modules in order; each names only modules above it.
//!
//! ```text
//! text ─ source ─ syntax
//!        spans    grammar
//! ```

pub mod source;
pub mod syntax;
