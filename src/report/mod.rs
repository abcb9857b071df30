//! What a run shows: printed text, progress, histories, summaries, plots, and events for other programs.
//!
//! A session talks to a [`Reporter`] and knows neither terminals nor JSON. What the script prints goes to the standard
//! output, what the program says about it (progress, diagnostics, logs) to the standard error.

mod columns;
pub mod figure;
pub mod grid;
pub mod history;
pub mod json;
pub mod number;
pub mod page;
pub mod plot;
pub mod progress;
pub mod reporter;
pub mod summary;
pub mod tones;
pub mod trial;

pub use history::{EpochRow, History};
pub use reporter::{Captured, Form, Reporter, Verbosity};
pub use trial::TrialRow;
