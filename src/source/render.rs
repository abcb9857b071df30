//! Draws diagnostics with ariadne; the only user of that crate.

use std::collections::HashMap;

use ariadne::{Cache, Color, Config, Fmt as _, IndexType, Label, Report, ReportKind, Source};

use super::{Diagnostic, FileId, Severity, SourceMap, Span};

/// A span counted in characters. Ariadne can count in bytes, but mixes the two up in all files but that of the report.
#[derive(Clone, PartialEq)]
struct CharSpan {
    file: FileId,
    start: usize,
    end: usize,
}

impl CharSpan {
    fn new(span: Span, sources: &SourceMap) -> CharSpan {
        let text = &sources.file(span.file).text;
        let chars_before = |offset: u32| text.char_indices().take_while(|(at, _)| *at < offset as usize).count();
        CharSpan { file: span.file, start: chars_before(span.start), end: chars_before(span.end) }
    }
}

impl ariadne::Span for CharSpan {
    type SourceId = FileId;

    fn source(&self) -> &FileId {
        &self.file
    }

    fn start(&self) -> usize {
        self.start
    }

    fn end(&self) -> usize {
        self.end
    }
}

/// Whether to colour what is drawn.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Colour {
    /// With terminal colours.
    On,
    /// Plain text: for files, pipes, tests and `NO_COLOR`.
    #[default]
    Off,
}

/// Draws one diagnostic as the text a terminal shows, ending in a newline.
pub fn render(diagnostic: &Diagnostic, sources: &SourceMap, colour: Colour) -> String {
    let (word, paint) = match diagnostic.severity {
        Severity::Error => ("error", Color::Red),
        Severity::Warning => ("warning", Color::Yellow),
        Severity::Note => ("note", Color::Blue),
    };
    let header = format!("{word}[{}]:", diagnostic.code);
    let config = Config::default().with_index_type(IndexType::Char).with_color(colour == Colour::On).with_tab_width(2);
    let chars = |span| CharSpan::new(span, sources);
    let mut report = Report::build(ReportKind::Error, chars(diagnostic.span)).with_config(config);
    // Where remarks stand inside the place itself, they show it.
    let within = |span: Span| {
        span.file == diagnostic.span.file && diagnostic.span.start <= span.start && span.end <= diagnostic.span.end
    };
    let mut labels: Vec<(Span, &str)> =
        diagnostic.labels.iter().map(|label| (label.span, label.text.as_str())).collect();
    if !labels.iter().any(|(span, _)| within(*span)) {
        labels.push((diagnostic.span, if labels.is_empty() { "" } else { "here" }));
    }
    // One remark at a place is enough, and the first is the most important.
    let said: Vec<Span> = labels.iter().map(|(span, _)| *span).collect();
    let mut idx = 0;
    labels.retain(|(span, _)| {
        idx += 1;
        !said[..idx - 1].contains(span)
    });
    // Each file is drawn once, from top to bottom, that of the diagnostic first.
    labels.sort_by_key(|(span, _)| (span.file != diagnostic.span.file, span.file, span.start));
    for (idx, (span, text)) in labels.into_iter().enumerate() {
        let colour = if span == diagnostic.span { paint } else { Color::Cyan };
        report =
            report.with_label(Label::new(chars(span)).with_color(colour).with_message(text).with_order(idx as i32));
    }
    report.with_notes(&diagnostic.notes);
    report.with_helps(&diagnostic.helps);
    let mut out = Vec::new();
    let texts = Texts { sources, read: HashMap::new() };
    report.finish().write(texts, &mut out).expect("writing to memory does not fail");
    let drawn = String::from_utf8(out).expect("ariadne writes UTF-8");
    // Ariadne always colours its first line, so that line is written here.
    let mut text = match colour {
        Colour::On => format!("{} {}\n", header.fg(paint), diagnostic.message),
        Colour::Off => format!("{header} {}\n", diagnostic.message),
    };
    // Where nothing is said at the place, the arrow to it is left out.
    let silent = diagnostic.labels.iter().all(|label| label.text.is_empty());
    let lines = drawn.lines().skip(1).filter(|line| !(silent && line.contains('╰')));
    for line in lines {
        let underline = silent && line.contains('┬');
        let line = if underline { line.replace('┬', "─") } else { line.to_owned() };
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

/// Gives ariadne the text of a file by its id, split into lines once, and shows the file's name.
struct Texts<'a> {
    sources: &'a SourceMap,
    read: HashMap<FileId, Source<String>>,
}

impl Cache<FileId> for Texts<'_> {
    type Storage = String;

    fn fetch(&mut self, id: &FileId) -> Result<&Source<String>, impl std::fmt::Debug> {
        let file = self.sources.file(*id);
        Ok::<_, std::convert::Infallible>(self.read.entry(*id).or_insert_with(|| Source::from(file.text.to_string())))
    }

    fn display<'a>(&self, id: &'a FileId) -> Option<impl std::fmt::Display + 'a> {
        Some(self.sources.file(*id).name.to_string())
    }
}
