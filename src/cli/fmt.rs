//! `nabla fmt`: scripts in their one form.

use std::path::{Path, PathBuf};

use super::script;
use super::streams::{self, Out, complain};
use crate::session::Exit;
use crate::source::SourceMap;
use crate::source::render::render;
use crate::syntax::print::format;

/// What to do with a script that is not formatted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Mode {
    /// Write its formatted text in its place.
    Write,
    /// Name it.
    Check,
}

/// Formats each script; the worst exit counts. With [`Mode::Check`] an unformatted script fails.
pub fn fmt(files: &[PathBuf], mode: Mode) -> Exit {
    let mut worst = Exit::Done;
    for file in files {
        let exit = fmt_one(file, mode).unwrap_or_else(|exit| exit);
        if exit.code() > worst.code() {
            worst = exit;
        }
    }
    worst
}

fn fmt_one(path: &Path, mode: Mode) -> Result<Exit, Exit> {
    let script = script::read(path)?;
    let mut sources = SourceMap::default();
    sources.add(script.name.as_str(), script.text.as_str());
    let formatted = format(&script.text).map_err(|diagnostics| {
        for diagnostic in &diagnostics {
            streams::err(&render(diagnostic, &sources, streams::colour()));
        }
        Exit::Script
    })?;
    let is_formatted = formatted == script.text;
    match mode {
        Mode::Check if is_formatted => Ok(Exit::Done),
        Mode::Check => {
            Out::stdout().line(&script.name);
            Ok(Exit::Failed)
        }
        Mode::Write if path == Path::new("-") => {
            Out::stdout().text(&formatted);
            Ok(Exit::Done)
        }
        Mode::Write if is_formatted => Ok(Exit::Done),
        Mode::Write => {
            std::fs::write(path, formatted).map_err(|error| {
                complain(&format!("`{}` cannot be written: {error}", path.display()));
                Exit::Failed
            })?;
            Ok(Exit::Done)
        }
    }
}
