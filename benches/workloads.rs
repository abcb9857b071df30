//! Times the scripts of `benches/workloads` in this process: `cargo bench`, or `cargo bench -- w4 w10` for some of them.
//!
//! A run of a script reads, checks, compiles and trains. What is asked for is the time of an epoch, so each number is the
//! difference between a long and a short run by the difference of their epochs: the rest falls out. That is also why no
//! benchmarking library is used, which would time whole runs. The data are drawn by a fixed rule; the time does not depend
//! on them. `benches/peers/compare.py` has the real ones, and other systems beside Nabla.

mod inputs;

use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use nabla::report::progress::ProgressForm;
use nabla::report::{Form, Reporter, Verbosity};
use nabla::session::options::Setting;
use nabla::session::{Exit, Options, Script, Session};

use inputs::Work;

/// How often a long and a short run are compared.
const ROUNDS: usize = 5;

/// By how much a long run exceeds one of hardly any epochs.
const EXTRA: Duration = Duration::from_millis(250);

/// A long run has so many times the epochs of a short one.
const LONGER: usize = 10;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    // Without `--bench` this was started by `cargo test --benches`: everything is run, nothing is measured.
    let measures = arguments.iter().any(|argument| argument == "--bench");
    let names: Vec<&String> = arguments.iter().filter(|argument| !argument.starts_with('-')).collect();
    let folder = tempfile::tempdir().expect("a folder for the data can be made");
    for work in inputs::works() {
        let is_meant = |name: &&String| work.name == **name || work.name.starts_with(&format!("{name} "));
        if !names.is_empty() && !names.iter().any(is_meant) {
            continue;
        }
        let data = folder.path().join(&work.name);
        inputs::write(&work, &data).expect("the folder can be written to");
        let run = |epochs: usize| seconds(&work, &data, epochs);
        if measures {
            println!("{}", measured(&work, run));
        } else {
            run(2);
        }
    }
}

/// Runs a script for so many epochs; the seconds that took.
fn seconds(work: &Work, data: &Path, epochs: usize) -> f64 {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("benches/workloads").join(work.script);
    let script = Script::read(&path).expect("the script is in the repository");
    let set = |name: &str, value: String| Setting { name: name.to_string(), value };
    let settings =
        vec![set("folder", format!("{:?}", data.display().to_string())), set(work.counts, epochs.to_string())];
    let reporter =
        Reporter::new(Box::new(io::sink()), Box::new(io::stderr()), Form::Text, ProgressForm::Silent, Verbosity::Quiet);
    let session = Session::new(Options { settings, ..Options::default() }, reporter);
    let began = Instant::now();
    let exit = session.run(&script);
    let took = began.elapsed().as_secs_f64();
    assert_eq!(exit, Exit::Done, "{} did not run to its end", work.script);
    took
}

/// One line: the median and the quartiles of the time of an epoch, and what that is in the unit of the workload.
fn measured(work: &Work, run: impl Fn(usize) -> f64) -> String {
    let long = length(&run);
    let short = long.div_ceil(LONGER);
    let mut of_epochs: Vec<f64> =
        (0..ROUNDS).map(|_| (run(long) - run(short)).max(0.0) / (long - short) as f64).collect();
    of_epochs.sort_by(f64::total_cmp);
    let [low, middle, high] = [1, 2, 3].map(|quarter| of_epochs[quarter * (ROUNDS - 1) / 4]);
    let rate = work.rate.map_or(String::new(), |(amount, unit)| format!("{:9.1} {unit}", amount / middle));
    let each = if work.counts == "turns" { "a turn  " } else { "an epoch" };
    format!("{:22} {:>12} {each}  ({} to {})  {rate}", work.name, spoken(middle), spoken(low), spoken(high))
        .trim_end()
        .to_string()
}

/// How many epochs take longer than hardly any by [`EXTRA`].
fn length(run: impl Fn(usize) -> f64) -> usize {
    let wanted = EXTRA.as_secs_f64();
    let least = run(1);
    let mut epochs = 4;
    loop {
        let extra = run(epochs) - least;
        if extra >= 0.8 * wanted {
            return epochs;
        }
        // Near the noise of a start the rate is not known yet.
        let factor = if extra > 0.02 { (1.1 * wanted / extra).min(30.0) } else { 30.0 };
        epochs = (epochs as f64 * factor).ceil() as usize;
    }
}

/// A time with three digits in the unit that suits it.
fn spoken(seconds: f64) -> String {
    let (value, unit) = match seconds {
        s if s >= 1.0 => (s, "s"),
        s if s >= 1e-3 => (s * 1e3, "ms"),
        s if s >= 1e-6 => (s * 1e6, "µs"),
        s => (s * 1e9, "ns"),
    };
    let decimals = if value >= 100.0 {
        0
    } else if value >= 10.0 {
        1
    } else {
        2
    };
    format!("{value:.decimals$} {unit}")
}
