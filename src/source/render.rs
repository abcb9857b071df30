//! Draws diagnostics with ariadne; the only user of that crate.

use std::collections::HashMap;

use ariadne::{Cache, Color, Config, IndexType, Label, Report, ReportKind, Source};

use super::{Diagnostic, FileId, Severity, SourceMap, Span};

impl ariadne::Span for Span {
    type SourceId = FileId;

    fn source(&self) -> &FileId {
        &self.file
    }

    fn start(&self) -> usize {
        self.start as usize
    }

    fn end(&self) -> usize {
        self.end as usize
    }
}

/// Whether to colour what is drawn.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Colour {
    /// With terminal colours.
    On,
    /// Plain text: for files, pipes, tests and `NO_COLOR`.
    Off,
}

/// Draws one diagnostic as the text a terminal shows, ending in a newline.
pub fn render(diagnostic: &Diagnostic, sources: &SourceMap, colour: Colour) -> String {
    let (word, paint) = match diagnostic.severity {
        Severity::Error => ("error", Color::Red),
        Severity::Warning => ("warning", Color::Yellow),
        Severity::Note => ("note", Color::Blue),
    };
    let header = format!("{word}[{}]", diagnostic.code);
    let config = Config::default().with_index_type(IndexType::Byte).with_color(colour == Colour::On).with_tab_width(2);
    let mut report = Report::build(ReportKind::Custom(&header, paint), diagnostic.span)
        .with_config(config)
        .with_message(&diagnostic.message);
    let primary_has_text = diagnostic.labels.iter().any(|label| label.span == diagnostic.span);
    if !primary_has_text {
        report = report.with_label(Label::new(diagnostic.span).with_color(paint).with_message(""));
    }
    for (idx, label) in diagnostic.labels.iter().enumerate() {
        let colour = if label.span == diagnostic.span { paint } else { Color::Cyan };
        report = report
            .with_label(Label::new(label.span).with_color(colour).with_message(&label.text).with_order(idx as i32));
    }
    report.with_notes(&diagnostic.notes);
    report.with_helps(&diagnostic.helps);
    let mut out = Vec::new();
    let texts = Texts { sources, read: HashMap::new() };
    report.finish().write(texts, &mut out).expect("writing to memory does not fail");
    String::from_utf8(out).expect("ariadne writes UTF-8")
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
