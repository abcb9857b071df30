//! The commands of the prompt: lines that begin with a colon.

use std::path::PathBuf;

use crate::session::Engine;
use crate::session::interactive::Look;
use crate::session::options::Setting;
use crate::source::nearest::nearest;

/// A command as it is told to the user.
#[derive(Debug)]
pub struct Command {
    /// Its name, without the colon.
    pub name: &'static str,
    /// What it takes.
    pub takes: &'static str,
    /// What it does, in a sentence.
    pub doc: &'static str,
}

/// All commands.
pub const COMMANDS: &[Command] = &[
    Command {
        name: "help",
        takes: "[NAME]",
        doc: "this list; documentation, source and examples of a name; the page on a code",
    },
    Command { name: "type", takes: "EXPRESSION", doc: "the type of an expression, which is not evaluated" },
    Command { name: "time", takes: "STATEMENT", doc: "how long a statement takes" },
    Command { name: "ir", takes: "NAME", doc: "the tensor operations of a definition or training" },
    Command { name: "expand", takes: "NAME", doc: "the loop that a training stands for" },
    Command { name: "derive", takes: "NAME", doc: "the equations of back propagation of a function or net" },
    Command { name: "engine", takes: "[interp|jit]", doc: "what evaluates, and from here on" },
    Command { name: "load", takes: "FILE", doc: "runs a script in this session" },
    Command { name: "save", takes: "FILE", doc: "writes what was typed and went well as a script" },
    Command { name: "reset", takes: "", doc: "forgets all names" },
    Command {
        name: "set",
        takes: "NAME=VALUE",
        doc: "binds a name to another value, here and in scripts that are loaded",
    },
    Command { name: "quit", takes: "", doc: "leaves; so does Ctrl-D" },
];

/// What a command asks for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Request {
    /// The list of commands, or what is known of a name.
    Help(Option<String>),
    /// The type of an expression.
    Type(String),
    /// How long a statement takes.
    Time(String),
    /// A look at a definition or training.
    Look(Look, String),
    /// Which engine evaluates, or another engine.
    Engine(Option<Engine>),
    /// A script to be run.
    Load(PathBuf),
    /// A script to be written.
    Save(PathBuf),
    /// A session without names.
    Reset,
    /// Another value for a name.
    Set(Setting),
    /// The end.
    Quit,
}

/// Reads a line that begins with a colon. The beginning of a command's name is enough if no other begins so.
///
/// # Errors
/// One line that says what is wrong.
pub fn read(line: &str) -> Result<Request, String> {
    let (word, argument) =
        line.trim_start_matches(':').split_once(char::is_whitespace).unwrap_or((line.trim_start_matches(':'), ""));
    let (word, argument) = (word.trim(), argument.trim());
    let begins: Vec<&Command> = COMMANDS.iter().filter(|command| command.name.starts_with(word)).collect();
    let command = match (COMMANDS.iter().find(|command| command.name == word), &begins[..]) {
        (Some(command), _) => command,
        (None, [command]) => command,
        _ => {
            let near = nearest(word, COMMANDS.iter().map(|command| command.name));
            let hint = near.map_or(String::new(), |near| format!("did you mean `:{near}`? "));
            return Err(format!("there is no command `:{word}`; {hint}`:help` lists all"));
        }
    };
    if argument.is_empty() && !command.takes.is_empty() && !command.takes.starts_with('[') {
        return Err(format!("`:{}` needs something: `:{} {}`", command.name, command.name, command.takes));
    }
    if !argument.is_empty() && command.takes.is_empty() {
        return Err(format!("`:{}` takes nothing", command.name));
    }
    let text = argument.to_string();
    Ok(match command.name {
        "help" => Request::Help(Some(text).filter(|text| !text.is_empty())),
        "type" => Request::Type(text),
        "time" => Request::Time(text),
        "ir" => Request::Look(Look::Ir, text),
        "expand" => Request::Look(Look::Expansion, text),
        "derive" => Request::Look(Look::Derivation, text),
        "engine" => Request::Engine(match argument {
            "" => None,
            "interp" => Some(Engine::Interp),
            "jit" => Some(Engine::Jit),
            other => return Err(format!("there is no engine `{other}`: `:engine interp` or `:engine jit`")),
        }),
        "load" => Request::Load(path(argument)),
        "save" => Request::Save(path(argument)),
        "reset" => Request::Reset,
        "set" => match argument.split_once('=') {
            Some((name, value)) if !name.trim().is_empty() && !value.trim().is_empty() => {
                Request::Set(Setting { name: name.trim().to_string(), value: value.trim().to_string() })
            }
            _ => return Err("`:set` needs a name and a value: `:set epochs=3`".into()),
        },
        "quit" => Request::Quit,
        other => unreachable!("`{other}` is in the list of commands"),
    })
}

/// A path as it is typed, with or without quotes.
fn path(text: &str) -> PathBuf {
    PathBuf::from(text.trim_matches('"'))
}

/// How wide the list of commands is at most.
const WIDTH: usize = 80;

/// A text in lines of at most so many letters.
fn wrapped(text: &str, most: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        let line = lines.last_mut().expect("there is one line at least");
        if line.is_empty() {
            *line += word;
        } else if line.chars().count() + 1 + word.chars().count() <= most {
            *line += &format!(" {word}");
        } else {
            lines.push(word.to_string());
        }
    }
    lines
}

/// The list of commands.
pub fn list() -> String {
    let heads: Vec<String> = COMMANDS.iter().map(|command| format!(":{} {}", command.name, command.takes)).collect();
    let width = heads.iter().map(String::len).max().unwrap_or(0);
    let lines = heads.iter().zip(COMMANDS).map(|(head, command)| {
        let doc = wrapped(command.doc, WIDTH - width - 2).join(&format!("\n{:width$}  ", ""));
        format!("{head:width$}  {doc}\n")
    });
    let keys = "\nThe last value is `_`. TAB completes names, and `\\sigma` to σ. Ctrl-R searches\n\
                what was typed before, also in other sessions. Ctrl-C clears the line, or stops\n\
                a training, which keeps its result.\n";
    lines.collect::<String>() + keys
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_read() {
        assert_eq!(read(":help"), Ok(Request::Help(None)));
        assert_eq!(read(":help adam"), Ok(Request::Help(Some("adam".into()))));
        assert_eq!(read(":q"), Ok(Request::Quit));
        assert_eq!(read(":ty  f(1) "), Ok(Request::Type("f(1)".into())));
        assert_eq!(read(":set a = b == c"), Ok(Request::Set(Setting { name: "a".into(), value: "b == c".into() })));
        assert_eq!(read(":load \"a b.nn\""), Ok(Request::Load("a b.nn".into())));
    }

    #[test]
    fn what_is_no_command_says_what_may_be_meant() {
        for (line, says) in [
            (":tpye x", "did you mean `:type`?"),
            (":banana", "`:help` lists all"),
            (":", "`:help` lists all"),
            (":s", "there is no command `:s`"),
            (":type", "`:type EXPRESSION`"),
            (":reset x", "takes nothing"),
            (":engine gpu", "`:engine interp` or `:engine jit`"),
            (":set epochs", "a name and a value"),
        ] {
            let error = read(line).unwrap_err();
            assert!(error.contains(says), "{line}: {error}");
        }
    }

    #[test]
    fn every_command_is_understood() {
        for command in COMMANDS {
            let argument = match command.name {
                "engine" => "jit",
                "set" => "a=1",
                _ if command.takes.is_empty() => "",
                _ => "x",
            };
            assert!(read(&format!(":{} {argument}", command.name)).is_ok(), "{}", command.name);
        }
    }
}
