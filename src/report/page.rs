//! The report of a run: one HTML page that says everything about it and opens offline. It refers to nothing outside: curves are
//! inline SVG, equations are MathML, colours are a style sheet within the page.

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

/// The trainings or searches at one place of a script: one, or one for each turn of a loop.
#[derive(Clone, Debug, Default)]
pub struct TrainingPart {
    /// What it is called: the name of the run and of its net.
    pub title: String,
    /// Each, in order; there is one at least.
    pub runs: Vec<RunPart>,
    /// The curves of all of them, if there are several.
    pub overview: Option<Figure>,
    /// The nets that were trained; none if no model is left.
    pub nets: Vec<NetPart>,
}

/// One training or search.
#[derive(Clone, Debug, Default)]
pub struct RunPart {
    /// Its number, and what the loops around it were at: `2, lr = 0.1`.
    pub label: String,
    /// What the loops around it were at, by name.
    pub turn: Vec<(String, String)>,
    /// Why it ended.
    pub ended: String,
    /// The final cost and metrics, by name.
    pub metrics: Vec<(String, f64)>,
    /// Its curves.
    pub curves: Option<Figure>,
    /// The table of its trials, of a search.
    pub trials: String,
}

/// What is said of a net.
#[derive(Clone, Debug, Default)]
pub struct NetPart {
    /// Which runs trained it, if others trained another: `runs 1 and 2`.
    pub of: String,
    /// The table of its layers.
    pub summary: String,
    /// The net as a picture.
    pub diagram: Option<Figure>,
    /// The equations of back propagation as HTML, or why there are none.
    pub derivation: Option<Result<String, String>>,
}

/// The curves of more runs than this are folded away.
const SHOWN: usize = 24;

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
h4 { font-size: .95rem; margin: 1rem 0 .2rem; color: var(--accent) }
.equations, .wide { overflow-x: auto }
.equations table { border-collapse: collapse }
.equations td, .equations th { padding: .22rem .15rem; vertical-align: baseline; text-align: left; font-weight: normal }
.equations td:first-child { padding-left: 1.2rem; text-align: right; white-space: nowrap }
.equations tr.turn td:first-child { border-left: 2px solid var(--line) }
.equations math { font-size: 1.08em } .equations mo + mtable mtd { text-align: left }
table.runs { border-collapse: collapse; font-variant-numeric: tabular-nums }
table.runs th, table.runs td { padding: .2rem .8rem; border-bottom: 1px solid var(--line); text-align: right }
table.runs th { color: var(--soft); font-weight: normal }
table.runs td:last-child { text-align: left; color: var(--soft) }
.many { display: flex; flex-wrap: wrap; gap: .4rem 1rem } .many figure { margin: .4rem 0 }
figcaption { color: var(--soft); font-size: .85rem }
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
            let title = match training.runs.len() {
                0 | 1 => training.title.clone(),
                n => format!("{} ({n} runs)", training.title),
            };
            sections.push((format!("training-{}", idx + 1), title, training.to_html()));
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
        let curves = self.runs.iter().filter_map(|run| run.curves.as_ref());
        let diagrams = self.nets.iter().filter_map(|net| net.diagram.as_ref());
        curves.chain(diagrams).any(|own| own.data == figure.data && own.panels == figure.panels)
    }

    fn to_html(&self) -> String {
        let mut text = match self.runs.as_slice() {
            [run] => run.to_html(),
            runs => format!("{}{}", self.overview.as_ref().map_or(String::new(), figure_html), many(runs)),
        };
        text.extend(self.nets.iter().map(NetPart::to_html));
        text
    }
}

impl RunPart {
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
            let _ = writeln!(text, "<p>{}.</p>", escaped(&self.ended));
        }
        text.extend(self.curves.iter().map(figure_html));
        if !self.trials.is_empty() {
            let _ = write!(text, "<h3>Trials</h3>\n{}", preformatted(self.trials.trim_end()));
        }
        text
    }
}

/// Several runs: their final numbers in a table, then the curves of each, folded away if there are very many.
fn many(runs: &[RunPart]) -> String {
    let names = |of: &dyn Fn(&RunPart) -> Vec<String>| {
        let mut names: Vec<String> = vec![];
        for name in runs.iter().flat_map(of) {
            if !names.contains(&name) {
                names.push(name);
            }
        }
        names
    };
    let turns = names(&|run| run.turn.iter().map(|(name, _)| name.clone()).collect());
    let metrics = names(&|run| run.metrics.iter().map(|(name, _)| name.clone()).collect());
    let head = std::iter::once("run").chain(turns.iter().chain(&metrics).map(String::as_str)).chain([""]);
    let head: String = head.map(|name| format!("<th>{}</th>", escaped(name))).collect();
    let row = |(idx, run): (usize, &RunPart)| {
        let turn = |name: &String| run.turn.iter().find(|(other, _)| other == name).map(|(_, value)| value.clone());
        let number = |name: &String| run.metrics.iter().find(|(other, _)| other == name);
        let number = |name: &String| number(name).map(|(_, value)| significant(*value, 4));
        let cells = std::iter::once(Some((idx + 1).to_string()));
        let cells =
            cells.chain(turns.iter().map(turn)).chain(metrics.iter().map(number)).chain([Some(run.ended.clone())]);
        let cells: String = cells.map(|cell| format!("<td>{}</td>", escaped(&cell.unwrap_or_default()))).collect();
        format!("<tr>{cells}</tr>\n")
    };
    let rows: String = runs.iter().enumerate().map(row).collect();
    let mut text = format!("<div class=\"wide\"><table class=\"runs\">\n<tr>{head}</tr>\n{rows}</table></div>\n");
    let curve = |run: &RunPart| {
        let figure = run.curves.as_ref()?.to_small_svg();
        Some(format!("<figure>\n<figcaption>run {}</figcaption>\n{figure}</figure>\n", escaped(&run.label)))
    };
    let curves: String = runs.iter().filter_map(curve).collect();
    if !curves.is_empty() {
        let open = if runs.len() <= SHOWN { " open" } else { "" };
        let _ = write!(
            text,
            "<details{open}><summary>The curves of each run</summary>\n<div class=\"many\">\n{curves}</div></details>\n"
        );
    }
    for run in runs.iter().filter(|run| !run.trials.is_empty()) {
        let trials = preformatted(run.trials.trim_end());
        let _ =
            write!(text, "<details><summary>The trials of run {}</summary>\n{trials}</details>\n", escaped(&run.label));
    }
    text
}

impl NetPart {
    fn to_html(&self) -> String {
        let mut text = String::new();
        let of = if self.of.is_empty() { String::new() } else { format!(" of {}", escaped(&self.of)) };
        if !self.summary.is_empty() {
            let _ = write!(text, "<h3>Layers{of}</h3>\n{}", preformatted(self.summary.trim_end()));
        }
        if let Some(diagram) = &self.diagram {
            let _ =
                write!(text, "<details><summary>The net as a diagram</summary>\n{}</details>\n", figure_html(diagram));
        }
        match &self.derivation {
            Some(Ok(equations)) => {
                let _ = write!(text, "<h3>Back propagation{of}</h3>\n{equations}");
            }
            Some(Err(reason)) => {
                let _ = writeln!(
                    text,
                    "<h3>Back propagation{of}</h3>\n<p>There are no equations: {}.</p>",
                    escaped(reason)
                );
            }
            None => {}
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
                runs: vec![RunPart {
                    metrics: vec![("accuracy".to_string(), 0.97)],
                    ended: "3 epochs".to_string(),
                    ..RunPart::default()
                }],
                nets: vec![NetPart {
                    summary: "a < b".to_string(),
                    derivation: Some(Err("x < y".to_string())),
                    ..NetPart::default()
                }],
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
            "<p>3 epochs.</p>",
            "<pre>a &lt; b</pre>",
            "There are no equations: x &lt; y.",
            "<a href=\"#training-1\">run: f</a>",
        ] {
            assert!(html.contains(part), "{part} is missing in\n{html}");
        }
        assert!(!html.contains("http") && !html.contains("<script"));
    }
}
