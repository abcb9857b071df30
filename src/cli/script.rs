//! The FILE of a command.

use std::path::Path;

use super::streams::{complain, complain_with};
use crate::session::{Exit, Script};

/// Reads the script at `path`, or says why it cannot be and gives the exit for that: a FILE that cannot be read is a
/// mistake in the command, one that is no script is a mistake in the script.
pub fn read(path: &Path) -> Result<Script, Exit> {
    Script::read(path).map_err(|error| match error.code() {
        None => {
            complain(&error.to_string());
            Exit::Usage
        }
        Some(code) => {
            complain_with(code, &error.to_string());
            Exit::Script
        }
    })
}
