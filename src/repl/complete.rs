//! What may stand at the cursor: names, fields, arguments, keys of `train`, commands, files, signs.

use std::path::Path;
use std::rc::Rc;

use super::commands::COMMANDS;
use super::symbols;
use crate::elaborate::function::FunctionKind;
use crate::elaborate::{EXPANSION_KEYS, Function, Scope, Value, builtin};
use crate::session::help;

/// Something that may stand at the cursor.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Candidate {
    /// As it is listed.
    pub shown: String,
    /// What is put in the place of what was typed.
    pub text: String,
}

impl Candidate {
    fn word(text: impl Into<String>) -> Candidate {
        let text = text.into();
        Candidate { shown: text.clone(), text }
    }
}

/// Words of the language that begin something.
const KEYWORDS: [&str; 22] = [
    "fn",
    "layer",
    "net",
    "optimizer",
    "param",
    "state",
    "next",
    "train",
    "if",
    "then",
    "else",
    "for",
    "in",
    "while",
    "var",
    "and",
    "or",
    "not",
    "true",
    "false",
    "print",
    "use",
];

/// What may stand before the end of `before`, and the byte from where on it takes the place of what was typed.
pub fn candidates(before: &str, scope: &Rc<Scope>) -> (usize, Vec<Candidate>) {
    if let Some(name) = symbols::name_at_end(before) {
        let found = symbols::matching(name);
        let signs =
            found.into_iter().map(|(name, sign)| Candidate { shown: format!("{sign} \\{name}"), text: sign.into() });
        return (before.len() - name.len() - 1, signs.collect());
    }
    if let Some(command) = before.strip_prefix(':') {
        match command.split_once(' ') {
            None => {
                let names = COMMANDS.iter().map(|command| command.name.to_string());
                return (1, beginning(command, names));
            }
            Some(("load" | "save", path)) => return files(before, path.trim_start().trim_start_matches('"')),
            Some(("engine", word)) => {
                let word = word.trim_start();
                return (before.len() - word.len(), beginning(word, ["interp", "jit"].map(String::from)));
            }
            Some(("help", word)) => {
                let word = word.trim_start();
                let names = help::names().into_iter().chain(visible(scope));
                return (before.len() - word.len(), beginning(word, names));
            }
            Some(_) => {}
        }
    }
    if let Some(path) = inside_string(before) {
        return files(before, path);
    }
    let start =
        before.rfind(|c| !is_name_part(c)).map_or(0, |at| at + before[at..].chars().next().map_or(1, char::len_utf8));
    let word = &before[start..];
    if let Some(path) = before[..start].strip_suffix('.') {
        let from = path
            .rfind(|c| !is_name_part(c) && c != '.')
            .map_or(0, |at| at + path[at..].chars().next().map_or(1, char::len_utf8));
        return (start, beginning(word, fields(&path[from..], scope)));
    }
    // An empty word would be completed by everything.
    let around = innermost(&before[..start]);
    let mut found = vec![];
    if let Some((at, '(')) = around
        && let Some(func) = function_before(&before[..at], scope)
    {
        let names = arguments(&func).into_iter().map(|name| format!("{name} = "));
        found.extend(beginning(word, names));
    }
    if let Some((at, '{')) = around
        && is_training(&before[..at])
        && before[..start].trim_end_matches(' ').ends_with(['{', ';', '\n'])
    {
        found.extend(beginning(word, EXPANSION_KEYS.iter().map(|key| format!("{key} = "))));
        return (start, found);
    }
    if !word.is_empty() {
        let builtins = builtin::all().map(|builtin| builtin.name.to_string());
        let names = visible(scope).into_iter().chain(builtins).chain(KEYWORDS.map(String::from));
        found.extend(beginning(word, names));
    }
    (start, found)
}

/// How the function is called whose argument list was just opened at the end of a text.
pub fn call_hint(before: &str, scope: &Rc<Scope>) -> Option<String> {
    let func = function_before(before.strip_suffix('(')?, scope)?;
    let arguments = arguments(&func);
    (!arguments.is_empty()).then(|| format!("{})", arguments.join(", ")))
}

fn is_name_part(c: char) -> bool {
    c.is_alphanumeric() || c == '_' || c == '′' || ('\u{300}'..='\u{36f}').contains(&c)
}

/// Those of the names that begin so, sorted and each once. Names of the library's own are for those who ask.
fn beginning(word: &str, names: impl IntoIterator<Item = String>) -> Vec<Candidate> {
    let fits = |name: &String| name.starts_with(word) && (!name.starts_with('_') || word.starts_with('_'));
    let mut found: Vec<String> = names.into_iter().filter(fits).collect();
    found.sort();
    found.dedup();
    found.into_iter().map(Candidate::word).collect()
}

fn visible(scope: &Rc<Scope>) -> Vec<String> {
    scope.visible_names().iter().map(|name| name.to_string()).collect()
}

/// The value of `a.b.c`.
fn value_of(path: &str, scope: &Rc<Scope>) -> Option<Value> {
    let mut names = path.split('.');
    let mut value = scope.get(names.next()?)?;
    for name in names {
        let Value::Record(record) = &value else { return None };
        let field = record.get(name)?.clone();
        value = field;
    }
    Some(value)
}

/// The fields of a value, and what can be called on it.
fn fields(path: &str, scope: &Rc<Scope>) -> Vec<String> {
    use crate::elaborate::RecordKind;
    use crate::syntax::ast::DefKind;
    match value_of(path, scope) {
        Some(Value::Record(record)) => {
            let own = record.fields.iter().map(|(name, _)| name.to_string());
            let methods: &[&str] = match record.kind {
                RecordKind::Model(_) | RecordKind::TrainingModel(_) => &["train", "with"],
                RecordKind::Optimizer(_) => &["step"],
                RecordKind::Plain => &["with"],
                _ => &[],
            };
            own.chain(methods.iter().map(|name| name.to_string())).collect()
        }
        Some(Value::Func(func)) => match func.def_kind() {
            Some(DefKind::Net | DefKind::Optimizer) => vec!["init".into()],
            Some(DefKind::Fn | DefKind::Layer) | None => vec![],
        },
        Some(Value::Tensor(tensor)) if tensor.rank() == 2 => vec!["T".into()],
        _ => vec![],
    }
}

/// The function or model whose name ends a text.
fn function_before(before: &str, scope: &Rc<Scope>) -> Option<Rc<Function>> {
    let start = before
        .rfind(|c| !is_name_part(c) && c != '.')
        .map_or(0, |at| at + before[at..].chars().next().map_or(1, char::len_utf8));
    let path = &before[start..];
    match value_of(path, scope) {
        Some(Value::Func(func)) => Some(func),
        Some(_) => None,
        None => match Function::builtin(builtin::find(path)?) {
            Value::Func(func) => Some(func),
            _ => None,
        },
    }
}

/// The names of the arguments that the next call gives.
fn arguments(func: &Function) -> Vec<String> {
    match &func.kind {
        FunctionKind::Closure(closure) => closure.next_list().iter().map(|param| param.name.name.to_string()).collect(),
        FunctionKind::Builtin(builtin) => builtin.params().iter().map(|param| param.name.to_string()).collect(),
        FunctionKind::Derived(derived) => derived.of.as_func().map(|of| arguments(of)).unwrap_or_default(),
        FunctionKind::Bound(_) | FunctionKind::Method { .. } => vec![],
    }
}

/// The bracket that is open at the end of a text, and where it stands.
fn innermost(before: &str) -> Option<(usize, char)> {
    let mut depth = 0;
    for (at, c) in before.char_indices().rev() {
        match c {
            ')' | ']' | '}' => depth += 1,
            '(' | '[' | '{' if depth == 0 => return Some((at, c)),
            '(' | '[' | '{' => depth -= 1,
            _ => {}
        }
    }
    None
}

/// Whether a text ends in `train net on data`.
fn is_training(before: &str) -> bool {
    let statement = before.rsplit([';', '\n']).next().unwrap_or(before);
    let mut words = statement.split(|c: char| !is_name_part(c)).filter(|word| !word.is_empty());
    words.any(|word| word == "train") && words.any(|word| word == "on")
}

/// What stands behind the quote of the string that is open at the end of a text.
fn inside_string(before: &str) -> Option<&str> {
    let line = before.rsplit('\n').next().unwrap_or(before);
    let (mut open, mut escaped) = (None, false);
    for (at, c) in line.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' if open.is_some() => escaped = true,
            '"' => open = if open.is_some() { None } else { Some(at + 1) },
            '#' if open.is_none() => return None,
            _ => {}
        }
    }
    open.map(|at| &line[at..])
}

/// The files whose paths begin so.
fn files<'a>(before: &str, path: &'a str) -> (usize, Vec<Candidate>) {
    let (folder, begin): (&'a str, &'a str) = path.rsplit_once('/').map_or(("", path), |(folder, name)| (folder, name));
    let listed = match (path.starts_with('/'), folder) {
        (true, "") => Path::new("/"),
        (false, "") => Path::new("."),
        (_, folder) => Path::new(folder),
    };
    let entries = std::fs::read_dir(listed).into_iter().flatten().flatten();
    let names = entries.filter_map(|entry| {
        let mut name = entry.file_name().into_string().ok()?;
        // What is hidden is for those who ask.
        if name.starts_with('.') && !begin.starts_with('.') {
            return None;
        }
        if entry.path().is_dir() {
            name.push('/');
        }
        Some(name)
    });
    let mut names: Vec<String> = names.filter(|name| name.starts_with(begin)).collect();
    names.sort();
    (before.len() - begin.len(), names.into_iter().map(Candidate::word).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::elaborate::{BindKind, ScopeKind, TensorValue};

    fn scope() -> Rc<Scope> {
        let scope = Scope::new(ScopeKind::File, None);
        let inner = Value::plain(vec![("weights".into(), TensorValue::int(1).into())]);
        scope.bind(
            "record",
            Value::plain(vec![("inner".into(), inner), ("other".into(), Value::Unit)]),
            None,
            BindKind::Let,
        );
        scope.bind("σ_rate", TensorValue::real(0.1).into(), None, BindKind::Let);
        scope
    }

    fn texts(before: &str) -> (usize, Vec<String>) {
        let (start, found) = candidates(before, &scope());
        (start, found.into_iter().map(|candidate| candidate.text).collect())
    }

    #[test]
    fn signs_take_the_place_of_their_names() {
        assert_eq!(texts("x = \\sigma"), (4, vec!["σ".to_string()]));
    }

    #[test]
    fn names_and_fields_are_completed() {
        assert_eq!(texts("1 + rec"), (4, vec!["record".to_string()]));
        assert_eq!(texts("-σ_"), (1, vec!["σ_rate".to_string()]));
        assert_eq!(texts("f(record.in"), (9, vec!["inner".to_string()]));
        assert_eq!(texts("record.inner."), (13, vec!["weights".to_string(), "with".to_string()]));
        assert!(texts("logsum").1.is_empty(), "the prelude is not there");
        assert!(texts("reduce").1.is_empty() && texts("cums").1.contains(&"cumsum".to_string()));
    }

    #[test]
    fn arguments_and_keys_are_completed() {
        assert!(texts("sum(x, ax").1.contains(&"axis = ".to_string()));
        assert_eq!(texts("r = train net on (x, t) { opt").1, ["optimizer = "]);
        assert_eq!(texts("train net on d { cost = mse; ep").1, ["epochs = "]);
        assert!(texts("train net on d { cost = opt").1.iter().all(|text| text != "optimizer = "));
        assert_eq!(call_hint("cumsum(", &scope()).as_deref().map(|hint| hint.starts_with('x')), Some(true));
    }

    #[test]
    fn commands_and_files_are_completed() {
        assert_eq!(texts(":ty"), (1, vec!["type".to_string()]));
        assert_eq!(texts(":engine i"), (8, vec!["interp".to_string()]));
        assert!(texts(":help ada").1.contains(&"adam".to_string()));
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("digits.csv"), "").unwrap();
        std::fs::create_dir(folder.path().join("digs")).unwrap();
        let path = format!("d = csv(\"{}/dig", folder.path().display());
        assert_eq!(texts(&path), (path.len() - 3, vec!["digits.csv".to_string(), "digs/".to_string()]));
        let path = format!(":load {}/digi", folder.path().display());
        assert_eq!(texts(&path).1, ["digits.csv"]);
        assert_eq!(inside_string("a \"b\" # \"c"), None);
    }
}
