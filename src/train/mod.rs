//! What the host does around the compiled step: data in, models in and out.

pub mod checkpoint;
pub mod data;
pub mod trials;
