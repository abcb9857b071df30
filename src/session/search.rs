//! Runs the trials of a search side by side.
//!
//! This thread elaborates one training after the other and hands it to the others, which know nothing of the script. What a
//! trial gives does not depend on who runs it or when; results are told in the order of the trials.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::rc::Rc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::fingerprint::Prints;
use super::host::{Runner, failure};
use super::listing::Looking;
use super::results::event_value;
use super::training::Early;
use super::trial::{Broken, Done, Shared, Stage, Task};
use crate::elaborate::tree::Structure;
use crate::elaborate::{self, Elaborator, Halt, Result, Scores, Search, SearchOutcome, Unit};
use crate::exec::jit;
use crate::ir::text;
use crate::report::TrialRow;
use crate::tensor::Tensor;
use crate::train::trials::{Known, Trials};

/// How many trainings are prepared for each thread.
const AHEAD: usize = 2;
/// A training that was run, on another thread.
struct Report {
    unit: usize,
    result: std::result::Result<Done, Broken>,
}

/// The threads that run trainings, as the one that prepares them sees them.
struct Workers {
    give: Sender<Task>,
    reports: Receiver<Report>,
    n: usize,
}

/// What is known of the units of a search.
struct Progress<'a> {
    search: &'a Search,
    /// The finished units of trials that are not whole yet.
    units: HashMap<usize, Known>,
    /// The structures of the models of units that run.
    structures: HashMap<usize, Structure>,
    /// What a unit is known by in the file, while it runs.
    keys: HashMap<usize, String>,
    file: Option<Trials>,
    scores: BTreeMap<usize, Scores>,
    /// How many trials were told of.
    n_told: usize,
    best: Option<Best>,
    start: Instant,
}

/// The best trial so far, and its model, if it was trained here.
struct Best {
    trial: usize,
    score: f64,
    model: Option<(Vec<Tensor>, Structure)>,
}

/// Programs that trials share, and fingerprints of data.
#[derive(Default)]
struct Cache {
    loops: HashMap<String, Arc<Shared>>,
    prints: Prints,
}

impl Runner {
    /// Runs a search to its end, or to where the user ends it.
    pub fn run_search(&self, elaborator: &mut Elaborator, search: &Search) -> Result<SearchOutcome> {
        let looks = self.shared.looking.get() != Looking::No;
        let n_trials = if looks { 1 } else { search.trials.len() };
        let mut cache = Cache::default();
        let file = match search.resume.as_ref().filter(|_| !looks) {
            None => None,
            Some((path, span)) => {
                Some(Trials::open(Path::new(&**path)).map_err(|error| Halt::from(error.into_diagnostic(*span)))?)
            }
        };
        let mut progress = Progress {
            search,
            units: HashMap::new(),
            structures: HashMap::new(),
            keys: HashMap::new(),
            file,
            scores: BTreeMap::new(),
            n_told: 0,
            best: None,
            start: Instant::now(),
        };
        self.shared.reporter.borrow_mut().search_begins(&search.net, n_trials);
        let ended = self.run_units(elaborator, &mut progress, &mut cache, n_trials * search.n_folds, looks);
        self.shared.reporter.borrow_mut().search_ends();
        let interrupted = ended?;
        let refused = cache.loops.values().find_map(|one| one.refused());
        refused.into_iter().for_each(|error| self.shared.note_uncompiled(error));
        let n_loops = cache.loops.len();
        let took = 1e3 * cache.loops.values().map(|one| one.took()).sum::<Duration>().as_secs_f64();
        self.shared
            .reporter
            .borrow_mut()
            .log(&format!("{n_trials} trials ran {n_loops} programs, made in {took:.1} ms"));
        if interrupted {
            if progress.scores.is_empty() {
                return Err(Halt::Interrupted);
            }
            self.shared.meet_interrupt();
            let kept = progress.scores.len();
            let note = format!("interrupted: the search stops here and keeps {kept} of {n_trials} trials");
            self.shared.reporter.borrow_mut().note(&note);
        }
        let best = progress.best.take().expect("a search that ends well has a trial");
        let model = if search.refit {
            let mut unit = elaborator.search_unit(search, best.trial, None)?;
            unit.training.plan.count = match unit.stop.take() {
                // What ended the trial is not there any more.
                Some(_) => progress.scores[&best.trial].epochs.round() as usize,
                None => unit.training.plan.count,
            };
            Some(self.run_alone(elaborator, unit, &mut cache)?)
        } else if search.keeps_model {
            match best.model {
                Some(model) => Some(model),
                // The file knows its score only.
                None => {
                    let unit = elaborator.search_unit(search, best.trial, Some(0))?;
                    Some(self.run_alone(elaborator, unit, &mut cache)?)
                }
            }
        } else {
            None
        };
        let stopped = if interrupted { "interrupted" } else { "trials" };
        Ok(SearchOutcome { scores: progress.scores.into_values().collect(), model, stopped })
    }

    /// Runs all units; whether the user ended it.
    fn run_units(
        &self,
        elaborator: &mut Elaborator,
        progress: &mut Progress,
        cache: &mut Cache,
        n_units: usize,
        looks: bool,
    ) -> Result<bool> {
        let n_threads = self.shared.pool().n_threads();
        let n_workers = n_threads.min(n_units).max(1);
        let context = self.shared.context();
        let interrupt = self.shared.options.interrupt.clone();
        let (give, tasks) = channel::<Task>();
        let tasks = Mutex::new(tasks);
        std::thread::scope(|threads| {
            let (tell, reports) = channel::<Report>();
            for _ in 0..n_workers {
                let (tell, tasks, context) = (tell.clone(), &tasks, &context);
                threads.spawn(move || work(tasks, &tell, context, n_threads / n_workers));
            }
            drop(tell);
            let was_raised = interrupt.is_raised();
            let workers = Workers { give, reports, n: n_workers };
            let ended = self.feed(elaborator, progress, cache, n_units, looks, &workers);
            if ended.is_err() && !was_raised {
                // The others stop as if the user had said so.
                let by_user = interrupt.raise();
                drop(workers.give);
                workers.reports.iter().for_each(drop);
                if !by_user {
                    interrupt.lower();
                }
            }
            ended
        })
    }

    /// Gives units to the workers and takes what they report, until there are none; whether the user ended it.
    fn feed(
        &self,
        elaborator: &mut Elaborator,
        progress: &mut Progress,
        cache: &mut Cache,
        n_units: usize,
        looks: bool,
        workers: &Workers,
    ) -> Result<bool> {
        let (mut next, mut running, mut interrupted) = (0, 0, false);
        loop {
            interrupted |= self.shared.options.interrupt.is_raised();
            if !interrupted && next < n_units && running < AHEAD * workers.n {
                let (trial, fold) = (next / progress.search.n_folds, next % progress.search.n_folds);
                let mut unit = match elaborator.search_unit(progress.search, trial, Some(fold)) {
                    Err(Halt::Interrupted) => continue,
                    unit => unit?,
                };
                if looks {
                    unit.training.plan.count = unit.training.plan.count.min(1);
                }
                let key = progress.file.is_some().then(|| cache.prints.of(&unit));
                let known = key.as_ref().zip(progress.file.as_ref()).and_then(|(key, file)| file.get(key).cloned());
                match known {
                    Some(known) => progress.finish(self, next, known, None)?,
                    None => {
                        key.map(|key| progress.keys.insert(next, key));
                        progress.structures.insert(next, unit.structure.clone());
                        let task = self.task(next, unit, cache);
                        workers.give.send(task).expect("the threads wait for as long as there may be more");
                        running += 1;
                    }
                }
                next += 1;
                continue;
            }
            if running == 0 {
                return Ok(interrupted);
            }
            let Report { unit, result } = workers.reports.recv().expect("a thread tells of every task");
            running -= 1;
            match result {
                Ok(done) => {
                    let known = Known { numbers: done.numbers, cost: done.cost, epochs: done.epochs };
                    if let (Some(file), Some(key)) = (&mut progress.file, progress.keys.remove(&unit)) {
                        let span = progress.search.resume.as_ref().map_or(progress.search.span(), |(_, span)| *span);
                        file.add(key, known.clone()).map_err(|error| Halt::from(error.into_diagnostic(span)))?;
                    }
                    progress.finish(self, unit, known, Some(done.model))?;
                }
                Err(Broken::Interrupted(_)) => interrupted = true,
                Err(Broken::Failed(failed)) => return Err(elaborator.failure(failure(failed))),
            }
        }
    }

    /// Runs a training here, with all threads; gives its model.
    fn run_alone(&self, elaborator: &Elaborator, unit: Unit, cache: &mut Cache) -> Result<(Vec<Tensor>, Structure)> {
        let structure = unit.structure.clone();
        let task = self.task(0, Unit { scoring: None, ..unit }, cache);
        match task.run(&self.shared.context(), &self.shared.pool()) {
            Ok(done) => Ok((done.model, structure)),
            Err(Broken::Interrupted(model)) => {
                self.shared.meet_interrupt();
                self.shared.reporter.borrow_mut().note("interrupted: the training stops here and keeps its result");
                Ok((model, structure))
            }
            Err(Broken::Failed(failed)) => Err(elaborator.failure(failure(failed))),
        }
    }

    /// A unit without what belongs to this thread.
    fn task(&self, number: usize, unit: Unit, cache: &mut Cache) -> Task {
        Task {
            unit: number,
            stop: unit.stop.as_ref().and_then(Early::new),
            model: unit.model.clone(),
            training: self.stage(unit.training, cache),
            scoring: unit.scoring.map(|scoring| self.stage(scoring, cache)),
        }
    }

    fn stage(&self, stage: elaborate::Stage, cache: &mut Cache) -> Stage {
        let elaborate::Stage { module, plan } = stage;
        let (carry, xs, captures) = (plan.traced.known_carry(), plan.traced.known_xs(), plan.traced.known_captures());
        let types = |tensors: &[Tensor]| -> String {
            tensors.iter().map(|tensor| format!("{}{:?} ", tensor.dtype(), tensor.shape())).collect()
        };
        let options = &self.shared.options;
        let key = format!(
            "{}\n{}\n{}\n{}\n{}",
            plan.count,
            types(&carry),
            types(&xs),
            types(&captures),
            text::print(&module)
        );
        let shared = cache.loops.entry(key);
        let shared = shared.or_insert_with(|| Arc::new(Shared::new(module, &plan, options.engine, options.optimise)));
        Stage {
            shared: shared.clone(),
            count: plan.count,
            carry,
            xs,
            captures,
            columns: plan.traced.emitted.as_ref().map_or(vec![], Structure::paths),
        }
    }
}

/// Runs tasks until there are no more.
fn work(tasks: &Mutex<Receiver<Task>>, tell: &Sender<Report>, context: &crate::exec::Context, n_threads: usize) {
    let pool = Rc::new(jit::Pool::new(n_threads));
    loop {
        let task = tasks.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(task) = task else { return };
        let unit = task.unit;
        let result = task.run(context, &pool);
        if tell.send(Report { unit, result }).is_err() {
            return;
        }
    }
}

impl Progress<'_> {
    /// A unit is done: maybe its trial is, and is the best.
    fn finish(&mut self, runner: &Runner, unit: usize, known: Known, model: Option<Vec<Tensor>>) -> Result<()> {
        let n_folds = self.search.n_folds;
        let (trial, first) = (unit / n_folds, unit / n_folds * n_folds);
        self.units.insert(unit, known);
        let structure = self.structures.remove(&unit);
        let all: Option<Vec<&Known>> = (first..first + n_folds).map(|unit| self.units.get(&unit)).collect();
        let Some(all) = all else { return Ok(()) };
        let scores = scores(trial, &all);
        (first..first + n_folds).for_each(|unit| drop(self.units.remove(&unit)));
        let pick = self.search.pick;
        let is_better = self
            .best
            .as_ref()
            .is_none_or(|best| pick.compare(scores.score, best.score).then(trial.cmp(&best.trial)).is_lt());
        if is_better {
            let model = model.zip(structure).filter(|_| self.search.keeps_model);
            self.best = Some(Best { trial, score: scores.score, model });
        }
        self.scores.insert(trial, scores);
        while self.scores.contains_key(&self.n_told) {
            self.tell(runner, self.n_told);
            self.n_told += 1;
        }
        Ok(())
    }

    /// Tells of a trial.
    fn tell(&self, runner: &Runner, trial: usize) {
        let scores = &self.scores[&trial];
        let values = self.search.names.iter().zip(&self.search.trials[trial]);
        let shown = |value: &elaborate::Value| match event_value(value) {
            Some(json) => json,
            None => serde_json::Value::from(
                elaborate::builtin::format_value(value, None, self.search.span()).ok().flatten(),
            ),
        };
        let told = self.scores.range(..=trial).map(|(_, scores)| scores.score);
        let best = told.min_by(|&a, &b| self.search.pick.compare(a, b)).unwrap_or(f64::NAN);
        runner.shared.reporter.borrow_mut().trial(&TrialRow {
            run: self.search.net.to_string(),
            trial: trial + 1,
            trials: self.search.trials.len(),
            values: values.map(|(name, value)| (name.to_string(), shown(value))).collect(),
            name: self.search.score.to_string(),
            score: scores.score,
            train_score: scores.train_score,
            best,
            seconds: self.start.elapsed().as_secs_f64(),
        });
    }
}

/// The means over the parts of a trial.
fn scores(trial: usize, all: &[&Known]) -> Scores {
    let n = all.len() as f64;
    let mean = |get: &dyn Fn(&Known) -> f64| all.iter().map(|known| get(known)).sum::<f64>() / n;
    let number = |idx: usize| move |known: &Known| known.numbers.get(idx).copied().unwrap_or(f64::NAN);
    let score = mean(&number(0));
    let n_metrics = all.iter().map(|known| known.numbers.len()).max().unwrap_or(0).saturating_sub(2);
    Scores {
        trial,
        score,
        train_score: mean(&number(1)),
        spread: mean(&|known: &Known| (number(0)(known) - score).powi(2)).sqrt(),
        metrics: (0..n_metrics).map(|metric| mean(&number(metric + 2))).collect(),
        cost: mean(&|known: &Known| known.cost),
        epochs: mean(&|known: &Known| known.epochs as f64),
    }
}
