//! The report of a run: one HTML page that says everything about it and opens offline. It refers to nothing outside: curves are
//! inline SVG, equations are text, colours are a style sheet within the page.

use std::fmt::Write as _;

use super::figure::{Figure, escaped};
use super::number::significant;
use super::tones::{Tone, tones};

/// What a report says.
#[derive(Clone, Debug, Default)]
pub struct Page {
    /// The name of the script.
    pub name: String,
    /// Facts about the run, each with its value: seed, versions, date.
    pub facts: Vec<(String, String)>,
    /// The script as it was run.
    pub script: String,
    /// The trainings and searches, in order.
    pub trainings: Vec<TrainingPart>,
    /// The figures the script plotted.
    pub figures: Vec<Figure>,
    /// What the script printed.
    pub output: String,
}

/// A training or search in a report.
#[derive(Clone, Debug, Default)]
pub struct TrainingPart {
    /// What it is called: the name of the run and of its net.
    pub title: String,
    /// Why it ended.
    pub ended: String,
    /// The final cost and metrics, by name.
    pub metrics: Vec<(String, f64)>,
    /// Its curves.
    pub curves: Option<Figure>,
    /// The net as a picture.
    pub diagram: Option<Figure>,
    /// The table of its layers.
    pub summary: String,
    /// The table of its trials, of a search.
    pub trials: String,
    /// The equations of back propagation.
    pub derivation: String,
}

const STYLE: &str = "
:root { --ink: #222; --soft: #666; --line: #ddd; --ground: #f7f7f5; --accent: #0072b2 }
* { box-sizing: border-box }
body { margin: 0 auto; padding: 2rem 1.5rem 4rem; max-width: 62rem; color: var(--ink); background: #fff;
       font: 16px/1.55 system-ui, -apple-system, 'Segoe UI', 'DejaVu Sans', sans-serif }
h1 { font-size: 1.7rem; margin: 0 0 .2rem; overflow-wrap: anywhere }
h2 { font-size: 1.25rem; margin: 2.4rem 0 .6rem; padding-bottom: .25rem; border-bottom: 1px solid var(--line) }
h3 { font-size: 1rem; margin: 1.4rem 0 .4rem }
nav a { margin-right: 1rem; color: var(--accent); text-decoration: none }
nav a:hover { text-decoration: underline }
pre { margin: .4rem 0; padding: .8rem 1rem; overflow-x: auto; background: var(--ground); border-radius: 6px;
      font: 13px/1.5 'DejaVu Sans Mono', Menlo, Consolas, monospace }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .15rem 1.2rem; margin: .8rem 0 }
dt { color: var(--soft) } dd { margin: 0; overflow-wrap: anywhere }
ul.metrics { display: flex; flex-wrap: wrap; gap: .7rem; padding: 0; margin: .6rem 0; list-style: none }
ul.metrics li { padding: .5rem .9rem; background: var(--ground); border-radius: 6px }
ul.metrics b { display: block; font-size: 1.25rem; font-variant-numeric: tabular-nums }
ul.metrics span { color: var(--soft); font-size: .85rem }
figure { margin: 1rem 0 } svg { max-width: 100%; height: auto }
.equations b { font-family: system-ui, sans-serif; color: var(--accent) }
.keyword { color: #8a2f7f } .number { color: #9a5800 } .str { color: #1b6f3a } .comment { color: #777 }
.wrong { color: #c00 }
details summary { cursor: pointer; color: var(--accent) }
@media print { body { max-width: none; padding: 0 } pre { white-space: pre-wrap } nav { display: none } }
";

impl Page {
    /// The page as the text of an HTML file.
    pub fn to_html(&self) -> String {
        let name = escaped(&self.name);
        let mut body = format!("<h1>{name}</h1>\n");
        let mut sections: Vec<(String, String, String)> = vec![];
        for (idx, training) in self.trainings.iter().enumerate() {
            sections.push((format!("training-{}", idx + 1), training.title.clone(), training.to_html()));
        }
        let is_new = |figure: &&Figure| self.trainings.iter().all(|training| !training.shows(figure));
        let figures: String = self.figures.iter().filter(is_new).map(figure_html).collect();
        for (id, title, text) in [
            ("figures", "Figures", figures),
            ("output", "Output", preformatted(self.output.trim_end())),
            ("script", "Script", format!("<pre>{}</pre>\n", coloured(self.script.trim_end()))),
        ] {
            if !text.is_empty() {
                sections.push((id.to_string(), title.to_string(), text));
            }
        }
        let links = sections.iter().map(|(id, title, _)| format!("<a href=\"#{id}\">{}</a>", escaped(title)));
        let _ = writeln!(body, "<nav>{}</nav>", links.collect::<Vec<_>>().join("\n"));
        let facts =
            self.facts.iter().map(|(fact, value)| format!("<dt>{}</dt><dd>{}</dd>", escaped(fact), escaped(value)));
        let _ = writeln!(body, "<dl>{}</dl>", facts.collect::<Vec<_>>().join("\n"));
        for (id, title, text) in &sections {
            let _ = writeln!(body, "<section id=\"{id}\">\n<h2>{}</h2>\n{text}</section>", escaped(title));
        }
        format!(
            "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
             <title>{name} · Nabla</title>\n<style>{STYLE}</style>\n</head>\n<body>\n{body}</body>\n</html>\n"
        )
    }
}

impl TrainingPart {
    /// Whether a figure is one of its own.
    fn shows(&self, figure: &Figure) -> bool {
        [&self.curves, &self.diagram]
            .into_iter()
            .flatten()
            .any(|own| own.data == figure.data && own.panels == figure.panels)
    }

    fn to_html(&self) -> String {
        let mut text = String::new();
        if !self.metrics.is_empty() {
            let item = |(name, value): &(String, f64)| {
                format!("<li><b>{}</b><span>{}</span></li>", escaped(&significant(*value, 4)), escaped(name))
            };
            let items: String = self.metrics.iter().map(item).collect();
            let _ = writeln!(text, "<ul class=\"metrics\">{items}</ul>");
        }
        if !self.ended.is_empty() {
            let _ = writeln!(text, "<p>{}</p>", escaped(&self.ended));
        }
        text.extend(self.curves.iter().map(figure_html));
        for (title, part) in [("Trials", &self.trials), ("Layers", &self.summary)] {
            if !part.is_empty() {
                let _ = write!(text, "<h3>{title}</h3>\n{}", preformatted(part.trim_end()));
            }
        }
        if let Some(diagram) = &self.diagram {
            let _ =
                write!(text, "<details><summary>The net as a diagram</summary>\n{}</details>\n", figure_html(diagram));
        }
        if !self.derivation.is_empty() {
            let _ = write!(text, "<h3>Back propagation</h3>\n{}", equations(self.derivation.trim_end()));
        }
        text
    }
}

fn figure_html(figure: &Figure) -> String {
    format!("<figure>\n{}</figure>\n", figure.to_inline_svg())
}

fn preformatted(text: &str) -> String {
    if text.is_empty() { String::new() } else { format!("<pre>{}</pre>\n", escaped(text)) }
}

/// Equations as they are written as text; a line that is not indented is a heading.
fn equations(text: &str) -> String {
    let line = |line: &str| match line.starts_with(' ') || line.is_empty() {
        true => escaped(line),
        false => format!("<b>{}</b>", escaped(line)),
    };
    format!("<pre class=\"equations\">{}</pre>\n", text.lines().map(line).collect::<Vec<_>>().join("\n"))
}

/// A script with its words marked for the style sheet.
fn coloured(text: &str) -> String {
    let mut out = String::new();
    let mut at = 0;
    for (range, tone) in tones(text) {
        let class = match tone {
            Tone::Keyword => "keyword",
            Tone::Number => "number",
            Tone::Str => "str",
            Tone::Comment => "comment",
            Tone::Wrong => "wrong",
        };
        out += &escaped(&text[at..range.start]);
        let _ = write!(out, "<span class=\"{class}\">{}</span>", escaped(&text[range.clone()]));
        at = range.end;
    }
    out + &escaped(&text[at..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_is_whole_and_nothing_in_it_is_markup() {
        let page = Page {
            name: "a<b>.nn".to_string(),
            facts: vec![("seed".to_string(), "7".to_string())],
            script: "x = 1 # <script>\n".to_string(),
            output: "1 < 2 & 3\n".to_string(),
            trainings: vec![TrainingPart {
                title: "run: f".to_string(),
                metrics: vec![("accuracy".to_string(), 0.97)],
                derivation: "Forward\n  a¹ = x W\n".to_string(),
                ..TrainingPart::default()
            }],
            ..Page::default()
        };
        let html = page.to_html();
        assert!(html.starts_with("<!DOCTYPE html>") && html.ends_with("</html>\n"));
        for part in [
            "<title>a&lt;b&gt;.nn · Nabla</title>",
            "<dt>seed</dt><dd>7</dd>",
            "<span class=\"comment\"># &lt;script&gt;</span>",
            "1 &lt; 2 &amp; 3",
            "<b>0.9700</b><span>accuracy</span>",
            "<b>Forward</b>\n  a¹ = x W",
            "<a href=\"#training-1\">run: f</a>",
        ] {
            assert!(html.contains(part), "{part} is missing in\n{html}");
        }
        assert!(!html.contains("http") && !html.contains("<script"));
    }
}
