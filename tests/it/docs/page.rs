//! A Markdown page as a list of fenced blocks, and the page with some of them replaced.

/// A fenced block of a page.
#[derive(Clone, Debug)]
pub struct Block {
    /// The words behind the opening fence.
    pub words: Vec<String>,
    /// What stands between the fences.
    pub text: String,
    /// The line of the opening fence, counted from 1.
    pub line: usize,
    /// How far the fences are indented.
    pub indent: String,
}

impl Block {
    /// The language of the block, empty if none is said.
    pub fn language(&self) -> &str {
        self.words.first().map_or("", String::as_str)
    }

    /// Whether a word follows the language.
    pub fn says(&self, word: &str) -> bool {
        self.words.iter().skip(1).any(|other| other == word)
    }

    /// The name of the file the block is kept in.
    pub fn file(&self) -> Option<&str> {
        self.words.iter().skip(1).map(String::as_str).find(|word| word.contains('.'))
    }
}

/// A part of a page.
#[derive(Clone, Debug)]
pub enum Part {
    /// Lines of prose.
    Prose(String),
    /// A fenced block.
    Block(Block),
}

/// Takes a page apart.
pub fn parts(page: &str) -> Vec<Part> {
    let mut parts = vec![];
    let mut prose = String::new();
    let mut open: Option<Block> = None;
    for (idx, line) in page.split_inclusive('\n').enumerate() {
        let bare = line.trim_start();
        match &mut open {
            Some(block) if bare.trim_end() == "```" => parts.extend(open.take().map(Part::Block)),
            Some(block) => block.text += line.strip_prefix(block.indent.as_str()).unwrap_or(bare),
            None => match bare.strip_prefix("```") {
                Some(info) => {
                    parts.push(Part::Prose(std::mem::take(&mut prose)));
                    let words = info.split_whitespace().map(String::from).collect();
                    let indent = line[..line.len() - bare.len()].to_string();
                    open = Some(Block { words, text: String::new(), line: idx + 1, indent });
                }
                None => prose += line,
            },
        }
    }
    assert!(open.is_none(), "a fence is not closed: {open:?}");
    parts.push(Part::Prose(prose));
    parts
}

/// Puts a page together again.
pub fn join(parts: &[Part]) -> String {
    let mut page = String::new();
    for part in parts {
        match part {
            Part::Prose(text) => page += text,
            Part::Block(Block { words, text, indent, .. }) => {
                page += &format!("{indent}```{}\n", words.join(" "));
                for line in text.lines() {
                    page += &if line.is_empty() { "\n".to_string() } else { format!("{indent}{line}\n") };
                }
                page += &format!("{indent}```\n");
            }
        }
    }
    page
}

/// What of a page stands in no block.
fn prose(page: &str) -> impl Iterator<Item = String> {
    parts(page).into_iter().filter_map(|part| match part {
        Part::Prose(text) => Some(text),
        Part::Block(_) => None,
    })
}

/// Where the links of a page go that are no addresses: files and headings.
pub fn links(page: &str) -> Vec<String> {
    let mut found = vec![];
    for text in prose(page) {
        for rest in text.split("](").skip(1) {
            let Some((target, _)) = rest.split_once(')') else { continue };
            if !target.contains("://") && !target.is_empty() {
                found.push(target.to_string());
            }
        }
    }
    found
}

/// The pictures a page shows: where its images are.
pub fn pictures(page: &str) -> Vec<String> {
    let mut found = vec![];
    for text in prose(page) {
        for image in text.split("![").skip(1) {
            let target = image.split_once("](").and_then(|(_, rest)| rest.split_once(')'));
            found.extend(target.map(|(target, _)| target.to_string()).filter(|target| target.ends_with(".svg")));
        }
    }
    found
}

/// The names by which the headings of a page can be linked to, as GitHub makes them.
pub fn anchors(page: &str) -> Vec<String> {
    let name = |heading: &str| {
        let kept = heading.trim().to_lowercase().replace(' ', "-");
        kept.chars().filter(|c| c.is_alphanumeric() || matches!(c, '-' | '_')).collect()
    };
    let headings = page.lines().filter(|line| line.starts_with('#'));
    headings.map(|line| name(line.trim_start_matches('#'))).collect()
}
