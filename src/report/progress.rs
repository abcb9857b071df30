//! How far a training is: one line on a terminal that is drawn anew, a plain line an epoch elsewhere, nothing if asked to be
//! quiet.
//!
//! ```text
//! mlp 12/30 ━━━━━━━━──────────── 1.2 s left  cost 0.31234  accuracy 0.9123  valid.cost 0.3501  lr 0.001  51,200 rows/s
//! ```
//!
//! The line is never longer than the terminal is wide at the moment: the bar gets shorter, then what matters least is left
//! out. It is drawn some times a second, so that the time left runs down and a new width is met soon.

use std::io::Write;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};

use super::columns::{columns, cut, shortened};
use super::history::EpochRow;
use super::number::{duration, significant, thousands};
use super::trial::TrialRow;

/// The lengths a bar may have, in characters; none at all where there is no room.
const BARS: [usize; 5] = [20, 12, 8, 4, 0];

/// How often the line is drawn at least.
const TICK: Duration = Duration::from_millis(125);

/// How progress is shown.
#[derive(Clone, Copy, Debug)]
pub enum ProgressForm {
    /// One line that is drawn anew: for terminals.
    Bar {
        /// How many columns the terminal has at the moment.
        width: fn() -> usize,
    },
    /// A line for each epoch: for pipes and files.
    Lines,
    /// Not at all.
    Silent,
}

/// Shows the progress of one training after the other.
pub struct Progress {
    form: ProgressForm,
    bar: Option<ProgressBar>,
    /// What the bar shows.
    shown: Arc<Mutex<Shown>>,
    /// The line that stays of what ended last.
    last: Option<String>,
}

/// What is known of how far it is.
#[derive(Clone, Debug, Default)]
struct Shown {
    run: String,
    /// How many epochs or trials are done, of how many.
    done: usize,
    all: Option<usize>,
    /// How long that took, and when it was so far.
    seconds: f64,
    at: Option<Instant>,
    /// What else is known, the most important first.
    fields: Vec<String>,
}

impl Progress {
    /// Nothing is shown yet.
    pub fn new(form: ProgressForm) -> Progress {
        Progress { form, bar: None, shown: Arc::default(), last: None }
    }

    /// Whether every epoch has a line of its own.
    pub fn is_written(&self) -> bool {
        matches!(self.form, ProgressForm::Lines)
    }

    /// Whether a line is drawn anew.
    pub fn is_drawn(&self) -> bool {
        matches!(self.form, ProgressForm::Bar { .. })
    }

    /// A training begins: `epochs` is how many there will be at most.
    pub fn begin(&mut self, run: &str, epochs: Option<usize>) {
        self.last = None;
        let ProgressForm::Bar { width } = self.form else { return };
        self.show(Shown { run: run.to_string(), all: epochs, fields: vec!["starting".into()], ..Shown::default() });
        let shown = self.shown.clone();
        let line = move |_: &ProgressState, out: &mut dyn std::fmt::Write| {
            let shown = shown.lock().unwrap_or_else(PoisonError::into_inner);
            // The last column stays free: some terminals begin a new line as soon as it is written to.
            // A line that cannot be drawn is drawn the next time.
            let _ = out.write_str(&shown.line(width().saturating_sub(1), Instant::now()));
        };
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
        let style = ProgressStyle::with_template("{line}").expect("the template is well-formed");
        bar.set_style(style.with_key("line", line));
        bar.enable_steady_tick(TICK);
        self.bar = Some(bar);
    }

    fn show(&self, shown: Shown) {
        *self.shown.lock().unwrap_or_else(PoisonError::into_inner) = shown;
        if let Some(bar) = &self.bar {
            bar.tick();
        }
    }

    /// An epoch ended. `err` takes the plain lines.
    pub fn epoch(&mut self, row: &EpochRow, err: &mut dyn Write) {
        self.went_on(
            err,
            || row.line(),
            || Shown {
                run: row.run.clone(),
                done: row.epoch,
                all: row.epochs,
                seconds: row.seconds,
                at: Some(Instant::now()),
                fields: epoch_fields(row),
            },
        );
    }

    /// A trial of a search ended. `err` takes the plain lines.
    pub fn trial(&mut self, row: &TrialRow, err: &mut dyn Write) {
        self.went_on(
            err,
            || row.line(),
            || Shown {
                run: row.run.clone(),
                done: row.trial,
                all: Some(row.trials),
                seconds: row.seconds,
                at: Some(Instant::now()),
                fields: trial_fields(row),
            },
        );
    }

    fn went_on(&mut self, err: &mut dyn Write, line: impl FnOnce() -> String, shown: impl FnOnce() -> Shown) {
        match self.form {
            ProgressForm::Silent => {}
            // Progress is not worth failing for: a closed standard error loses it and nothing else.
            ProgressForm::Lines => drop(err.write_all((line() + "\n").as_bytes())),
            ProgressForm::Bar { .. } => {
                self.show(shown());
                self.last = Some(line());
            }
        }
    }

    /// The training ended: the bar makes way for the line of its last epoch.
    pub fn end(&mut self, err: &mut dyn Write) {
        if let Some(bar) = self.bar.take() {
            bar.disable_steady_tick();
            bar.finish_and_clear();
        }
        let Some(line) = self.last.take() else { return };
        let line = match self.form {
            ProgressForm::Bar { width } => {
                let mut parts = line.split("  ").map(str::to_string);
                let head = parts.next().unwrap_or_default();
                fitted(head, &parts.collect::<Vec<_>>(), width().saturating_sub(1))
            }
            ProgressForm::Lines | ProgressForm::Silent => line,
        };
        drop(writeln!(err, "{line}"));
    }

    /// Does something that writes to the terminal, with the bar out of the way.
    pub fn aside<T>(&self, write: impl FnOnce() -> T) -> T {
        match &self.bar {
            Some(bar) => bar.suspend(write),
            None => write(),
        }
    }
}

impl Drop for Progress {
    /// Whatever ends the program leaves no half of a line behind.
    fn drop(&mut self) {
        if let Some(bar) = self.bar.take() {
            bar.disable_steady_tick();
            bar.finish_and_clear();
        }
    }
}

fn epoch_fields(row: &EpochRow) -> Vec<String> {
    let mut fields = vec![format!("cost {}", significant(row.cost, 5))];
    fields.extend(row.metrics.iter().map(|(name, value)| format!("{name} {}", significant(*value, 4))));
    fields.extend(row.valid.iter().map(|(name, value)| format!("valid.{name} {}", significant(*value, 4))));
    fields.extend(row.rate.map(|rate| format!("lr {}", short(rate))));
    if let Some(rows) = row.rows
        && row.seconds > 0.0
    {
        let speed = rows as f64 * row.epoch as f64 / row.seconds;
        fields.push(format!("{} samples/s", thousands(speed.round() as u128)));
    }
    fields
}

/// A learning rate as it is written: `0.001`, `2.5e-5`.
fn short(number: f64) -> String {
    let (plain, rounded) = (format!("{number:?}"), significant(number, 3));
    if plain.chars().count() <= rounded.chars().count() { plain } else { rounded }
}

/// The same for a search: the score and the best one matter most.
fn trial_fields(row: &TrialRow) -> Vec<String> {
    let mut fields =
        vec![format!("{} {}", row.name, significant(row.score, 4)), format!("best {}", significant(row.best, 4))];
    fields.extend(row.values().into_iter().map(|(name, value)| format!("{name} {value}")));
    fields
}

impl Shown {
    /// The line, of at most so many characters.
    fn line(&self, room: usize, now: Instant) -> String {
        let Some(all) = self.all.filter(|all| *all > 0) else {
            let name = shortened(&self.run, (room / 3).max(8));
            return fitted(format!("{name} {}", self.done), &self.fields, room);
        };
        let name = shortened(&self.run, (room / 3).max(8));
        let bare = format!("{name} {}/{all}", self.done);
        let head = |length: usize| {
            let full = (self.done * length / all).min(length);
            let bar = if length == 0 {
                String::new()
            } else {
                format!(" {}{}", "━".repeat(full), "─".repeat(length - full))
            };
            format!("{bare}{bar}{}", self.left(all, now))
        };
        let whole: usize = self.fields.iter().map(|field| 2 + columns(field)).sum();
        let first = self.fields.first().map_or(0, |field| 2 + columns(field));
        // The longest bar beside everything, else the longest beside what matters most, which matters more than the time left.
        let longest = |beside: usize| BARS.into_iter().find(|&length| columns(&head(length)) + beside <= room);
        let head = match longest(whole).filter(|length| *length >= 8).or_else(|| longest(first)) {
            Some(length) => head(length),
            None if columns(&bare) + first <= room => bare,
            None => head(0),
        };
        fitted(head, &self.fields, room)
    }

    /// ` 1.2 s left`; each takes about the same time, so the mean over all is the steadiest guess.
    fn left(&self, all: usize, now: Instant) -> String {
        if self.done == 0 {
            return String::new();
        }
        let since = self.at.map_or(0.0, |at| now.saturating_duration_since(at).as_secs_f64());
        let left = self.seconds / self.done as f64 * all.saturating_sub(self.done) as f64 - since;
        format!(" {} left", duration(left.max(0.0)))
    }
}

/// A head and the fields that fit behind it.
fn fitted(head: String, fields: &[String], room: usize) -> String {
    let mut line = cut(&head, room);
    let mut n = columns(&line);
    for field in fields {
        n += 2 + columns(field);
        if n > room {
            break;
        }
        line += &format!("  {field}");
    }
    line
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
            metrics: vec![("accuracy".to_string(), 0.9)],
            valid: vec![("cost".to_string(), 0.6)],
            rate: Some(0.001),
            rows: Some(12_800),
        }
    }

    fn line(epoch: usize, room: usize) -> String {
        let row = row(epoch);
        let now = Instant::now();
        let fields = epoch_fields(&row);
        let shown = Shown { run: row.run, done: epoch, all: row.epochs, seconds: row.seconds, at: Some(now), fields };
        shown.line(room, now)
    }

    #[test]
    fn lines_are_one_an_epoch() {
        let mut err = Vec::new();
        let mut progress = Progress::new(ProgressForm::Lines);
        progress.begin("mlp", Some(4));
        progress.epoch(&row(1), &mut err);
        progress.epoch(&row(2), &mut err);
        progress.end(&mut err);
        assert_eq!(
            String::from_utf8(err).unwrap(),
            "mlp  epoch 1/4  cost 0.50000  accuracy 0.9000  valid.cost 0.6000  1.0 s\n\
             mlp  epoch 2/4  cost 0.50000  accuracy 0.9000  valid.cost 0.6000  2.0 s\n"
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
        let mut progress = Progress::new(ProgressForm::Bar { width: || 80 });
        progress.begin("mlp", Some(4));
        progress.epoch(&row(1), &mut err);
        progress.epoch(&row(2), &mut err);
        assert!(err.is_empty(), "while it runs the bar draws itself");
        progress.end(&mut err);
        let last = "mlp  epoch 2/4  cost 0.50000  accuracy 0.9000  valid.cost 0.6000  2.0 s\n";
        assert_eq!(String::from_utf8(err).unwrap(), last);
    }

    #[test]
    fn the_line_says_what_there_is_room_for() {
        for (room, wanted) in [
            (
                119,
                "mlp 1/4 ━━━━━─────────────── 3.0 s left  cost 0.50000  accuracy 0.9000  valid.cost 0.6000  lr 0.001  12,800 samples/s",
            ),
            (
                107,
                "mlp 1/4 ━━────── 3.0 s left  cost 0.50000  accuracy 0.9000  valid.cost 0.6000  lr 0.001  12,800 samples/s",
            ),
            (80, "mlp 1/4 ━━━━━─────────────── 3.0 s left  cost 0.50000  accuracy 0.9000"),
            (39, "mlp 1/4 ━─── 3.0 s left  cost 0.50000"),
            (33, "mlp 1/4 3.0 s left  cost 0.50000"),
            (20, "mlp 1/4 3.0 s left"),
            (7, "mlp 1/4"),
        ] {
            assert_eq!(line(1, room), wanted, "{room}");
        }
        assert!(line(4, 60).starts_with("mlp 4/4 ━━━━━━━━━━━━━━━━━━━━ 0 ms left"), "{}", line(4, 60));
        for room in 0..140 {
            assert!(line(2, room).chars().count() <= room, "{room}");
        }
    }

    #[test]
    fn a_long_name_leaves_room_for_the_cost() {
        let now = Instant::now();
        let fields = epoch_fields(&row(1));
        let shown = |run: &str| Shown {
            run: run.into(),
            done: 93,
            all: Some(500),
            seconds: 60.0,
            at: Some(now),
            fields: fields.clone(),
        };
        let long = shown("a_rather_long_name_of_a_net_for_a_terminal");
        assert_eq!(long.line(39, now), "a_rather_lon… 93/500  cost 0.50000");
        assert!(long.line(60, now).starts_with("a_rather_long_name_… 93/500 "), "{}", long.line(60, now));
        // A letter of East Asia fills two columns.
        let wide = shown("神经网络神经网络神经网络");
        assert_eq!(wide.line(39, now), "神经网络神经… 93/500  cost 0.50000");
        for room in 0..140 {
            assert!(columns(&wide.line(room, now)) <= room, "{room}");
        }
    }

    #[test]
    fn the_time_left_runs_down() {
        let now = Instant::now();
        let shown = Shown { run: "mlp".into(), done: 1, all: Some(4), seconds: 10.0, at: Some(now), fields: vec![] };
        assert!(shown.line(60, now).contains("30.0 s left"));
        assert!(shown.line(60, now + Duration::from_secs(12)).contains("18.0 s left"));
        assert!(shown.line(60, now + Duration::from_secs(99)).contains("0 ms left"));
    }
}
