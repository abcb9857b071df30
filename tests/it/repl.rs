//! The prompt as a user meets it: through a pseudo-terminal and through a pipe.

use assert_cmd::Command;

/// `nabla repl` with its input from a pipe, in a folder of its own.
fn piped(input: &str) -> (String, String, Option<i32>) {
    let folder = tempfile::tempdir().unwrap();
    let mut command = Command::cargo_bin("nabla").unwrap();
    command.arg("repl").current_dir(folder.path()).env("NABLA_HISTORY", folder.path().join("history"));
    let output = command.write_stdin(input).output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (text(output.stdout), text(output.stderr), output.status.code())
}

/// What a session shows on its standard output, nothing being wrong.
fn shown(input: &str) -> String {
    let (out, err, code) = piped(input);
    assert_eq!((err.as_str(), code), ("", Some(0)), "{out}");
    out
}

/// What a session shows where something is wrong.
fn told(input: &str) -> (String, String) {
    let (out, err, code) = piped(input);
    assert_eq!(code, Some(0), "{out}{err}");
    assert!(!err.contains("panicked"), "{err}");
    (out, err)
}

#[test]
fn values_are_shown_with_their_types() {
    for (input, answer) in [
        ("1 + 1", "2  : int\n"),
        ("[1.0, 2.0, 3.0]", "[1.0, 2.0, 3.0]  : real[3]\n"),
        ("[[1.0, 2.0], [3.0, 4.0]]", "[[1.0, 2.0],\n [3.0, 4.0]]\n: real[2, 2]\n"),
        ("\"a\"", "\"a\"  : str\n"),
        ("(1, true)", "(1, true)  : (int, bool)\n"),
        ("x = 3\nx := 4\n", ""),
        ("print 3", "3\n"),
        ("fn f(x: real[n]) -> real = sum(x)\nf", "fn f(x: real[n]) -> real\n"),
        ("sum", "sum(x, *, axis?, keepdims?)\n"),
    ] {
        if input.contains(":=") {
            assert!(told(input).1.contains("`x` is not a variable"));
        } else {
            assert_eq!(shown(input), answer, "{input}");
        }
    }
}

#[test]
fn the_last_value_has_a_name() {
    assert_eq!(shown("2.0\n_ * 3\n_ + 1\nx = 5\n_"), "2.0  : real\n6.0  : real\n7.0  : real\n7.0  : real\n");
    let (_, err) = told("_");
    assert!(err.contains("error[E0201]: `_` is not known here"), "{err}");
}

#[test]
fn a_mistake_loses_nothing() {
    let (out, err) = told(
        "x = [1.0, 2.0, 3.0]\nvar n = 1\ny = x + [1.0, 2.0]\nn := n + 1; z = x[7]\nn\ny\nx[sum(0..4)]\nsum(x^2)\n",
    );
    assert!(err.contains("error[E0301]") || err.contains("error[E0302]") || err.contains("error[E0303]"), "{err}");
    assert!(err.contains("<repl:3>"), "{err}");
    assert!(err.contains("`y` is not known here"), "{err}");
    // The whole of an input is undone.
    assert_eq!(out, "1  : int\n14.0  : real\n");
}

#[test]
fn names_are_bound_again_and_models_keep_what_they_were_made_of() {
    let net = "net m(x: real[n, 2]) -> real[n, 1] = x |> dense(1)\n";
    let (out, err) = told(&format!(
        "x = 1\nx = 2.5\nx\n{net}a = m.init()\nnet m(x: real[n, 2]) -> real[n, 3] = x |> dense(3)\na(ones((4, 2))).shape\n"
    ));
    assert!(err.contains("note: `a` holds a model of the old `m`, which it keeps"), "{err}");
    assert!(out.starts_with("2.5  : real\n"), "{out}");
}

#[test]
fn statements_take_as_many_lines_as_they_need() {
    let input = "fn f(x) {\n  y = x^2\n\n  y + 1\n}\nf(\n  2.0\n)\nx = [1.0, 4.0]\nx\n  |> sqrt\n  |> sum\n";
    assert_eq!(shown(input), "5.0  : real\n3.0  : real\n");
    // What is never whole is read at the end of the input.
    assert!(told("f(1,").1.contains("never closed"));
}

#[test]
fn commands_answer() {
    let session = "x = zeros((3, 2))\nfn sq(x: real) -> real = x^2\n";
    assert_eq!(shown(&format!("{session}:type x @ ones((2, 5))")), "real[3, 5]\n");
    assert_eq!(shown(&format!("{session}:type sq")), "fn sq(x: real) -> real\n");
    assert!(shown(&format!("{session}:ir sq")).contains("fn @sq"));
    assert!(shown(&format!("{session}:derive sq")).contains('x'));
    let timed = shown(":time 1 + 1");
    assert!(timed.starts_with("2  : int\n") && timed.trim_end().ends_with('s'), "{timed}");
    assert_eq!(shown(&format!("{session}:engine interp\nsq(3.0)\n:quit\nsq(4.0)")), "9.0  : real\n");
    assert!(told(&format!("{session}:reset\nx")).1.contains("`x` is not known here"));
    assert_eq!(told(":tpye x").1, "error: there is no command `:tpye`; did you mean `:type`? `:help` lists all\n");
    // Looking at a type changes nothing.
    assert!(told(":type 1 +").1.contains("E0101"));
}

#[test]
fn help_shows_documentation_source_and_examples() {
    assert!(shown(":help").contains(":type EXPRESSION"));
    let adam = shown(":help adam");
    for part in ["std.optim", "Kingma and Ba", "adam(lr = 0.1).init([1.0])", "optimizer adam(", "next t = k"] {
        assert!(adam.contains(part), "{part} is missing:\n{adam}");
    }
    assert!(shown(":help cumsum").contains("cumsum("));
    assert!(shown(":help E0301").starts_with("# E0301"));
    assert!(shown(":help train").contains("optimizer"));
    assert!(shown(":help std.optim").contains("adam"));
    assert!(shown("## Twice x.\nfn twice(x) = 2 * x\n:help twice").contains("Twice x."));
    assert_eq!(told(":help admm").1, "error: nothing is known of `admm`; did you mean `adam`?\n");
}

#[test]
fn a_session_is_saved_and_loaded() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("s.nn");
    let path = file.display();
    let input =
        format!("x = 1\nx = 2.0\nx^2\ny = _ + 1\nboom(x)\nfn f(z: real) -> real = z * y\nprint f(x)\n:save {path}\n");
    let (out, err) = told(&input);
    assert!(err.contains("`boom` is not known here"), "{err}");
    assert!(out.ends_with(&format!("10.0\nsaved to {path}\n")), "{out}");
    let saved = std::fs::read_to_string(&file).unwrap();
    assert_eq!(saved, "x = 2.0\ny = (x^2) + 1\nfn f(z: real) -> real = z * y\nprint f(x)\n");
    assert_eq!(shown(&format!(":load {path}\nf(1.0)")), "10.0\n5.0  : real\n");
    let (out, err) = told(&format!(":set x=3\n:load {path}\n:set x = 4\nx"));
    assert_eq!(out, "30.0\n4.0  : real\n");
    assert!(err.contains("no `x` is bound yet"), "{err}");
    assert!(told(&format!(":load {path}n")).1.contains("s.nn"));
}

#[test]
fn trainings_run_and_can_be_looked_at() {
    let input = "net line(x: real[n, 1]) -> real[n, 1] = x |> dense(1)\n\
                 run = train line on ([[0.0], [1.0]], [[1.0], [3.0]]) { cost = mse; optimizer = sgd(lr = 0.1); epochs = 3 }\n\
                 run.model\nrun.history.cost.shape\n:expand run\n";
    let (out, err) = told(input);
    assert!(err.contains("line  epoch 3/3"), "{err}");
    assert!(out.contains("line: 2 parameters"), "{out}");
    assert!(out.contains("for "), "{out}");
}

#[test]
fn records_figures_engines_and_precisions_are_told() {
    let long = "{W: [[1.0, 2.0], [3.0, 4.0]], b: {c: [0.0, 0.0], d: \"a long text beside it, so that one line is not enough\"}}";
    assert_eq!(
        shown(long),
        "{W: [[1.0, 2.0],\n     [3.0, 4.0]],\n b: {c: [0.0, 0.0],\n     d: \"a long text beside it, so that one line is not enough\"}}\n\
         : {W: real[2, 2], b: {c: real[2], d: str}}\n"
    );
    assert_eq!(shown("{a: 1, b: [1.0, 2.0]}"), "{a: 1, b: [1.0, 2.0]}  : {a: int, b: real[2]}\n");
    assert_eq!(shown("heatmap([[1.0]])"), "a figure; `plot(_)` draws it\n");
    assert_eq!(shown(":engine\n:engine interp\n:engine\n"), "jit\ninterp\n");
    let (_, err) = told("x = [1.0]\nk = 3\nprecision f32\n");
    assert_eq!(err, "note: what was bound before keeps its precision: `x`\n");
    assert!(shown(":help").lines().all(|line| line.chars().count() <= 80), "{}", shown(":help"));
}

/// A name may be bound again, and what it was is gone.
#[test]
fn a_look_is_at_the_last_of_a_name() {
    let twice = "fn f(x: real) -> real = x^2\nfn f(x: real) -> real = sin(x)\n:ir f\n";
    let ir = shown(twice);
    assert!(ir.contains("sin") && ir.matches("fn @f").count() == 1, "{ir}");
    let net = "net line(x: real[n, 1]) -> real[n, 1] = x |> dense(1)\n";
    let run = |rate: &str| {
        format!("run = train line on ([[0.0]], [[1.0]]) {{ cost = mse; optimizer = sgd(lr = {rate}); epochs = 1 }}\n")
    };
    let (out, _) = told(&format!("{net}{}{}:expand run\n", run("0.1"), run("0.2")));
    assert!(out.contains("sgd(lr = 0.2)") && !out.contains("0.1"), "{out}");
}

/// The inputs of a session on a page, each behind `∇ `, and what is shown for it.
fn exchanges(block: &str) -> Vec<(String, String)> {
    let mut found: Vec<(String, String)> = vec![];
    for line in block.lines() {
        match (line.strip_prefix("∇ "), found.last_mut()) {
            (Some(input), _) => found.push((input.to_string(), String::new())),
            (None, Some((input, _))) if !nabla::syntax::complete(input) => *input += &format!("\n{line}"),
            (None, Some((_, shown))) => *shown += &format!("{line}\n"),
            (None, None) => panic!("a session begins with an input: {line}"),
        }
    }
    found
}

/// All that a session shows, in order.
fn together(input: &str) -> String {
    use std::io::{Read, Write};
    use std::process::Stdio;
    let (mut reader, writer) = std::io::pipe().unwrap();
    let mut command = std::process::Command::new(assert_cmd::cargo::cargo_bin("nabla"));
    command.arg("repl").stdin(Stdio::piped()).stdout(writer.try_clone().unwrap()).stderr(writer);
    let mut child = command.spawn().unwrap();
    // The command holds the ends of the pipe that are written to.
    drop(command);
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let mut text = String::new();
    reader.read_to_string(&mut text).unwrap();
    child.wait().unwrap();
    text
}

#[test]
fn the_sessions_on_the_pages_are_true() {
    let mut n_sessions = 0;
    for name in ["docs/repl.md", "CHANGELOG.md"] {
        let text = std::fs::read_to_string(crate::script::root().join(name)).unwrap();
        let text = if name == "CHANGELOG.md" { text.replace("\n  ", "\n") } else { text };
        for block in text.split("```text\n").skip(1).map(|rest| rest.split("```").next().unwrap()) {
            if !block.starts_with("∇ ") {
                continue;
            }
            n_sessions += 1;
            let (inputs, shown): (Vec<String>, Vec<String>) = exchanges(block).into_iter().unzip();
            let is = together(&(inputs.join("\n") + "\n"));
            assert!(crate::docs::shows(&shown.concat(), &is), "{name}:\n{block}\nis\n{is}");
        }
    }
    assert_eq!(n_sessions, 5);
}

#[cfg(unix)]
mod terminal {
    use std::io::Write;
    use std::process::Command;
    use std::time::Duration;

    use expectrl::process::unix::WaitStatus;
    use expectrl::session::OsSession;
    use expectrl::{ControlCode, Eof, Expect, Regex, Session};

    /// What the terminal is told when a line is asked for.
    const ASKED: &str = "\u{1b}[?2004h";

    /// A session at a terminal with its own history.
    struct Prompt {
        session: OsSession,
    }

    impl Prompt {
        fn open(history: &std::path::Path) -> Prompt {
            let mut command = Command::new(assert_cmd::cargo::cargo_bin("nabla"));
            command.arg("repl").env("NABLA_HISTORY", history).env("TERM", "xterm").env("NO_COLOR", "1");
            let mut session = Session::spawn(command).unwrap();
            session.get_process_mut().set_window_size(100, 40).unwrap();
            session.set_expect_timeout(Some(Duration::from_secs(60)));
            let mut prompt = Prompt { session };
            prompt.sees(ASKED);
            prompt
        }

        fn types(&mut self, keys: &str) {
            self.session.write_all(keys.as_bytes()).unwrap();
            self.session.flush().unwrap();
        }

        fn presses(&mut self, key: ControlCode) {
            self.session.send(key).unwrap();
        }

        fn sees(&mut self, text: &str) {
            self.session.expect(text).unwrap_or_else(|error| panic!("`{text}` is not shown: {error}"));
        }

        /// Enters something that is done without an answer.
        fn enters(&mut self, line: &str) {
            self.types(&format!("{line}\r"));
            self.sees(ASKED);
        }

        /// Enters something that is answered.
        fn asks(&mut self, line: &str, answer: &str) {
            self.types(&format!("{line}\r"));
            self.sees(&format!("{answer}\r\n"));
            self.sees(ASKED);
        }

        fn leaves(mut self) {
            self.presses(ControlCode::EndOfTransmission);
            self.session.expect(Eof).unwrap();
            let status = self.session.get_process().wait().unwrap();
            assert!(matches!(status, WaitStatus::Exited(_, 0)), "{status:?}");
        }
    }

    fn history() -> (tempfile::TempDir, std::path::PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("deep").join("history");
        (folder, file)
    }

    #[test]
    fn statements_of_several_lines_mistakes_and_the_end() {
        let (_folder, file) = history();
        let mut prompt = Prompt::open(&file);
        prompt.enters("fn cube(x: real) {\r  x^3\r}");
        prompt.asks("grad(cube)(2.0)", "12.0  : real");
        prompt.types("cube(nothing)\r");
        prompt.sees("error[E0201]: `nothing` is not known here");
        prompt.sees(ASKED);
        prompt.asks("cube(3.0)", "27.0  : real");
        // Ctrl-C forgets what is typed, and only that.
        prompt.types("cube(");
        prompt.presses(ControlCode::EndOfText);
        prompt.sees(ASKED);
        prompt.asks("cube(1.0) + 4", "5.0  : real");
        prompt.leaves();
    }

    /// What is typed ahead, or pasted into a terminal that does not say so, waits for its turn.
    #[test]
    fn lines_that_arrive_together_are_all_taken() {
        let (_folder, file) = history();
        let mut prompt = Prompt::open(&file);
        prompt.types("a = 20\rb = 22\ra + b\r1 + 1\r");
        prompt.sees("42  : int\r\n");
        prompt.sees("2  : int\r\n");
        prompt.sees(ASKED);
        prompt.leaves();
    }

    #[test]
    fn signs_and_names_are_completed() {
        let (_folder, file) = history();
        let mut prompt = Prompt::open(&file);
        prompt.enters("\\sigma\t_rate = 0.25");
        prompt.asks("σ_r\t * 3", "0.75  : real");
        prompt.enters("r = {some_field: 42}");
        prompt.asks("r.so\t + 1", "43  : int");
        prompt.asks(":ty\t [1.0]", "real[1]");
        prompt.leaves();
    }

    #[test]
    fn history_is_kept_and_searched() {
        let (_folder, file) = history();
        let mut prompt = Prompt::open(&file);
        prompt.asks("40 + 2", "42  : int");
        prompt.asks("1 + 1", "2  : int");
        prompt.leaves();
        let mut prompt = Prompt::open(&file);
        // Ctrl-R.
        prompt.presses(ControlCode::DeviceControl2);
        prompt.types("40");
        prompt.sees("40 + 2");
        prompt.asks("", "42  : int");
        // The arrow upwards.
        prompt.asks("\u{1b}[A + 100", "142  : int");
        prompt.leaves();
    }

    #[test]
    fn a_training_is_stopped_and_keeps_its_result() {
        let (_folder, file) = history();
        let mut prompt = Prompt::open(&file);
        prompt.enters("net line(x: real[n, 1]) -> real[n, 1] = x |> dense(1)");
        prompt.enters("data = ([[0.0], [1.0]], [[1.0], [3.0]])");
        prompt.types("run = train line on data { cost = mse; optimizer = sgd(lr = 0.1); epochs = 100000000 }\r");
        prompt.session.expect(Regex("line [0-9]{4,}/100000000")).unwrap();
        prompt.presses(ControlCode::EndOfText);
        prompt.sees("interrupted: the training stops here and keeps its result");
        prompt.sees(ASKED);
        prompt.asks("round(run.model([[1.0]])[0, 0])", "3.0  : real");
        // Half of a loop that only computes is no result.
        prompt.enters("var n = 0");
        prompt.types("while true { n := n + 1 }\r");
        // The terminal sends a signal only once the line was taken; until then it is a key.
        prompt.sees("\u{1b}[?2004l");
        std::thread::sleep(Duration::from_secs(1));
        prompt.presses(ControlCode::EndOfText);
        prompt.sees("interrupted: nothing has changed");
        prompt.sees(ASKED);
        prompt.asks("n + 5", "5  : int");
        prompt.leaves();
    }
}
