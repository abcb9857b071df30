//! The one place a session's output goes through.

use std::io::Write;
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::Value;

use super::history::EpochRow;
use super::json;
use super::progress::{Progress, ProgressForm};
use super::trial::TrialRow;

/// What the standard output holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Form {
    /// What the script prints.
    #[default]
    Text,
    /// Events, one JSON object a line.
    Json,
}

/// How much is said on the standard error.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub enum Verbosity {
    /// Only diagnostics.
    Quiet,
    /// Remarks of the program too.
    #[default]
    Normal,
    /// And what it does and how long it takes.
    Verbose,
}

/// Takes what a session has to say and writes it where and how the user wants it.
///
/// Writing is not allowed to fail here: the writers given decide what a closed pipe or a full disk means.
pub struct Reporter {
    out: Box<dyn Write + Send>,
    err: Box<dyn Write + Send>,
    form: Form,
    verbosity: Verbosity,
    progress: Progress,
    /// What the script printed so far, for a report.
    kept: Option<String>,
}

impl Reporter {
    /// Writes results to `out`, and everything about them to `err`.
    pub fn new(
        out: Box<dyn Write + Send>,
        err: Box<dyn Write + Send>,
        form: Form,
        progress: ProgressForm,
        verbosity: Verbosity,
    ) -> Reporter {
        Reporter { out, err, form, verbosity, progress: Progress::new(progress), kept: None }
    }

    /// Writes into memory, for tests and for programs that embed the language; progress as lines.
    pub fn captured(form: Form) -> (Reporter, Captured) {
        let captured = Captured::default();
        let out = Box::new(Sink(captured.out.clone()));
        let err = Box::new(Sink(captured.err.clone()));
        (Reporter::new(out, err, form, ProgressForm::Lines, Verbosity::Normal), captured)
    }

    /// Keeps what is printed from now on.
    pub fn keep(&mut self) {
        self.kept.get_or_insert_default();
    }

    /// What was printed and kept.
    pub fn take_kept(&mut self) -> String {
        self.kept.take().unwrap_or_default()
    }

    /// A picture drawn with characters, with an empty line below.
    pub fn picture(&mut self, text: &str) {
        self.out_line(&format!("{text}\n"));
    }

    /// Text the script prints; a newline is added.
    pub fn print(&mut self, text: &str) {
        if let Some(kept) = &mut self.kept {
            kept.extend([text, "\n"]);
        }
        match self.form {
            Form::Text => self.out_line(text),
            Form::Json => self.event(&json::print(text)),
        }
    }

    /// A training begins, of at most `epochs` epochs.
    pub fn train_begins(&mut self, run: &str, epochs: Option<usize>) {
        self.progress.begin(run, epochs);
    }

    /// Whether anybody sees the row of every epoch.
    pub fn wants_epochs(&self) -> bool {
        self.form == Form::Json || self.progress.is_written()
    }

    /// Whether a line of progress is drawn: it shows more of an epoch than its row, but only of the last one.
    pub fn draws_progress(&self) -> bool {
        self.progress.is_drawn()
    }

    /// An epoch ended.
    pub fn epoch(&mut self, row: &EpochRow) {
        self.progress.epoch(row, &mut self.err);
        if self.form == Form::Json {
            self.event(&json::epoch(row));
        }
    }

    /// The training ended, in whichever way.
    pub fn train_ends(&mut self) {
        self.progress.end(&mut self.err);
    }

    /// A search begins, of so many trials.
    pub fn search_begins(&mut self, run: &str, trials: usize) {
        self.progress.begin(run, Some(trials));
    }

    /// A trial ended.
    pub fn trial(&mut self, row: &TrialRow) {
        self.progress.trial(row, &mut self.err);
        if self.form == Form::Json {
            self.event(&json::trial(row));
        }
    }

    /// The search ended, in whichever way.
    pub fn search_ends(&mut self) {
        self.progress.end(&mut self.err);
    }

    /// The value of a top-level name at the end of the script; shown as an event only.
    pub fn result(&mut self, name: &str, value: Value) {
        if self.form == Form::Json {
            self.event(&json::result(name, value));
        }
    }

    /// Named values of `emit`: an event, or a line `epoch 3  cost 0.5`.
    pub fn emit(&mut self, fields: &[(String, Value)]) {
        match self.form {
            Form::Json => self.event(&json::emit(fields)),
            Form::Text => {
                let shown: Vec<String> = fields
                    .iter()
                    .map(|(name, value)| match value {
                        Value::String(text) => format!("{name} {text}"),
                        other => format!("{name} {other}"),
                    })
                    .collect();
                self.out_line(&shown.join("  "));
            }
        }
    }

    /// A rendered diagnostic, always shown.
    pub fn diagnostic(&mut self, text: &str) {
        self.err_line(text.trim_end_matches('\n'));
    }

    /// A remark of the program, one line: where a plot went, that a training was stopped.
    pub fn note(&mut self, text: &str) {
        if self.verbosity >= Verbosity::Normal {
            self.err_line(text);
        }
    }

    /// What the program does, for those who ask by `-v`.
    pub fn log(&mut self, text: &str) {
        if self.verbosity == Verbosity::Verbose {
            self.err_line(text);
        }
    }

    fn event(&mut self, event: &Value) {
        self.out_line(&event.to_string());
    }

    /// Writes one line and flushes it, so that a program at the other end of a pipe sees it at once.
    fn out_line(&mut self, text: &str) {
        let out = &mut self.out;
        drop(self.progress.aside(|| writeln!(out, "{text}").and_then(|()| out.flush())));
    }

    fn err_line(&mut self, text: &str) {
        let err = &mut self.err;
        drop(self.progress.aside(|| writeln!(err, "{text}").and_then(|()| err.flush())));
    }
}

/// What was written into memory.
#[derive(Clone, Default)]
pub struct Captured {
    out: Arc<Mutex<Vec<u8>>>,
    err: Arc<Mutex<Vec<u8>>>,
}

impl Captured {
    /// The standard output so far.
    pub fn out(&self) -> String {
        text(&self.out)
    }

    /// The standard error so far.
    pub fn err(&self) -> String {
        text(&self.err)
    }
}

fn text(bytes: &Mutex<Vec<u8>>) -> String {
    String::from_utf8_lossy(&bytes.lock().unwrap_or_else(PoisonError::into_inner)).into_owned()
}

/// A writer into shared memory.
struct Sink(Arc<Mutex<Vec<u8>>>);

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn speak(reporter: &mut Reporter) {
        let row = EpochRow { run: "mlp".to_string(), epoch: 1, cost: 0.5, seconds: 2.0, ..EpochRow::default() };
        reporter.print("hello");
        reporter.train_begins("mlp", None);
        reporter.epoch(&row);
        reporter.train_ends();
        reporter.emit(&[("epoch".to_string(), Value::from(1)), ("cost".to_string(), json::number(f64::NAN))]);
        reporter.result("answer", Value::from(42));
        reporter.diagnostic("error[E0504]: the cost diverged\n");
        reporter.note("a remark");
        reporter.log("a detail");
    }

    #[test]
    fn text_goes_out_and_remarks_to_the_side() {
        let (mut reporter, captured) = Reporter::captured(Form::Text);
        speak(&mut reporter);
        assert_eq!(captured.out(), "hello\nepoch 1  cost nan\n");
        assert_eq!(captured.err(), "mlp  epoch 1  cost 0.50000  2.0 s\nerror[E0504]: the cost diverged\na remark\n");
    }

    #[test]
    fn events_are_one_object_a_line() {
        let (mut reporter, captured) = Reporter::captured(Form::Json);
        speak(&mut reporter);
        let events: Vec<Value> = captured.out().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let kinds: Vec<&str> = events.iter().map(|event| event["event"].as_str().unwrap()).collect();
        assert_eq!(kinds, ["print", "epoch", "emit", "result"]);
        assert_eq!(events[1]["cost"], 0.5);
    }
}
