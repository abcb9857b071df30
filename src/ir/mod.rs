//! The intermediate representation: what a program is between its text and its execution.
//!
//! ```text
//!  elaborate ─▶ Module ─▶ rewrite, grad ─▶ Module ─▶ exec
//!               │ functions, in SSA form
//!               ├─ Func: Graph of Nodes, adjoint, role
//!               │        Node: Op, args ─▶ results, origin
//!               └─ Value: Type (element type, symbolic sizes), name
//! ```
//!
//! [`graph`] holds modules and functions, [`builder`] makes them, [`op`] is the instruction set with all rules of every
//! op, [`dim`] and [`types`] are sizes and types, [`text`] prints and parses modules, and [`verify`](mod@verify) states the
//! invariants.

pub mod builder;
pub mod dim;
pub mod graph;
pub mod op;
pub mod text;
pub mod types;
pub mod verify;

pub use builder::Builder;
pub use dim::{Decision, Dim, Symbol, SymbolKind};
pub use graph::{Def, Func, FuncId, Graph, Module, Node, NodeId, Origin, Role, Value, ValueId};
pub use op::Op;
pub use types::{Shape, ShapeDisplay, Type};
pub use verify::verify;
