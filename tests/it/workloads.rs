//! The scripts that `cargo bench` times run, on what it gives them.

#[path = "../../benches/inputs/mod.rs"]
mod inputs;

use nabla::report::Form;
use nabla::session::options::Setting;
use nabla::session::{Exit, Options, Script};

use crate::script::{files, root, run_with};

/// What takes a build for tests too long: there the program is hardly optimised.
const LARGE: &[&str] =
    &["w6 images", "w10 matmul 256 f32", "w10 matmul 256 f64", "w10 matmul 1024 f32", "w10 matmul 1024 f64"];

#[test]
fn every_script_has_a_workload() {
    let works = inputs::works();
    for path in files("benches/workloads", ".nn") {
        assert!(works.iter().any(|work| path.ends_with(work.script)), "{} is not timed", path.display());
    }
}

#[test]
fn workloads_run_to_their_end() {
    let folder = tempfile::tempdir().unwrap();
    for work in inputs::works().iter().filter(|work| !LARGE.contains(&work.name.as_str())) {
        inputs::write(work, folder.path()).unwrap();
        let setting = |name: &str, value: String| Setting { name: name.to_string(), value };
        let data = format!("{:?}", folder.path().display().to_string());
        let settings = vec![setting("folder", data), setting(work.counts, "3".to_string())];
        let script = Script::read(&root().join("benches/workloads").join(work.script)).unwrap();
        let outcome = run_with(Options { settings, ..Options::default() }, &script, Form::Json);
        assert_eq!(outcome.exit, Exit::Done, "{}: {}", work.name, outcome.err);
        assert!(outcome.out.contains(r#""name":"final_cost""#), "{} gives no final cost", work.name);
    }
}
