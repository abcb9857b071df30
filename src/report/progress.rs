//! How far a training is: a bar on a terminal, a plain line an epoch elsewhere, nothing if asked to be quiet.

use std::io::Write;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::history::EpochRow;
use super::number::duration;
use super::trial::TrialRow;

/// The bar's steps in an epoch, so that it moves within long ones.
const STEPS: f64 = 1000.0;

/// The characters of the bar itself.
const BAR_WIDTH: usize = 20;

/// How progress is shown.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ProgressForm {
    /// One line that is drawn anew: for terminals.
    Bar,
    /// A line for each epoch: for pipes and files.
    Lines,
    /// Not at all.
    Silent,
}

/// Shows the progress of one training after the other.
pub struct Progress {
    form: ProgressForm,
    bar: Option<ProgressBar>,
    /// The line that stays of what ended last.
    last: Option<String>,
}

impl Progress {
    /// Nothing is shown yet.
    pub fn new(form: ProgressForm) -> Progress {
        Progress { form, bar: None, last: None }
    }

    /// Whether anything is shown at all.
    pub fn is_seen(&self) -> bool {
        self.form != ProgressForm::Silent
    }

    /// A training begins: `epochs` is how many there will be at most.
    pub fn begin(&mut self, run: &str, epochs: Option<usize>) {
        self.last = None;
        if self.form != ProgressForm::Bar {
            return;
        }
        let bar = ProgressBar::with_draw_target(
            epochs.map(|epochs| (epochs as f64 * STEPS) as u64),
            ProgressDrawTarget::stderr(),
        );
        // `wide_msg` cuts the message at the terminal's width: a line that wraps could not be drawn over.
        bar.set_style(ProgressStyle::with_template("{wide_msg}").expect("the template is well-formed"));
        bar.set_message(format!("{run}  starting"));
        self.bar = Some(bar);
    }

    /// Within the epoch after the last one reported: `done` of the epochs are behind us, 2.5 in the middle of the third.
    pub fn within(&mut self, done: f64) {
        if let Some(bar) = &self.bar {
            bar.set_position((done * STEPS) as u64);
        }
    }

    /// An epoch ended. `err` takes the plain lines.
    pub fn epoch(&mut self, row: &EpochRow, err: &mut dyn Write) {
        match self.form {
            ProgressForm::Silent => {}
            // Progress is not worth failing for: a closed standard error loses it and nothing else.
            ProgressForm::Lines => drop(writeln!(err, "{}", row.line())),
            ProgressForm::Bar => {
                if let Some(bar) = &self.bar {
                    bar.set_message(bar_line(row));
                    bar.set_position((row.epoch as f64 * STEPS) as u64);
                }
                self.last = Some(row.line());
            }
        }
    }

    /// A trial of a search ended. `err` takes the plain lines.
    pub fn trial(&mut self, row: &TrialRow, err: &mut dyn Write) {
        match self.form {
            ProgressForm::Silent => {}
            ProgressForm::Lines => drop(writeln!(err, "{}", row.line())),
            ProgressForm::Bar => {
                if let Some(bar) = &self.bar {
                    bar.set_message(search_line(row));
                    bar.set_position((row.trial as f64 * STEPS) as u64);
                }
                self.last = Some(row.line());
            }
        }
    }

    /// The training ended: the bar makes way for the line of its last epoch.
    pub fn end(&mut self, err: &mut dyn Write) {
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
        if let Some(line) = self.last.take() {
            drop(writeln!(err, "{line}"));
        }
    }

    /// Does something that writes to the terminal, with the bar out of the way.
    pub fn aside<T>(&self, write: impl FnOnce() -> T) -> T {
        match &self.bar {
            Some(bar) => bar.suspend(write),
            None => write(),
        }
    }
}

/// The line of a bar: how far and how long first, what matters less last, where a narrow terminal cuts it.
fn bar_line(row: &EpochRow) -> String {
    let Some(epochs) = row.epochs.filter(|epochs| *epochs > 0) else {
        return row.line();
    };
    let line = row.line();
    let rest = line.split_once("  cost ").map_or("", |(_, rest)| rest);
    format!("{} {}  cost {rest}", row.run, bar(row.epoch, epochs, row.seconds))
}

/// The same for a search: the score and the best one matter most.
fn search_line(row: &TrialRow) -> String {
    let line = row.line();
    let rest = line.split_once(&format!("  {} ", row.name)).map_or("", |(_, rest)| rest);
    format!("{} {}  {} {rest}", row.run, bar(row.trial, row.trials, row.seconds), row.name)
}

/// `3/49 ━━────── 1.2 s left`.
fn bar(done: usize, all: usize, seconds: f64) -> String {
    let full = (done * BAR_WIDTH / all.max(1)).min(BAR_WIDTH);
    // Each takes about the same time, so the mean over all is the steadiest guess.
    let left = seconds / done.max(1) as f64 * all.saturating_sub(done) as f64;
    format!("{done}/{all} {}{} {} left", "━".repeat(full), "─".repeat(BAR_WIDTH - full), duration(left))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(epoch: usize) -> EpochRow {
        EpochRow {
            run: "mlp".to_string(),
            epoch,
            epochs: Some(4),
            cost: 0.5,
            seconds: epoch as f64,
            ..EpochRow::default()
        }
    }

    #[test]
    fn lines_are_one_an_epoch() {
        let mut err = Vec::new();
        let mut progress = Progress::new(ProgressForm::Lines);
        progress.begin("mlp", Some(4));
        progress.epoch(&row(1), &mut err);
        progress.within(1.5);
        progress.epoch(&row(2), &mut err);
        progress.end(&mut err);
        assert_eq!(
            String::from_utf8(err).unwrap(),
            "mlp  epoch 1/4  cost 0.50000  1.0 s\nmlp  epoch 2/4  cost 0.50000  2.0 s\n"
        );
    }

    #[test]
    fn silence_is_silent() {
        let mut err = Vec::new();
        let mut progress = Progress::new(ProgressForm::Silent);
        progress.begin("mlp", Some(4));
        progress.epoch(&row(1), &mut err);
        progress.end(&mut err);
        assert!(err.is_empty());
    }

    #[test]
    fn a_bar_leaves_its_last_line() {
        let mut err = Vec::new();
        let mut progress = Progress::new(ProgressForm::Bar);
        progress.begin("mlp", Some(4));
        progress.epoch(&row(1), &mut err);
        progress.epoch(&row(2), &mut err);
        assert!(err.is_empty(), "while it runs the bar draws itself");
        progress.end(&mut err);
        assert_eq!(String::from_utf8(err).unwrap(), "mlp  epoch 2/4  cost 0.50000  2.0 s\n");
    }

    #[test]
    fn the_bar_says_how_long_it_takes() {
        assert_eq!(bar_line(&row(1)), "mlp 1/4 ━━━━━─────────────── 3.0 s left  cost 0.50000  1.0 s");
        assert_eq!(bar_line(&row(4)), "mlp 4/4 ━━━━━━━━━━━━━━━━━━━━ 0 ms left  cost 0.50000  4.0 s");
    }
}
