//! Where what was typed is kept for the next session.

use std::ffi::OsString;
use std::path::PathBuf;

/// The file: `NABLA_HISTORY`, or `nabla/history` among the user's data. None if `NABLA_HISTORY` is empty or there is no home.
pub fn file() -> Option<PathBuf> {
    place(&|name| std::env::var_os(name))
}

fn place(variable: &dyn Fn(&str) -> Option<OsString>) -> Option<PathBuf> {
    if let Some(file) = variable("NABLA_HISTORY") {
        return Some(PathBuf::from(file)).filter(|file| !file.as_os_str().is_empty());
    }
    // The standard of XDG wants a path that is not absolute to be ignored.
    let folder = |name: &str| variable(name).map(PathBuf::from).filter(|folder| folder.is_absolute());
    let data = folder("XDG_DATA_HOME")
        .or_else(|| folder("APPDATA").filter(|_| cfg!(windows)))
        .or_else(|| folder("HOME").map(|home| home.join(".local/share")))?;
    Some(data.join("nabla").join("history"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(variables: &'static [(&str, &str)]) -> Option<PathBuf> {
        place(&|name| variables.iter().find(|(other, _)| *other == name).map(|(_, value)| value.into()))
    }

    #[cfg(unix)]
    #[test]
    fn the_user_decides() {
        assert_eq!(with(&[("HOME", "/h")]), Some("/h/.local/share/nabla/history".into()));
        assert_eq!(with(&[("HOME", "/h"), ("XDG_DATA_HOME", "/d")]), Some("/d/nabla/history".into()));
        assert_eq!(with(&[("HOME", "/h"), ("XDG_DATA_HOME", "d")]), Some("/h/.local/share/nabla/history".into()));
        assert_eq!(with(&[("HOME", "/h"), ("NABLA_HISTORY", "x")]), Some("x".into()));
        assert_eq!(with(&[("HOME", "/h"), ("NABLA_HISTORY", "")]), None);
        assert_eq!(with(&[]), None);
    }
}
