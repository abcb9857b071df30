//! Differentiation and vectorisation, IR to IR.
//!
//! Lowering writes `grad`, `jvp`, `vmap` as transforms on calls; [`expand`](expand()) replaces each such call by the
//! function it stands for, innermost transform first. Every transform is one loop over a graph that names no op: what an
//! op becomes is said by its [`Rule`](crate::ir::op::Rule).
//!
//! | transform | file | arguments | results |
//! |---|---|---|---|
//! | `vjp` | [`adjoint`](mod@adjoint) | those of f, a cotangent for each result in `of` | those of f, cotangents of the arguments in `wrt` |
//! | `jvp` | [`tangent`](mod@tangent) | those of f, a tangent for each argument in `wrt` | those of f, tangents of its real results |
//! | `vmap` | [`batch`](mod@batch) | those of f, with a leading axis where `in_axes` says so | those of f, with a leading axis |

pub mod adjoint;
pub mod batch;
pub mod derive;
pub mod expand;
mod partial;
pub mod tangent;

pub use adjoint::adjoint;
pub use batch::batch;
pub use expand::{expand, expand_transforms};
pub use tangent::tangent;
