//! `nabla run --report`: what a run was, gathered for its page once everything was done.

use std::fs::OpenOptions;
use std::path::Path;
use std::rc::Rc;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use super::figures::{diagram_of, figure_of, net_name};
use super::host::Shared;
use super::options::{Engine, Exit, Notation};
use super::summary::summary_text;
use super::{Script, Work};
use crate::elaborate::builtin::format_value;
use crate::elaborate::{Elaborator, Given, Halt, Record, RecordKind, Scope, TensorValue, Training, Value};
use crate::exec::jit::micro::Isa;
use crate::report::number::duration;
use crate::report::page::{Page, TrainingPart};
use crate::source::Span;
use crate::syntax::ast::Ident;

impl Work<'_> {
    /// Prepares for the page on the run, if there is to be one. Whether it can be written is tried first: a long training should
    /// not end in a message about a folder. Gives when the run begins.
    pub(super) fn begin_report(&self) -> Result<Instant, Exit> {
        let Some(path) = &self.shared.options.report else { return Ok(Instant::now()) };
        let was_there = path.exists();
        let made = path.parent().map_or(Ok(()), std::fs::create_dir_all);
        let tried = made.and_then(|()| OpenOptions::new().append(true).create(true).open(path)).map(drop);
        // A run that fails leaves no empty page.
        let tried = tried.and_then(|()| if was_there { Ok(()) } else { std::fs::remove_file(path) });
        tried.map_err(|error| self.report_failed(&error))?;
        self.shared.reporter.borrow_mut().keep();
        self.shared.plots.borrow_mut().keep();
        Ok(Instant::now())
    }

    /// Writes the page on the run, if there is to be one; the values of its top-level names are in `scope`, those without a
    /// name beside it.
    pub(super) fn end_report(
        &self,
        elaborator: &mut Elaborator,
        values: (&Scope, &[Value]),
        when: (Instant, Span),
    ) -> Result<(), Exit> {
        let Some(path) = &self.shared.options.report else { return Ok(()) };
        let page = page(elaborator, &self.shared, self.script, values, when);
        std::fs::write(path, page.to_html()).map_err(|error| self.report_failed(&error))?;
        self.shared.reporter.borrow_mut().note(&format!("report: {}", path.display()));
        Ok(())
    }

    fn report_failed(&self, error: &std::io::Error) -> Exit {
        let path = self.shared.options.report.as_deref().unwrap_or(Path::new(""));
        let text = format!("error: the report `{}` cannot be written: {error}", path.display());
        self.shared.reporter.borrow_mut().diagnostic(&text);
        Exit::Failed
    }
}

fn page(
    elaborator: &mut Elaborator,
    shared: &Shared,
    script: &Script,
    (scope, unnamed): (&Scope, &[Value]),
    (began, nowhere): (Instant, Span),
) -> Page {
    let named = scope.own_bindings().into_iter().map(|binding| (binding.name.to_string(), binding.value));
    let unnamed = unnamed.iter().map(|value| (String::new(), value.clone()));
    let trainings = named.chain(unnamed).filter_map(|(name, value)| training_part(elaborator, &name, &value, nowhere));
    let trainings = trainings.collect();
    let seed = match (shared.options.seed, elaborator.seed.as_int()) {
        (Some(seed), _) => format!("{seed}, given by `--seed`"),
        (None, Some(seed)) => seed.to_string(),
        (None, None) => "unknown".to_string(),
    };
    let engine = match shared.engine.get() {
        Engine::Interp => "interpreter".to_string(),
        Engine::Jit | Engine::JitAll => format!("machine code, {}", Isa::best().name()),
    };
    let threads = shared.pool().n_threads();
    let mut facts = vec![
        ("date".to_string(), date(SystemTime::now())),
        ("took".to_string(), duration(began.elapsed().as_secs_f64())),
        ("seed".to_string(), seed),
        ("precision".to_string(), if elaborator.real.size_bytes() == 4 { "float32" } else { "float64" }.to_string()),
        ("engine".to_string(), format!("{engine}, {threads} thread{}", if threads == 1 { "" } else { "s" })),
        ("nabla".to_string(), env!("CARGO_PKG_VERSION").to_string()),
        ("machine".to_string(), format!("{} {}", std::env::consts::OS, std::env::consts::ARCH)),
    ];
    if !shared.options.settings.is_empty() {
        let set = shared.options.settings.iter().map(|setting| format!("{} = {}", setting.name, setting.value));
        facts.push(("set".to_string(), set.collect::<Vec<_>>().join(", ")));
    }
    if shared.was_interrupted() {
        facts.push(("ended".to_string(), "stopped by the user".to_string()));
    }
    Page {
        name: script.name.to_string(),
        facts,
        script: script.text.clone(),
        trainings,
        figures: shared.plots.borrow_mut().take_kept(),
        output: shared.reporter.borrow_mut().take_kept(),
    }
}

fn training_part(elaborator: &mut Elaborator, name: &str, value: &Value, nowhere: Span) -> Option<TrainingPart> {
    let record = value.as_record()?;
    let titled = |net: &str| if name.is_empty() { net.to_string() } else { format!("{name}: {net}") };
    match &record.kind {
        RecordKind::Run(training) => {
            let model = record.get("model")?.as_record()?.clone();
            let history = record.get("history")?;
            let mut part = model_part(elaborator, &model, nowhere);
            part.title = titled(&net_name(&model));
            part.metrics = last_row(history);
            part.ended = ended(record, history);
            part.curves = figure_of(history, nowhere).ok();
            part.derivation = derivation(elaborator, &model, training, nowhere);
            Some(part)
        }
        RecordKind::Search => {
            let model = record.get("model").and_then(Value::as_record).cloned();
            let mut part =
                model.as_ref().map_or_else(TrainingPart::default, |model| model_part(elaborator, model, nowhere));
            part.title = titled("search");
            part.trials = format_value(value, None, nowhere).ok().flatten().unwrap_or_default();
            let score = record.get("score").and_then(Value::as_tensor).and_then(TensorValue::as_f64);
            part.metrics = score.map(|score| ("best score".to_string(), score)).into_iter().collect();
            Some(part)
        }
        _ => None,
    }
}

/// What is said of every net: its layers, as a table and as a picture.
fn model_part(elaborator: &mut Elaborator, model: &Rc<Record>, nowhere: Span) -> TrainingPart {
    let value = Value::Record(model.clone());
    TrainingPart {
        summary: summary_text(elaborator, &value, nowhere).unwrap_or_default(),
        diagram: diagram_of(elaborator, model, nowhere).ok(),
        ..TrainingPart::default()
    }
}

/// The last row of a history, without epoch and time.
fn last_row(history: &Value) -> Vec<(String, f64)> {
    let (leaves, structure) = crate::elaborate::tree::flatten(history);
    let names = structure.paths().into_iter().map(|path| path.trim_start_matches('.').to_string());
    let last = names.zip(leaves).filter_map(|(name, leaf)| Some((name, *leaf.known()?.to_f64_vec().last()?)));
    last.filter(|(name, _)| !["epoch", "seconds"].contains(&name.as_str())).collect()
}

fn ended(run: &Record, history: &Value) -> String {
    let column = |name: &str| history.as_record().and_then(|record| record.get(name)?.as_tensor()?.known());
    let n = column("epoch").map_or(0, |epochs| epochs.len());
    let seconds: f64 = column("seconds").map_or(0.0, |seconds| seconds.to_f64_vec().iter().sum());
    let why = match run.get("stopped").and_then(Value::as_str) {
        Some("early") => ", ended early by its rule",
        Some("interrupted") => ", stopped by the user",
        _ => "",
    };
    format!("{n} epoch{} in {}{why}.", if n == 1 { "" } else { "s" }, duration(seconds))
}

/// The equations of a training, or why there are none.
fn derivation(elaborator: &mut Elaborator, model: &Record, training: &Training, nowhere: Span) -> String {
    let (RecordKind::Model(net), Some(cost)) = (&model.kind, &training.cost) else {
        return "There are no equations: the training has a loss of its own.".to_string();
    };
    let cost_name = Ident { name: "cost".into(), span: nowhere };
    let given = vec![
        Given::at(Value::Func(net.clone()), nowhere),
        Given { name: Some(cost_name), value: cost.clone(), span: nowhere },
    ];
    match super::derivation::derivation(elaborator, given, Notation::Text, nowhere) {
        Ok(text) => text,
        Err(Halt::Diagnostic(diagnostic)) => format!("There are no equations: {}.", diagnostic.message),
        Err(Halt::Interrupted | Halt::Reported) => String::new(),
    }
}

/// A time in UTC, `2026-11-26 09:15 UTC`. (Days to dates: Hinnant, "chrono-compatible low-level date algorithms", 2013.)
fn date(time: SystemTime) -> String {
    let seconds = time.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    let (days, rest) = ((seconds / 86_400) as i64, seconds % 86_400);
    // Days since 1 March of year 0, in eras of 400 years.
    let shifted = days + 719_468;
    let (era, day_of_era) = (shifted.div_euclid(146_097), shifted.rem_euclid(146_097));
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    format!("{year}-{month:02}-{day:02} {:02}:{:02} UTC", rest / 3600, rest % 3600 / 60)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn days_become_dates() {
        for (seconds, text) in [
            (0, "1970-01-01 00:00 UTC"),
            (951_782_400, "2000-02-29 00:00 UTC"),
            (1_709_251_199, "2024-02-29 23:59 UTC"),
            (1_795_684_500, "2026-11-26 09:15 UTC"),
        ] {
            assert_eq!(date(UNIX_EPOCH + Duration::from_secs(seconds)), text);
        }
    }
}
