//! Plots, as their data: a CSV file each, in the folder that `--plots` names.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use super::grid::csv_cell;
use super::number::plain;
use crate::source::Code;
use crate::train::data::DataError;

/// What a plot shows.
#[derive(Clone, PartialEq, Debug)]
pub struct PlotData {
    /// What it is called: `history`, `confusion`; the file is named after it.
    pub name: String,
    /// The names of the columns.
    pub columns: Vec<String>,
    /// What the rows are called and the name of each, where they have names: the classes of a confusion matrix.
    pub row_names: Option<(String, Vec<String>)>,
    /// The rows, a number for each column.
    pub rows: Vec<Vec<f64>>,
}

impl PlotData {
    /// The data as the text of a CSV file.
    pub fn to_csv(&self) -> String {
        let title = self.row_names.iter().map(|(title, _)| csv_cell(title));
        let header: Vec<String> = title.chain(self.columns.iter().map(|name| csv_cell(name))).collect();
        let mut text = header.join(",") + "\n";
        for (idx, row) in self.rows.iter().enumerate() {
            let name = self.row_names.iter().map(|(_, names)| csv_cell(&names[idx]));
            let cells: Vec<String> = name.chain(row.iter().map(|value| plain(*value))).collect();
            text += &(cells.join(",") + "\n");
        }
        text
    }
}

/// Where plots go, and which names are taken.
#[derive(Clone, Debug, Default)]
pub struct Plots {
    folder: Option<PathBuf>,
    taken: HashMap<String, usize>,
}

impl Plots {
    /// Writes into `folder`, made when the first plot comes; without one plots are only mentioned.
    pub fn new(folder: Option<PathBuf>) -> Plots {
        Plots { folder, taken: HashMap::new() }
    }

    /// Writes a plot's data and gives the line that says where it is, or that there is no folder for it. A second
    /// plot of the same name is called `name-2`.
    ///
    /// # Errors
    /// E0501 where the folder or the file cannot be written.
    pub fn show(&mut self, plot: &PlotData) -> Result<String, DataError> {
        let Some(folder) = &self.folder else {
            return Ok(format!("plot `{}`: run with `--plots DIR` to write its data to DIR", plot.name));
        };
        let mut name = file_name(&plot.name);
        let count = self.taken.entry(name.clone()).or_default();
        *count += 1;
        if *count > 1 {
            name = format!("{name}-{count}");
        }
        let path = folder.join(name + ".csv");
        let failed = |path: &Path, error: std::io::Error| {
            DataError::new(Code::E0501, format!("`{}` cannot be written: {error}", path.display()))
        };
        std::fs::create_dir_all(folder).map_err(|error| failed(folder, error))?;
        std::fs::write(&path, plot.to_csv()).map_err(|error| failed(&path, error))?;
        Ok(format!("plot `{}`: its data is in {}", plot.name, path.display()))
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

    fn confusion() -> PlotData {
        PlotData {
            name: "confusion".to_string(),
            columns: vec!["cat".to_string(), "dog".to_string()],
            row_names: Some(("true".to_string(), vec!["cat".to_string(), "dog, large".to_string()])),
            rows: vec![vec![5.0, 1.0], vec![0.0, f64::NAN]],
        }
    }

    #[test]
    fn data_is_written_under_a_name_of_its_own() {
        let parent = tempfile::tempdir().unwrap();
        let folder = parent.path().join("new/plots");
        let mut plots = Plots::new(Some(folder.clone()));
        assert!(plots.show(&confusion()).unwrap().ends_with("confusion.csv"));
        assert!(plots.show(&confusion()).unwrap().ends_with("confusion-2.csv"));
        let text = std::fs::read_to_string(folder.join("confusion.csv")).unwrap();
        assert_eq!(text, "true,cat,dog\ncat,5.0,1.0\n\"dog, large\",0.0,nan\n");
        assert_eq!(text, std::fs::read_to_string(folder.join("confusion-2.csv")).unwrap());
    }

    #[test]
    fn without_a_folder_one_line_says_so() {
        let line = Plots::new(None).show(&confusion()).unwrap();
        assert_eq!(line, "plot `confusion`: run with `--plots DIR` to write its data to DIR");
    }

    #[test]
    fn a_folder_that_is_a_file_is_an_error() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let error = Plots::new(Some(file.path().to_path_buf())).show(&confusion()).unwrap_err();
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
