//! Where pictures go: into files in the folder that `--plots` names, onto the terminal, or nowhere.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use super::figure::Figure;
use super::figure::terminal::{Ink, Paper, draw};
use crate::source::Code;
use crate::train::data::DataError;

/// A terminal that pictures are drawn on.
#[derive(Clone, Copy, Debug)]
pub struct Screen {
    /// How many columns and rows of characters it has by now.
    pub size: fn() -> (usize, usize),
    /// Its colours.
    pub ink: Ink,
}

/// What is said where a picture was asked for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Shown {
    /// The picture itself, drawn with characters.
    Picture(String),
    /// Where it is, or that it is nowhere.
    Remark(String),
}

/// Where plots go, and which names are taken.
#[derive(Clone, Debug, Default)]
pub struct Plots {
    folder: Option<PathBuf>,
    screen: Option<Screen>,
    taken: HashMap<String, usize>,
    /// The figures so far, for a report.
    kept: Option<Vec<Figure>>,
}

impl Plots {
    /// Writes into `folder`, made when the first plot comes; without one draws on `screen`; without both plots are only
    /// mentioned.
    pub fn new(folder: Option<PathBuf>, screen: Option<Screen>) -> Plots {
        Plots { folder, screen, ..Plots::default() }
    }

    /// Keeps figures from now on.
    pub fn keep(&mut self) {
        self.kept.get_or_insert_default();
    }

    /// The figures that were kept.
    pub fn take_kept(&mut self) -> Vec<Figure> {
        self.kept.take().unwrap_or_default()
    }

    /// Writes a figure as SVG and PNG, and its numbers as CSV. A second figure of the same name is called `name-2`.
    ///
    /// # Errors
    /// E0501 where the folder or a file cannot be written.
    pub fn show(&mut self, figure: &Figure) -> Result<Shown, DataError> {
        if let Some(kept) = &mut self.kept {
            kept.push(figure.clone());
        }
        let Some(folder) = &self.folder else {
            return Ok(match self.screen {
                Some(screen) => {
                    let (columns, rows) = (screen.size)();
                    Shown::Picture(draw(figure, Paper { columns, rows, ink: screen.ink }))
                }
                None if self.kept.is_some() => Shown::Remark(format!("plot `{}`: in the report", figure.name)),
                None => Shown::Remark(format!("plot `{}`: run with `--plots DIR` to write it to DIR", figure.name)),
            });
        };
        let mut name = file_name(&figure.name);
        let count = self.taken.entry(name.clone()).or_default();
        *count += 1;
        if *count > 1 {
            name = format!("{name}-{count}");
        }
        let failed = |path: &Path, error: &dyn std::fmt::Display| {
            DataError::new(Code::E0501, format!("`{}` cannot be written: {error}", path.display()))
        };
        std::fs::create_dir_all(folder).map_err(|error| failed(folder, &error))?;
        let path = folder.join(format!("{name}.svg"));
        let png = figure.to_png().map_err(|error| failed(&folder.join(format!("{name}.png")), &error))?;
        for (ending, bytes) in
            [("svg", figure.to_svg().into_bytes()), ("png", png), ("csv", figure.data.to_csv().into_bytes())]
        {
            let path = folder.join(format!("{name}.{ending}"));
            std::fs::write(&path, bytes).map_err(|error| failed(&path, &error))?;
        }
        Ok(Shown::Remark(format!("plot `{}`: {}, beside it .png and .csv", figure.name, path.display())))
    }
}

/// A name that is safe as a file's: letters, digits, `_` and inner dots stay, all else becomes one `-`.
fn file_name(name: &str) -> String {
    let parts = name.split(|c: char| !(c.is_alphanumeric() || c == '_' || c == '.')).map(|part| part.trim_matches('.'));
    let name = parts.filter(|part| !part.is_empty()).collect::<Vec<_>>().join("-");
    if name.is_empty() { "plot".to_string() } else { name }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::figure::Data;

    fn confusion() -> Figure {
        let data = Data {
            columns: ["true", "cat", "dog, large"].map(String::from).to_vec(),
            rows: vec![["cat", "5", "1"].map(String::from).to_vec()],
        };
        Figure { name: "confusion".to_string(), title: "Cats & dogs".to_string(), panels: vec![], data }
    }

    #[test]
    fn files_are_written_under_a_name_of_their_own() {
        let parent = tempfile::tempdir().unwrap();
        let folder = parent.path().join("new/plots");
        let mut plots = Plots::new(Some(folder.clone()), None);
        let Shown::Remark(line) = plots.show(&confusion()).unwrap() else { panic!("there is a folder") };
        assert!(line.ends_with("confusion.svg, beside it .png and .csv"), "{line}");
        plots.show(&confusion()).unwrap();
        let text = std::fs::read_to_string(folder.join("confusion.csv")).unwrap();
        assert_eq!(text, "true,cat,\"dog, large\"\ncat,5,1\n");
        assert_eq!(text, std::fs::read_to_string(folder.join("confusion-2.csv")).unwrap());
        assert!(std::fs::read_to_string(folder.join("confusion-2.svg")).unwrap().contains("Cats &amp; dogs"));
        assert!(std::fs::read(folder.join("confusion.png")).unwrap().starts_with(b"\x89PNG"));
    }

    #[test]
    fn without_a_folder_and_a_terminal_one_line_says_so() {
        let shown = Plots::new(None, None).show(&confusion()).unwrap();
        assert_eq!(shown, Shown::Remark("plot `confusion`: run with `--plots DIR` to write it to DIR".to_string()));
    }

    #[test]
    fn a_folder_that_is_a_file_is_an_error() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let error = Plots::new(Some(file.path().to_path_buf()), None).show(&confusion()).unwrap_err();
        assert_eq!(error.code, Code::E0501);
    }

    #[test]
    fn names_cannot_leave_the_folder() {
        assert_eq!(file_name("../../etc/passwd"), "etc-passwd");
        assert_eq!(file_name("W of dense 1"), "W-of-dense-1");
        assert_eq!(file_name("…"), "plot");
        assert_eq!(file_name("θ"), "θ");
    }
}
