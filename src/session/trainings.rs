//! The trainings and searches of a run, for the page about it: those at one place of the script, the turns of a loop, stand
//! together.

use std::rc::Rc;

use super::derivation::{Asked, equations_of};
use super::figures::{diagram_of, figure_of, history_columns, net_name};
use super::summary::summary_text;
use crate::elaborate::builtin::format_value;
use crate::elaborate::{Elaborator, Given, Halt, Record, RecordKind, TensorValue, Trained, Training, Value};
use crate::report::figure::of_histories;
use crate::report::number::{duration, significant};
use crate::report::page::{NetPart, RunPart, TrainingPart};
use crate::source::Span;

/// What was trained, place by place.
#[derive(Default)]
pub struct Trainings {
    places: Vec<Place>,
}

/// The trainings at one place of the script, in order.
struct Place {
    span: Span,
    runs: Vec<Trained>,
    nets: Vec<Net>,
}

/// A net that was trained at a place; the same in many turns as a rule.
struct Net {
    model: Rc<Record>,
    summary: String,
    /// The numbers of the runs that trained it.
    runs: Vec<usize>,
}

impl Trainings {
    /// Keeps a training. Of many models of one net one is kept: the page says nothing of their parameters.
    pub fn keep(&mut self, elaborator: &mut Elaborator, trained: Trained) {
        let place = match self.places.iter_mut().position(|place| place.span == trained.span) {
            Some(idx) => &mut self.places[idx],
            None => {
                self.places.push(Place { span: trained.span, runs: vec![], nets: vec![] });
                self.places.last_mut().expect("pushed above")
            }
        };
        let Some(record) = trained.value.as_record().cloned() else { return };
        let mut kept = trained;
        if let Some(model) = record.get("model").and_then(Value::as_record).cloned() {
            let summary = summary_text(elaborator, &Value::Record(model.clone()), place.span).unwrap_or_default();
            let number = place.runs.len();
            match place.nets.iter_mut().find(|net| net.summary == summary) {
                Some(net) => {
                    net.runs.push(number);
                    kept.value = Value::Record(Rc::new(record.with("model", Value::Record(net.model.clone()))));
                }
                None => place.nets.push(Net { model, summary, runs: vec![number] }),
            }
        }
        place.runs.push(kept);
    }

    /// What the page says of them.
    pub fn parts(self, elaborator: &mut Elaborator, nowhere: Span) -> Vec<TrainingPart> {
        self.places.iter().map(|place| place.part(elaborator, nowhere)).collect()
    }
}

impl Place {
    fn part(&self, elaborator: &mut Elaborator, nowhere: Span) -> TrainingPart {
        let first = &self.runs[0];
        let is_search = first.value.as_record().is_some_and(|record| matches!(record.kind, RecordKind::Search));
        let mut names: Vec<String> = self.nets.iter().map(|net| net_name(&net.model)).collect();
        names.dedup();
        let what = if is_search { "search".to_string() } else { names.join(", ") };
        let title = first.name.as_ref().map_or(what.clone(), |name| format!("{name}: {what}"));
        let runs: Vec<RunPart> =
            self.runs.iter().enumerate().filter_map(|(idx, run)| run_part(idx, run, nowhere)).collect();
        let mut nets = vec![];
        for net in &self.nets {
            let training = self.runs[net.runs[0]].value.as_record().and_then(|record| match &record.kind {
                RecordKind::Run(training) => Some(training.clone()),
                _ => None,
            });
            nets.push(NetPart {
                of: if self.nets.len() > 1 { numbers(&net.runs) } else { String::new() },
                summary: net.summary.clone(),
                diagram: diagram_of(elaborator, &net.model, nowhere).ok(),
                derivation: training.and_then(|training| derivation(elaborator, &net.model, &training, nowhere)),
            });
        }
        let histories: Vec<_> = self
            .runs
            .iter()
            .zip(&runs)
            .filter_map(|(run, part)| {
                let history = run.value.as_record()?.get("history")?;
                Some((part.label.clone(), history_columns(history)))
            })
            .collect();
        let overview = (histories.len() > 1).then(|| of_histories(&histories));
        TrainingPart { title, runs, overview, nets }
    }
}

/// `runs 1, 2 and 5`.
fn numbers(runs: &[usize]) -> String {
    let words: Vec<String> = runs.iter().map(|run| (run + 1).to_string()).collect();
    match words.as_slice() {
        [one] => format!("run {one}"),
        [first @ .., last] => format!("runs {} and {last}", first.join(", ")),
        [] => String::new(),
    }
}

fn run_part(idx: usize, run: &Trained, nowhere: Span) -> Option<RunPart> {
    let record = run.value.as_record()?;
    let turn: Vec<(String, String)> =
        run.turn.iter().map(|(name, value)| (name.to_string(), turn_text(value, nowhere))).collect();
    let told: Vec<String> = turn.iter().map(|(name, value)| format!("{name} = {value}")).collect();
    let label = std::iter::once((idx + 1).to_string()).chain(told).collect::<Vec<_>>().join(", ");
    Some(match &record.kind {
        RecordKind::Run(_) => {
            let history = record.get("history")?;
            RunPart {
                label,
                turn,
                metrics: last_row(history),
                ended: ended(record, history),
                curves: figure_of(history, nowhere).ok(),
                trials: String::new(),
            }
        }
        RecordKind::Search => {
            let score = record.get("score").and_then(Value::as_tensor).and_then(TensorValue::as_f64);
            RunPart {
                label,
                turn,
                metrics: score.map(|score| ("best score".to_string(), score)).into_iter().collect(),
                ended: String::new(),
                curves: None,
                trials: format_value(&run.value, None, nowhere).ok().flatten().unwrap_or_default(),
            }
        }
        _ => return None,
    })
}

/// What a loop is at, in a few letters.
fn turn_text(value: &Value, nowhere: Span) -> String {
    const LONG: usize = 24;
    let number = value.as_tensor().filter(|tensor| tensor.ty.dtype.is_real()).and_then(TensorValue::as_f64);
    if let Some(number) = number {
        return significant(number, 4).trim_end_matches('0').trim_end_matches('.').to_string();
    }
    let text = match value {
        Value::Func(func) => Some(func.name().to_string()),
        other => format_value(other, None, nowhere).ok().flatten(),
    };
    text.filter(|text| text.chars().count() <= LONG && !text.contains('\n')).unwrap_or_else(|| value.type_text())
}

/// The last row of a history, without epoch and time.
fn last_row(history: &Value) -> Vec<(String, f64)> {
    let last = history_columns(history).into_iter().filter_map(|(name, column)| Some((name, *column.last()?)));
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
    format!("{n} epoch{} in {}{why}", if n == 1 { "" } else { "s" }, duration(seconds))
}

/// The equations of a training, or why there are none.
fn derivation(
    elaborator: &mut Elaborator,
    model: &Record,
    training: &Training,
    nowhere: Span,
) -> Option<Result<String, String>> {
    let RecordKind::Model(net) = &model.kind else { return None };
    let mut asked = Asked::about(Given::at(Value::Func(net.clone()), nowhere));
    (asked.cost, asked.loss, asked.data) = (training.cost.clone(), training.loss.clone(), Some(training.data.clone()));
    asked.penalties = training.penalties.clone();
    asked.frozen = training.frozen.clone().map(|frozen| Given::at(frozen, nowhere));
    match equations_of(elaborator, &asked, nowhere) {
        Ok(equations) => Some(Ok(equations.to_html())),
        Err(Halt::Diagnostic(diagnostic)) => Some(Err(diagnostic.message.clone())),
        Err(Halt::Interrupted | Halt::Reported) => None,
    }
}
