//! Tells `perf` the names of compiled functions: with `NABLA_PERF_MAP=1` in the environment, `/tmp/perf-PID.map` gets a line
//! `start size name` for each, the first two in hexadecimal.

use std::io::Write as _;
use std::sync::OnceLock;

/// Whether the names are wanted.
pub fn is_wanted() -> bool {
    static WANTED: OnceLock<bool> = OnceLock::new();
    *WANTED.get_or_init(|| std::env::var_os("NABLA_PERF_MAP").is_some_and(|value| value == "1"))
}

/// Adds functions to the map: where each begins, its bytes, its name. A map that cannot be written is no reason to stop.
pub fn add(functions: impl Iterator<Item = (*const u8, usize, String)>) {
    let lines: String =
        functions.map(|(at, bytes, name)| format!("{:x} {bytes:x} nabla:{name}\n", at.addr())).collect();
    let path = format!("/tmp/perf-{}.map", std::process::id());
    let file = std::fs::OpenOptions::new().create(true).append(true).open(path);
    drop(file.and_then(|mut file| file.write_all(lines.as_bytes())));
}
