//! Data from files, and its preparation: readers, splits and scalings as pure functions over plain numbers.
//!
//! Tables are row-major `Vec<f64>`; rows are named by their line in the file, columns by their name. A mistake is a
//! [`DataError`], which becomes a diagnostic where the statement's span is known.

pub mod array;
pub mod choose;
pub mod error;
pub mod file;
pub mod idx;
pub mod images;
pub mod mapped;
pub mod npy;
pub mod one_hot;
pub mod scale;
pub mod split;
pub mod table;
pub mod zip;

pub use error::DataError;
