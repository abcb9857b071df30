//! The line of a training on a terminal, through a pseudo-terminal: what it shows, that it never wraps, what stays of it.
#![cfg(unix)]

use std::process::Command;
use std::time::Duration;

use expectrl::process::unix::WaitStatus;
use expectrl::session::OsSession;
use expectrl::{ControlCode, Eof, Expect, Session};

/// A training of some seconds, with all that the line can show.
const TRAINING: &str = "
    seed 1
    x: real[600, 8] ~ normal
    t = sum(x^2, axis = 1)[:, new]
    net mlp(x: real[n, 8]) -> real[n, 1] = x |> dense(32, act = tanh) |> dense(1)
    run = train mlp on (x, t) {
      cost = mse; optimizer = adam(lr = cosine(0.01, steps = 100000)); epochs = EPOCHS; batch = 20
      metrics = [mae]; valid = (x[..50], t[..50])
    }
    print \"done\"
";

/// The program at a terminal of so many columns.
fn start(script: &str, columns: u16, arguments: &[&str]) -> (tempfile::TempDir, OsSession) {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("it.nn"), script).unwrap();
    let mut command = Command::new(assert_cmd::cargo::cargo_bin("nabla"));
    command.args(["run", "it.nn", "--engine", "interp"]).args(arguments).current_dir(folder.path());
    command.env("TERM", "xterm").env("NO_COLOR", "1");
    let mut session = Session::spawn(command).unwrap();
    session.get_process_mut().set_window_size(columns, 40).unwrap();
    session.set_expect_timeout(Some(Duration::from_secs(120)));
    (folder, session)
}

fn rest(session: &mut OsSession) -> String {
    String::from_utf8_lossy(session.expect(Eof).unwrap().as_bytes()).into_owned()
}

/// The lines that were drawn, without what moves the cursor.
fn drawn(output: &str) -> Vec<String> {
    let mut lines = vec![String::new()];
    let mut letters = output.chars();
    while let Some(letter) = letters.next() {
        match letter {
            '\r' | '\n' => lines.push(String::new()),
            '\u{1b}' => {
                // A sequence ends with a letter.
                let end = letters.by_ref().find(|letter| letter.is_ascii_alphabetic());
                if matches!(end, Some('K' | 'J' | 'A')) {
                    lines.push(String::new());
                }
            }
            letter => lines.last_mut().unwrap().push(letter),
        }
    }
    lines.retain(|line| !line.trim().is_empty());
    lines
}

fn widest(lines: &[String]) -> usize {
    lines.iter().map(|line| line.trim_end().chars().count()).max().unwrap_or(0)
}

#[test]
fn a_wide_terminal_shows_everything() {
    let (_folder, mut session) = start(&TRAINING.replace("EPOCHS", "2000"), 140, &[]);
    let output = rest(&mut session);
    let lines = drawn(&output);
    assert!(widest(&lines) < 140, "{output:?}");
    let whole = lines.iter().rfind(|line| line.contains("samples/s")).unwrap_or_else(|| panic!("{output:?}"));
    for part in ["mlp ", "/2000", "━", "left", "cost ", "mae ", "valid.cost ", "valid.mae ", "lr "] {
        assert!(whole.contains(part), "`{part}` in {whole}");
    }
    // What stays is the line of the last epoch, and what the script prints.
    assert_eq!(lines.iter().filter(|line| line.contains("epoch 2000/2000")).count(), 1, "{output:?}");
    assert_eq!(lines.last().unwrap(), "done");
}

#[test]
fn a_narrow_terminal_gets_a_short_line() {
    let (_folder, mut session) = start(&TRAINING.replace("EPOCHS", "2000"), 40, &[]);
    let output = rest(&mut session);
    let lines = drawn(&output);
    assert!(widest(&lines) < 40, "{lines:?}");
    assert!(lines.iter().any(|line| line.contains("left  cost ")), "{lines:?}");
}

#[test]
fn a_terminal_that_gets_narrow_is_met() {
    let (_folder, mut session) = start(&TRAINING.replace("EPOCHS", "5000"), 120, &[]);
    session.expect("lr ").unwrap();
    session.get_process_mut().set_window_size(40, 40).unwrap();
    // What is being drawn may still be as long as before.
    for _ in 0..4 {
        session.expect("cost ").unwrap();
    }
    let lines = drawn(&rest(&mut session));
    assert!(lines.len() > 3 && widest(&lines[1..]) < 40, "{lines:?}");
}

#[test]
fn an_interrupt_leaves_no_half_of_a_line() {
    let (_folder, mut session) = start(&TRAINING.replace("EPOCHS", "1000000"), 100, &[]);
    session.expect("left").unwrap();
    session.send(ControlCode::EndOfText).unwrap();
    let output = rest(&mut session);
    let behind = output.rfind("interrupted: the training stops here").unwrap_or_else(|| panic!("{output:?}"));
    let lines = drawn(&output[behind..]);
    assert!(lines.last().unwrap() == "done", "{lines:?}");
    let last: Vec<&String> = lines.iter().filter(|line| line.contains("━") || line.contains("─")).collect();
    // The bar may be drawn once more before it goes; the last line with a bar is not the last of all.
    assert!(last.last().is_none_or(|line| *line != lines.last().unwrap()), "{lines:?}");
    assert!(lines[lines.len() - 2].contains("epoch "), "{lines:?}");
    assert!(output.contains("\u{1b}[2K") || output.contains("\u{1b}[K"), "the line is cleared: {output:?}");
    let status = session.get_process().wait().unwrap();
    assert!(matches!(status, WaitStatus::Exited(_, 130)), "{status:?}");
}

#[test]
fn quiet_is_quiet_at_a_terminal_too() {
    let (_folder, mut session) = start(&TRAINING.replace("EPOCHS", "3"), 100, &["--quiet"]);
    assert_eq!(drawn(&rest(&mut session)), ["done"]);
}

#[test]
fn a_search_shows_its_trials() {
    let script = "
        seed 1
        x: real[300, 4] ~ normal
        t = sum(x, axis = 1)[:, new]
        net line(x: real[n, 4]) -> real[n, 1] = x |> dense(1)
        found = search line on (x, t) {
          vary lr in [0.1, 0.05, 0.02, 0.01, 0.005, 0.002]
          cost = mse; optimizer = sgd(lr = lr); epochs = 300; batch = 30; folds = kfold(3)
        }
        print \"done\"
    ";
    let (_folder, mut session) = start(script, 80, &[]);
    let output = rest(&mut session);
    let lines = drawn(&output);
    assert!(widest(&lines) < 80, "{output:?}");
    assert!(lines.iter().any(|line| line.contains("/6 ━") && line.contains("best ")), "{output:?}");
}

#[test]
fn a_pipe_gets_plain_lines() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("it.nn"), TRAINING.replace("EPOCHS", "3")).unwrap();
    let output = Command::new(assert_cmd::cargo::cargo_bin("nabla"))
        .args(["run", "it.nn"])
        .current_dir(folder.path())
        .output()
        .unwrap();
    let err = String::from_utf8(output.stderr).unwrap();
    assert_eq!(err.lines().count(), 3, "{err}");
    assert!(err.lines().all(|line| line.starts_with("mlp  epoch ") && line.contains("  valid.mae ")), "{err}");
    assert!(!err.contains('\r') && !err.contains('\u{1b}'), "{err:?}");
}
