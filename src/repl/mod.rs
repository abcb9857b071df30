//! The prompt: reads a statement or a command, has the session answer, and again; the only user of rustyline.
//!
//! On a terminal lines are edited, completed and coloured; from a pipe they are taken as they come, without prompt or colours.

mod colours;
pub mod commands;
pub mod complete;
mod editor;
mod history;
mod symbols;

use std::io::{BufRead, BufReader, Read};
use std::time::Instant;

use commands::Request;

use crate::report::number::duration;
use crate::session::interactive::{Interactive, Outcome};
use crate::session::{Engine, Exit, Session, help};
use crate::source::render::Colour;
use crate::syntax::{complete as is_complete, continues_with};

/// Where the lines come from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Input {
    /// A user types them, in colours or without.
    Terminal(Colour),
    /// They come as they are.
    Pipe,
}

/// What comes after a line.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Next {
    Line,
    End,
}

/// Answers until the input ends or the user leaves.
pub fn run(session: Session, input: Input) -> Exit {
    let answered = session.interactive(|session| match input {
        Input::Terminal(colour) => at_terminal(session, colour),
        Input::Pipe => from_pipe(session, BufReader::new(std::io::stdin().lock())),
    });
    answered.unwrap_or_else(|exit| exit)
}

fn at_terminal(session: &mut Interactive, colour: Colour) -> Exit {
    session.say(&format!("Nabla {}. `:help` lists what the prompt can do, Ctrl-D leaves.", env!("CARGO_PKG_VERSION")));
    let mut editor = match editor::Lines::new(session.scope(), colour) {
        Ok(editor) => editor,
        Err(error) => {
            session.complain(&format!("the terminal cannot be used: {error}"));
            return Exit::Failed;
        }
    };
    loop {
        match editor.read() {
            Ok(editor::Read::Text(text)) => {
                if answer(session, &text) == Next::End {
                    return Exit::Done;
                }
            }
            Ok(editor::Read::Cleared) => {}
            Ok(editor::Read::End) => return Exit::Done,
            Err(error) => {
                session.complain(&format!("nothing more can be read: {error}"));
                return Exit::Failed;
            }
        }
    }
}

/// Takes statements from a pipe, each as soon as it is whole, so that a program at the other end can wait for its answer.
fn from_pipe(session: &mut Interactive, mut input: BufReader<impl Read>) -> Exit {
    let mut text = String::new();
    loop {
        let mut line = vec![];
        match input.read_until(b'\n', &mut line) {
            Ok(_) => {}
            Err(error) => {
                session.complain(&format!("the standard input cannot be read: {error}"));
                return Exit::Failed;
            }
        }
        let is_end = line.is_empty();
        text += &String::from_utf8_lossy(&line);
        // The line after this one, if it has arrived by now, may begin with `|>`.
        let goes_on = || {
            let next = input.buffer().split(|&byte| byte == b'\n').next().unwrap_or_default();
            continues_with(text.trim_end(), &String::from_utf8_lossy(next))
        };
        let is_command = text.trim_start().starts_with(':');
        let is_whole = is_end || is_command || is_complete(&text) && !goes_on();
        if is_whole && answer(session, &std::mem::take(&mut text)) == Next::End || is_end {
            return Exit::Done;
        }
    }
}

/// Answers a statement or a command.
fn answer(session: &mut Interactive, text: &str) -> Next {
    let trimmed = text.trim();
    if trimmed.is_empty() {
        return Next::Line;
    }
    if !trimmed.starts_with(':') {
        session.evaluate(text);
        return Next::Line;
    }
    match commands::read(trimmed) {
        Ok(Request::Quit) => return Next::End,
        Ok(request) => obey(session, request),
        Err(message) => session.complain(&message),
    }
    Next::Line
}

fn obey(session: &mut Interactive, request: Request) {
    match request {
        Request::Help(None) => session.say(commands::list().trim_end()),
        Request::Help(Some(name)) => help_on(session, &name),
        Request::Type(text) => _ = session.show_type(&text),
        Request::Time(text) => {
            let began = Instant::now();
            if session.evaluate(&text) == Outcome::Done {
                let seconds = began.elapsed().as_secs_f64();
                let few = seconds < 1e-3;
                session.say(&if few { format!("{:.0} µs", 1e6 * seconds) } else { duration(seconds) });
            }
        }
        Request::Look(look, name) => _ = session.look(look, &name),
        Request::Engine(Some(engine)) => session.set_engine(engine),
        Request::Engine(None) => session.say(match session.engine() {
            Engine::Interp => "interp",
            Engine::Jit | Engine::JitAll => "jit",
        }),
        Request::Load(path) => _ = session.load(&path),
        Request::Save(path) => _ = session.save(&path),
        Request::Reset => session.reset(),
        Request::Set(setting) => _ = session.set(setting),
        Request::Quit => unreachable!("leaving is looked for first"),
    }
}

fn help_on(session: &Interactive, name: &str) {
    let command = commands::COMMANDS.iter().find(|command| name.strip_prefix(':') == Some(command.name));
    let page = command.map(|command| format!(":{} {}\n{}", command.name, command.takes, command.doc));
    match page.or_else(|| session.describe(name)).or_else(|| help::page(name)) {
        Some(page) => session.say(page.trim_end()),
        None => {
            let hint = help::meant(name).map_or(String::new(), |near| format!("; did you mean `{near}`?"));
            session.complain(&format!("nothing is known of `{name}`{hint}"));
        }
    }
}
