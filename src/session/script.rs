//! Scripts from files and from the standard input.

use std::fs::File;
use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};

use crate::source::Code;
use crate::source::nearest::nearest;

/// Longer texts are not scripts: a data file was named by mistake, or a device that never ends.
const LONGEST: u64 = 16 << 20;

/// The text of a script, and where it is from.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Script {
    /// The name shown in diagnostics: the path as given, or `<stdin>`.
    pub name: String,
    /// The folder that paths in the script start from.
    pub folder: PathBuf,
    /// The text, without a byte order mark.
    pub text: String,
}

/// Why there is no script.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ScriptError {
    /// The file is missing, a directory or may not be read.
    Unreadable {
        /// One line that says so.
        message: String,
        /// A file of a similar name.
        near: Option<String>,
    },
    /// The file can be read and holds no script: E0109.
    NoScript(String),
}

impl Script {
    /// Reads the script at `path`; `-` is the standard input, whose paths start from the working directory.
    ///
    /// # Errors
    /// The file cannot be read, is no UTF-8 text, or is larger than 16 MiB.
    pub fn read(path: &Path) -> Result<Script, ScriptError> {
        if path == Path::new("-") {
            return Script::from_reader("<stdin>".to_string(), PathBuf::from("."), std::io::stdin().lock());
        }
        let file = File::open(path).map_err(|error| unreadable(path, &error))?;
        if file.metadata().is_ok_and(|metadata| metadata.is_dir()) {
            return Err(unreadable(path, &ErrorKind::IsADirectory.into()));
        }
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        Script::from_reader(path.display().to_string(), folder.to_path_buf(), file)
    }

    fn from_reader(name: String, folder: PathBuf, reader: impl Read) -> Result<Script, ScriptError> {
        let mut bytes = Vec::new();
        reader.take(LONGEST + 1).read_to_end(&mut bytes).map_err(|error| unreadable(Path::new(&name), &error))?;
        if bytes.len() as u64 > LONGEST {
            return Err(ScriptError::NoScript(format!("`{name}` is larger than 16 MiB, which no script is")));
        }
        if let Some(offset) = bytes.iter().position(|&byte| byte == 0) {
            return Err(ScriptError::NoScript(format!("`{name}` is a binary file: byte {offset} is 0")));
        }
        let text = String::from_utf8(bytes).map_err(|error| {
            let offset = error.utf8_error().valid_up_to();
            let byte = error.as_bytes()[offset];
            ScriptError::NoScript(format!("`{name}` is not UTF-8 text: byte {offset} is 0x{byte:02x}"))
        })?;
        let text = text.strip_prefix('\u{feff}').map(str::to_string).unwrap_or(text);
        Ok(Script { name, folder, text })
    }
}

fn unreadable(path: &Path, error: &std::io::Error) -> ScriptError {
    let shown = path.display();
    match error.kind() {
        ErrorKind::NotFound => {
            ScriptError::Unreadable { message: format!("there is no file `{shown}`"), near: neighbour(path) }
        }
        ErrorKind::IsADirectory => {
            ScriptError::Unreadable { message: format!("`{shown}` is a directory, not a script"), near: None }
        }
        _ => ScriptError::Unreadable { message: format!("`{shown}` cannot be read: {error}"), near: None },
    }
}

/// A script in the same folder with a name like this one's.
fn neighbour(path: &Path) -> Option<String> {
    let folder = path.parent()?;
    let listed = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    let names = std::fs::read_dir(listed).ok()?.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    let mut scripts: Vec<String> = names.filter(|name| name.ends_with(".nn")).collect();
    scripts.sort();
    let name = nearest(path.file_name()?.to_str()?, scripts.iter().map(String::as_str))?;
    Some(folder.join(name).display().to_string())
}

impl ScriptError {
    /// The code of its page, for files that can be read and hold no script.
    pub fn code(&self) -> Option<Code> {
        match self {
            ScriptError::Unreadable { .. } => None,
            ScriptError::NoScript(_) => Some(Code::E0109),
        }
    }
}

impl std::fmt::Display for ScriptError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            ScriptError::NoScript(message) => f.write_str(message),
            ScriptError::Unreadable { message, near: None } => f.write_str(message),
            ScriptError::Unreadable { message, near: Some(near) } => write!(f, "{message}; did you mean `{near}`?"),
        }
    }
}

impl std::error::Error for ScriptError {}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(bytes: &[u8]) -> Result<Script, String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.nn");
        std::fs::write(&path, bytes).unwrap();
        let clean = |text: String| text.replace(&format!("{}/", folder.path().display()), "");
        Script::read(&path).map_err(|error| clean(error.to_string()))
    }

    #[test]
    fn text_is_taken_without_its_mark() {
        assert_eq!(read("x = 1\n".as_bytes()).unwrap().text, "x = 1\n");
        assert_eq!(read("\u{feff}σ = 1\r\n".as_bytes()).unwrap().text, "σ = 1\r\n");
        assert_eq!(read(b"").unwrap().text, "");
    }

    #[test]
    fn what_is_no_text_says_where() {
        assert_eq!(read(b"x = 1\n\xffy").unwrap_err(), "`a.nn` is not UTF-8 text: byte 6 is 0xff");
        assert_eq!(read(b"x\0").unwrap_err(), "`a.nn` is a binary file: byte 1 is 0");
        assert_eq!(read(&[b'x'; (16 << 20) + 1]).unwrap_err(), "`a.nn` is larger than 16 MiB, which no script is");
    }

    #[test]
    fn missing_files_name_a_neighbour() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("digits.nn"), "").unwrap();
        let error = Script::read(&folder.path().join("digit.nn")).unwrap_err();
        assert!(error.to_string().ends_with("digits.nn`?"), "{error}");
        assert_eq!(error.code(), None);
        assert!(Script::read(folder.path()).unwrap_err().to_string().ends_with("is a directory, not a script"));
    }
}
