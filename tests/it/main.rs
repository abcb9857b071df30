//! All integration tests, as one program.

// A test fails by panicking, also in the functions it shares with others.
#![allow(clippy::unwrap_used)]

mod builtins;
mod cli;
mod derive;
mod docs;
mod engines;
mod errors;
mod examples;
mod figures;
mod files;
mod fixtures;
mod generated;
mod grad;
mod inspect;
mod ops;
mod passes;
mod progress;
mod repl;
mod report;
mod robust;
mod script;
mod search;
mod syntax;
mod tidy;
mod training;
mod windows;
mod workloads;
