//! The program as a user runs it: arguments in; standard output, standard error and exit code out.

use std::process::Output;

use assert_cmd::Command;

/// The program with no settings of the surroundings that change what it shows.
fn nabla(arguments: &[&str]) -> Command {
    let mut command = Command::cargo_bin("nabla").unwrap();
    command.args(arguments);
    for name in ["NO_COLOR", "CLICOLOR", "CLICOLOR_FORCE"] {
        command.env_remove(name);
    }
    command
}

fn run(arguments: &[&str]) -> Output {
    nabla(arguments).output().unwrap()
}

fn out(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn err(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

#[test]
fn explain_prints_the_page() {
    for spelling in ["E0301", "e0301", "0301"] {
        let output = run(&["explain", spelling]);
        assert_eq!(output.status.code(), Some(0));
        assert!(out(&output).starts_with("# E0301: inner sizes"), "{}", out(&output));
        assert_eq!(err(&output), "");
    }
}

#[test]
fn explain_lists_all_codes() {
    let output = run(&["explain"]);
    assert_eq!(output.status.code(), Some(0));
    assert!(out(&output).lines().count() > 40);
    assert!(out(&output).contains("E0301  inner sizes of a matrix product differ\n"));
}

#[test]
fn an_unknown_code_is_a_usage_error_with_a_suggestion() {
    let output = run(&["explain", "E3001"]);
    assert_eq!(output.status.code(), Some(2));
    assert_eq!(out(&output), "");
    assert_eq!(err(&output), "error: there is no code `E3001`; did you mean E0301? `nabla explain` lists all\n");
}

#[test]
fn usage_errors_exit_with_2_and_help_with_0() {
    for arguments in [&["explian"][..], &["explain", "--loud"], &["explain", "E0301", "E0302"], &[]] {
        let output = run(arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert!(err(&output).contains("Usage: nabla"), "{arguments:?}: {}", err(&output));
    }
    let help = run(&["--help"]);
    assert_eq!((help.status.code(), err(&help).as_str()), (Some(0), ""));
    assert!(out(&help).contains("explain"));
    assert_eq!(out(&run(&["--version"])), format!("nabla {}\n", env!("CARGO_PKG_VERSION")));
}

#[test]
fn colours_are_forced_and_forbidden_by_the_environment() {
    let coloured = nabla(&["explain", "x"]).env("CLICOLOR_FORCE", "1").output().unwrap();
    assert!(err(&coloured).contains("\u{1b}["));
    let plain = nabla(&["explain", "x"]).env("CLICOLOR_FORCE", "1").env("NO_COLOR", "1").output().unwrap();
    assert!(!err(&plain).contains("\u{1b}["));
}

#[cfg(unix)]
#[test]
fn a_closed_pipe_ends_the_program_silently() {
    use std::process::Stdio;
    let program = assert_cmd::cargo::cargo_bin("nabla");
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let child = std::process::Command::new(program)
        .arg("explain")
        .stdout(Stdio::from(writer))
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!((output.status.code(), err(&output).as_str()), (Some(0), ""));
}

/// As under `MemoryDenyWriteExecute` of systemd. Kernels that cannot refuse it skip this.
#[cfg(target_os = "linux")]
#[test]
#[allow(unsafe_code)] // Something is done between fork and exec.
fn where_executable_memory_is_refused_that_is_said_once_and_everything_interpreted() {
    use std::os::unix::process::CommandExt;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("net.nn");
    let script = "x: real[20, 2] ~ normal(0, 1)\nt = x @ ones((2, 1))\n\
         net f(x: real[n, 2]) -> real[n, 1] = x |> dense(3, act = tanh) |> dense(1)\n\
         run = train f on (x, t) { cost = ols; optimizer = sgd(lr = 0.1); epochs = 3 }\n\
         var s = 0.0\nfor i in 0..50 { s := s + run.history.cost[2] / (1 + i) }\nprint \"{s:.9}\"\n";
    std::fs::write(&path, script).unwrap();
    let command = || {
        let mut command = std::process::Command::new(assert_cmd::cargo::cargo_bin("nabla"));
        command.args(["run", path.to_str().unwrap()]);
        command
    };
    let mut refused = command();
    // SAFETY: the closure calls the system once and allocates nothing.
    unsafe {
        refused.pre_exec(|| match libc::prctl(libc::PR_SET_MDWE, libc::PR_MDWE_REFUSE_EXEC_GAIN, 0, 0, 0) {
            0 => Ok(()),
            _ => Err(std::io::Error::last_os_error()),
        });
    }
    let output = match refused.output() {
        Err(error) if error.raw_os_error() == Some(libc::EINVAL) => return,
        output => output.unwrap(),
    };
    let said = "interpreted, as machine code cannot be made: the system refuses executable memory";
    assert_eq!(output.status.code(), Some(0), "{}", err(&output));
    assert_eq!(err(&output).matches(said).count(), 1, "{}", err(&output));
    let compiled = command().output().unwrap();
    assert!(!err(&compiled).contains("interpreted"), "{}", err(&compiled));
    assert_eq!(out(&output), out(&compiled));
}

#[test]
fn a_file_that_cannot_be_read_is_a_usage_error() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("digits.nn"), "").unwrap();
    let missing = folder.path().join("digit.nn");
    for command in ["run", "check", "expand", "fmt"] {
        let output = run(&[command, missing.to_str().unwrap()]);
        assert_eq!(output.status.code(), Some(2), "{command}");
        assert!(err(&output).starts_with("error: there is no file `"), "{}", err(&output));
        assert!(err(&output).ends_with("digits.nn`?\n"), "{}", err(&output));
    }
    let output = run(&["run", folder.path().to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(2));
    assert!(err(&output).contains("is a directory"), "{}", err(&output));
}

#[test]
fn a_file_that_is_no_script_is_a_mistake_in_the_script() {
    for bytes in [&b"x = 1\n\xff"[..], b"x\0"] {
        let output = nabla(&["run", "-"]).write_stdin(bytes).output().unwrap();
        assert_eq!(output.status.code(), Some(3));
        assert!(err(&output).starts_with("error[E0109]: `<stdin>` is "), "{}", err(&output));
    }
}

/// A script that trains, and computes what is worth compiling.
const COMPILED: &str = "
net line(x: real[n, 1]) -> real[n, 1] = x |> dense(1)
run = train line on ([[0.0], [1.0]], [[1.0], [3.0]]) { cost = mse; optimizer = sgd(lr = 0.1); epochs = 3 }
a = ones((1500, 1500))
print sum(a * a + a) / 10000
";

#[test]
fn compile_times_are_told_to_those_who_ask() {
    let output = nabla(&["run", "-v", "-"]).write_stdin(COMPILED).output().unwrap();
    assert_eq!((output.status.code(), out(&output).as_str()), (Some(0), "450.0\n"), "{}", err(&output));
    let compiled = |line: &&str| line.starts_with("compiled ") && line.ends_with(" ms");
    let told: Vec<String> = err(&output).lines().filter(compiled).map(str::to_string).collect();
    assert_eq!(told.len(), 2, "{}", err(&output));
    assert!(told[0].starts_with("compiled the turns of line in "), "{told:?}");
    let output = nabla(&["run", "-v", "--engine", "interp", "-"]).write_stdin(COMPILED).output().unwrap();
    assert!(!err(&output).contains("compiled"), "{}", err(&output));
}

#[cfg(unix)]
#[test]
fn perf_is_told_where_compiled_functions_are() {
    use std::io::Write;
    use std::process::Stdio;
    let program = assert_cmd::cargo::cargo_bin("nabla");
    let mut command = std::process::Command::new(program);
    command.args(["run", "-q", "-"]).env("NABLA_PERF_MAP", "1").stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let map = format!("/tmp/perf-{}.map", child.id());
    child.stdin.take().unwrap().write_all(COMPILED.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let text = std::fs::read_to_string(&map).unwrap();
    std::fs::remove_file(&map).unwrap();
    assert_eq!(out(&output), "450.0\n");
    assert!(text.lines().count() >= 2, "{text}");
    for line in text.lines() {
        let [start, bytes, name] = line.split(' ').collect::<Vec<_>>()[..] else { panic!("three words: {line}") };
        let number = |word| u64::from_str_radix(word, 16).unwrap();
        assert!(number(start) > 0 && number(bytes) > 16 && name.starts_with("nabla:"), "{line}");
    }
}

#[test]
fn a_setting_is_of_the_type_of_what_it_replaces() {
    let text = "base = \"b\"\nfolder = \"a\"\nn = 3\nlr = 0.5\nprint \"{folder} {n} {lr}\"\n";
    let run = |name: &str, value: &str| {
        nabla(&["run", "-", "--set", &format!("{name}={value}")]).write_stdin(text).output().unwrap()
    };
    for (name, value, prints) in [
        ("folder", "\"x/y\"", "x/y 3 0.5\n"),
        ("folder", "base + \"c\"", "bc 3 0.5\n"),
        ("folder", "base", "b 3 0.5\n"),
        ("n", "2 + 2", "a 4 0.5\n"),
        ("lr", "1", "a 3 1.0\n"),
    ] {
        let output = run(name, value);
        assert_eq!(
            (output.status.code(), out(&output).as_str()),
            (Some(0), prints),
            "{name}={value}: {}",
            err(&output)
        );
    }
    for (name, value, says) in [
        ("folder", "x/y", "Help: a string stands in quotes of its own: `--set 'folder=\"x/y\"'`"),
        ("folder", "/data/x y", "`folder` is a string in the script, not what stands here"),
        ("folder", "3", "`folder` is a string in the script, not an int"),
        ("n", "\"3\"", "`n` is an int in the script, not a string"),
        ("n", "2.5", "`n` is an int in the script, not a real"),
        ("folders", "1", "the script binds no such name at top level; did you mean `folder`?"),
    ] {
        let output = run(name, value);
        assert_eq!((output.status.code(), out(&output).as_str()), (Some(2), ""), "{name}={value}");
        assert!(err(&output).contains(says), "{name}={value}: {}", err(&output));
    }
}
