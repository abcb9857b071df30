//! `nabla run --report`: what a run was, gathered for its page once everything was done.

use std::fs::OpenOptions;
use std::path::Path;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use super::host::Shared;
use super::options::{Engine, Exit};
use super::{Script, Work};
use crate::elaborate::Elaborator;
use crate::exec::jit::micro::Isa;
use crate::report::number::duration;
use crate::report::page::Page;
use crate::source::Span;

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

    /// Writes the page on the run, if there is to be one.
    pub(super) fn end_report(&self, elaborator: &mut Elaborator, began: Instant, nowhere: Span) -> Result<(), Exit> {
        let Some(path) = &self.shared.options.report else { return Ok(()) };
        let page = page(elaborator, &self.shared, self.script, began, nowhere);
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

fn page(elaborator: &mut Elaborator, shared: &Shared, script: &Script, began: Instant, nowhere: Span) -> Page {
    let trainings = shared.trainings.take().parts(elaborator, nowhere);
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
