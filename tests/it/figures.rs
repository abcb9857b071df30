//! Pictures: every kind of figure through the program, as files and on a terminal, and what is said of wrong arguments.

use std::path::Path;

use assert_cmd::Command;
use nabla::session::Exit;

use crate::script::{check, run};

/// A script run with `--plots`: the folder with its pictures.
fn plotted(text: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let script = folder.path().join("script.nn");
    std::fs::write(&script, text).unwrap();
    let mut command = Command::cargo_bin("nabla").unwrap();
    let output = command.arg("run").arg(&script).arg("--quiet").arg("--plots").arg(folder.path()).output().unwrap();
    let err = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success() && err.is_empty(), "{err}\n{text}");
    folder
}

fn read(folder: &Path, name: &str) -> String {
    std::fs::read_to_string(folder.join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// The texts of a picture.
fn texts(svg: &str) -> Vec<String> {
    let parts = svg.split("<text ").skip(1).filter_map(|part| part.split_once('>')?.1.split_once("</text>"));
    parts.map(|(text, _)| text.to_string()).collect()
}

/// Checks the three files of a figure and that its picture says these texts.
fn expect(folder: &Path, name: &str, says: &[&str]) -> String {
    let svg = read(folder, &format!("{name}.svg"));
    let found = texts(&svg);
    for text in says {
        assert!(found.iter().any(|other| other == text), "`{text}` is missing in {name}: {found:?}");
    }
    let image = image::open(folder.join(format!("{name}.png"))).unwrap().to_rgb8();
    assert!(image.width() > 150 && image.height() > 50, "{name} is {} × {}", image.width(), image.height());
    let n_inked = image.pixels().filter(|pixel| pixel.0 != [255, 255, 255]).count();
    assert!(n_inked > 500, "{name} is blank");
    // The paper is white on all sides: nothing is cut off.
    let (width, height) = image.dimensions();
    let edges =
        (0..width).flat_map(|x| [(x, 0), (x, height - 1)]).chain((0..height).flat_map(|y| [(0, y), (width - 1, y)]));
    for (x, y) in edges {
        assert_eq!(image.get_pixel(x, y).0, [255, 255, 255], "{name} touches its edge at {x}, {y}");
    }
    read(folder, &format!("{name}.csv"))
}

const TRAINED: &str = "seed 1
x: real[60, 2] ~ uniform(0, 1)
t = (if x[:, 0] > x[:, 1] then 1.0 else 0.0)[:, new]
data = {x: x, t: t}
net f(x: real[n, 2]) -> real[n, 1] = x |> dense(4, act = tanh) |> dense(1, act = sigmoid)
run = train f on (x[..40], t[..40]) {
  cost      = logistic
  optimizer = adam(lr = 0.1)
  epochs    = 30
  metrics   = [accuracy]
  valid     = (x[40..], t[40..])
}
";

#[test]
fn a_history_shows_training_and_validation() {
    let folder = plotted(&format!(
        "{TRAINED}plot(run.history)\nplot(run, to = \"run\")\nplot(run, title = \"How f learns\", to = \"learning\")\n"
    ));
    let csv = expect(folder.path(), "history", &["training", "validation", "epoch", "cost", "accuracy"]);
    assert!(csv.starts_with("epoch,cost,accuracy,valid.cost,valid.accuracy,seconds\n1,"), "{csv}");
    assert_eq!(csv.lines().count(), 31);
    expect(folder.path(), "run", &["Training of f"]);
    expect(folder.path(), "learning", &["How f learns"]);
}

#[test]
fn matrices_show_their_numbers() {
    let folder = plotted(&format!(
        "{TRAINED}plot(confusion(run.model, data))
plot(confusion_map([[50, 3], [2, 40]], classes = [\"cat\", \"dog\"]), to = \"pets\")
plot(heatmap([[1.0, -2.5], [0.25, 3.0]], x = \"unit\", y = \"input\", value = \"weight\"), to = \"weights\")
plot(run.model.params.dense_1.W, title = \"First weights\")
"
    ));
    expect(folder.path(), "confusion", &["true class", "predicted class", "0", "1"]);
    let csv = expect(
        folder.path(),
        "pets",
        &["cat", "dog", "50", "3", "2", "40", "Confusion matrix: 90 of 95 right, 94.7 %"],
    );
    assert_eq!(csv, "true,cat,dog\ncat,50,3\ndog,2,40\n");
    let csv = expect(folder.path(), "weights", &["−2.5", "0.25", "unit", "input", "weight"]);
    assert_eq!(csv, "0,1\n1.0,-2.5\n0.25,3.0\n");
    expect(folder.path(), "First-weights", &["First weights"]);
}

#[test]
fn the_table_of_a_search_is_a_heat_map() {
    let search = "seed 1
x: real[60, 2] ~ uniform(0, 1)
t = (x[:, 0] + x[:, 1])[:, new]
net f(x: real[n, 2]) -> real[n, 1] = x |> dense(4, act = tanh) |> dense(1)
grid = search f on ((x, t) |> split(train = 0.7, valid = 0.3)) {
  vary lr in [0.001, 0.01, 0.1]
  vary l2 in [0.0, 0.001]
  cost      = mse
  score     = mse
  optimizer = adam(lr = lr)
  l2        = l2
  epochs    = 5
}
plot(heatmap(grid.table, x = \"l2\", y = \"lr\"))
plot(heatmap(grid, x = \"lr\", y = \"l2\", value = \"train_score\"), to = \"train\")
";
    let folder = plotted(search);
    let csv = expect(folder.path(), "heatmap", &["lr", "l2", "score", "0.001", "0.01", "0.1", "score by lr and l2"]);
    let rows: Vec<Vec<&str>> = csv.lines().map(|line| line.split(',').collect()).collect();
    assert_eq!(rows.len(), 4);
    // The largest rate is on top.
    assert_eq!([rows[0][0], rows[1][0], rows[3][0]], ["lr by l2", "0.1", "0.001"]);
    expect(folder.path(), "train", &["train_score"]);
}

#[test]
fn images_and_filters_are_pixels() {
    let folder = plotted(
        "plot(pictures(ones((3, 1, 8, 8)) * 0.5, titles = [7, 2, 1]))
plot(pictures(zeros((2, 3, 6, 6)), titles = [\"day\", \"night\"], columns = 1), to = \"colour\")
K: real[4, 3, 3, 3] ~ normal(0, 1)
plot(filters(K))
k: real[4, 1, 5] ~ normal(0, 1)
plot(filters(k), to = \"short\")
",
    );
    let csv = expect(folder.path(), "pictures", &["7", "2", "1"]);
    assert_eq!(csv.lines().count(), 1 + 3 * 8);
    expect(folder.path(), "colour", &["day", "night"]);
    expect(folder.path(), "filters", &["Filters 4 × 3 × 3 × 3", "0, 0", "3, 2", "0"]);
    expect(folder.path(), "short", &["Filters 4 × 1 × 5"]);
}

#[test]
fn curves_and_points_have_axes_and_legends() {
    let folder = plotted(
        "s = linspace(0, 10, 50)
plot(curves({sine: sin(s), cosine: cos(s)}, x = s, xlabel = \"time (s)\", ylabel = \"place (m)\"))
plot(curves({a: {dense_1: 1e-4, dense_2: 0.1}, b: {dense_1: 0.1, dense_2: 0.2}}, log = true), to = \"norms\")
plot(curves(exp(-s), log = true), to = \"one\")
plot(scatter(s, s^2, classes = int(s) % 3, xlabel = \"s\", ylabel = \"s²\"))
plot(parity([[1.1], [1.9], [3.2]], [[1.0], [2.0], [3.0]]))
plot([3.0, 1.0, 2.0])
",
    );
    let csv = expect(folder.path(), "curves", &["sine", "cosine", "time (s)", "place (m)", "0", "10", "0.5"]);
    assert!(csv.starts_with("time (s),sine,cosine\n0.0,0.0,1.0\n"), "{csv}");
    let csv = expect(folder.path(), "norms", &["a", "b", "dense_1", "dense_2", "0.001"]);
    assert_eq!(csv, "name,a,b\ndense_1,0.0001,0.1\ndense_2,0.1,0.2\n");
    expect(folder.path(), "one", &["index", "0.1"]);
    expect(folder.path(), "scatter", &["class 0", "class 1", "class 2", "s²"]);
    let csv = expect(folder.path(), "parity", &["truth", "prediction", "p = t"]);
    assert!(csv.starts_with("t,p\n1.0,1.1\n"), "{csv}");
    expect(folder.path(), "plot", &["index"]);
}

#[test]
fn regions_follow_the_model() {
    let folder = plotted(&format!("{TRAINED}plot(regions(run.model, data))\n"));
    let csv = expect(folder.path(), "regions", &["class 0", "class 1", "x₀", "x₁", "Decision regions"]);
    assert_eq!(csv.lines().count(), 61);
    // Below the diagonal is class 1, above it class 0: the ground has the colours of both.
    let image = image::open(folder.path().join("regions.png")).unwrap().to_rgb8();
    let tinted = |blue: bool| {
        let is = |pixel: &&image::Rgb<u8>| {
            let [r, _, b] = pixel.0.map(i32::from);
            if blue { b - r > 60 } else { r - b > 60 }
        };
        image.pixels().filter(is).count()
    };
    assert!(tinted(true) > 20_000 && tinted(false) > 20_000, "{} {}", tinted(true), tinted(false));
}

#[test]
fn a_diagram_shows_layers_shapes_and_joins() {
    let folder = plotted(
        "net res(x: real[n, 16], z: real[n, 4]) -> real[n, 2] {
  a = dense(32, act = relu)(x)
  b = dense(32, act = relu)(a)
  side = dense(4)(z)
  dense(2)(concat((a + b, side), axis = 1)) |> softmax
}
plot(diagram(res))
",
    );
    let csv = expect(
        folder.path(),
        "diagram-res",
        &[
            "x",
            "z",
            "dense_1",
            "real[n, 32]",
            "1,056 parameters",
            "dense_3",
            "+",
            "concat",
            "softmax",
            "output",
            "The net res",
        ],
    );
    let ways = ["x,dense_1", "dense_1,dense_2", "dense_1,+", "dense_2,+", "z,dense_3", "+,concat", "dense_3,concat"];
    for way in ways.into_iter().chain(["concat,dense_4", "dense_4,softmax", "softmax,output"]) {
        assert!(csv.contains(&format!("\n{way},")), "{way} is missing in\n{csv}");
    }
    assert_eq!(csv.lines().count(), 11);
}

#[test]
fn wrong_arguments_are_told() {
    let net = "net f(x: real[n, 2]) -> real[n, 1] = x |> dense(1)\n";
    for (text, code, message) in [
        ("plot(1.0)", "E0305", "`plot` draws a figure, a history, a run, a vector or a matrix, not a real"),
        ("plot(f)", "E0305", "`plot(diagram(f))` draws its layers"),
        ("plot(f.init())", "E0305", "`plot(diagram(net))` draws the layers of a net"),
        ("plot({a: [1.0]})", "E0305", "`plot(curves(x))` draws vectors by name"),
        ("plot(zeros((2, 2, 2)))", "E0305", "`plot(pictures(x))` draws images"),
        ("plot([1.0], titel = \"a\")", "E0203", "did you mean `title`?"),
        ("plot([1.0], title = 3)", "E0303", "`title` of `plot` needs a string"),
        ("fn g(x: real[n]) -> real[n] {\n  plot(x)\n  x\n}\ny = g([1.0])", "E0408", "at the top level"),
        ("plot(curves(1.0))", "E0304", "`y` of `curves` is a vector, a matrix or a record of vectors, got real"),
        ("plot(curves({a: [1.0], b: 2.0}))", "E0303", "either all vectors or all numbers"),
        ("plot(curves([1.0, 2.0], x = [1.0]))", "E0309", "`x` has 1 elements and `y` has 2"),
        ("plot(scatter([1.0], [1.0, 2.0]))", "E0309", "`y` has 2 elements and `x` has 1"),
        ("plot(scatter([1.0], [1.0], classes = [0.5]))", "E0303", "`classes` are ints, got reals"),
        ("plot(heatmap([1.0]))", "E0304", "`values` of `heatmap` is a matrix or a table, got real[1]"),
        ("plot(heatmap(f))", "E0303", "`heatmap` draws a matrix or a table, got a net"),
        ("plot(confusion_map([[1, 2]]))", "E0309", "`counts` has 1 elements and `counts` has 2"),
        ("plot(pictures(zeros((2, 5, 4, 4))))", "E0304", "an image has 1 channel or 3, these have 5"),
        ("plot(pictures(zeros((2, 4, 4)), columns = 0))", "E0304", "`columns` is 1 or more, got 0"),
        ("plot(filters([1.0]))", "E0304", "the kernels of a convolution"),
        ("plot(parity([1.0], [[1.0]]))", "E0309", "predictions and targets have one shape, got real[1] and real[1, 1]"),
        ("plot(diagram(3))", "E0303", "`diagram` draws a net or a model, got an int"),
        ("plot(map_fields(sum, [1.0]))", "E0303", "`map_fields` takes a record"),
    ] {
        let (exit, err) = check(&format!("{net}{text}\n"));
        assert!(err.contains(&format!("[{code}]")) && err.contains(message), "{text}:\n{err}");
        assert_eq!(exit, Exit::Script, "{text}");
    }
    let told = run("grid = {x: 1}\nplot(pictures(zeros((2, 4, 4)), titles = [1, 2, 3]))\n");
    assert!(told.err.contains("[E0507]"), "{}", told.err);
}

#[test]
fn numbers_that_are_none_leave_gaps() {
    let folder = plotted(
        "plot(curves([1.0, nan, 3.0, inf, 2.0]))
plot(curves([0.0, 0.0], log = true), to = \"nothing\")
plot(heatmap([[1.0, nan], [inf, 2.0]]), to = \"holes\")
plot(curves([2.5]), to = \"one\")
plot(heatmap([[7.0]]), to = \"cell\")
",
    );
    expect(folder.path(), "curves", &["index"]);
    expect(folder.path(), "nothing", &["index"]);
    expect(folder.path(), "holes", &["1", "2"]);
    expect(folder.path(), "one", &["index"]);
    expect(folder.path(), "cell", &["7"]);
}

/// What is written to pipes says in one line where pictures are.
#[test]
fn elsewhere_a_plot_is_one_line() {
    let folder = tempfile::tempdir().unwrap();
    let script = folder.path().join("script.nn");
    std::fs::write(&script, "plot([1.0, 2.0])\nprint 7\n").unwrap();
    for json in [false, true] {
        let mut command = Command::cargo_bin("nabla").unwrap();
        command.arg("run").arg(&script).args(json.then_some("--json"));
        let output = command.output().unwrap();
        let (out, err) = (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
        assert_eq!(out, if json { "{\"event\":\"print\",\"text\":\"7\"}\n" } else { "7\n" });
        assert_eq!(err, "plot `plot`: run with `--plots DIR` to write it to DIR\n");
    }
}

#[cfg(unix)]
mod terminal {
    use std::process::Command;
    use std::time::Duration;

    use expectrl::{Eof, Expect, Session};

    use super::TRAINED;

    /// What a script shows on a terminal of so many columns, line by line. `set` are variables of the environment.
    fn shown(script: &str, columns: usize, set: &[(&str, &str)]) -> Vec<String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("script.nn");
        std::fs::write(&path, script).unwrap();
        let nabla = assert_cmd::cargo::cargo_bin("nabla");
        let mut command = Command::new("sh");
        // It waits for a line, as the size is set after it was started.
        let line = format!("read -r _; exec {} run --quiet {}", nabla.display(), path.display());
        command.arg("-c").arg(line).env("TERM", "xterm").env_remove("NO_COLOR").env_remove("COLORTERM");
        command.envs(set.iter().copied());
        let mut session = Session::spawn(command).unwrap();
        session.set_expect_timeout(Some(Duration::from_secs(60)));
        session.get_process_mut().set_window_size(columns as u16, 40).unwrap();
        session.send_line("").unwrap();
        let found = session.expect(Eof).unwrap();
        let text = String::from_utf8(found.as_bytes().to_vec()).unwrap();
        text.lines().skip_while(|line| line.is_empty()).map(|line| line.trim_end().to_string()).collect()
    }

    const PLAIN: &[(&str, &str)] = &[("NO_COLOR", "1")];

    fn width(lines: &[String]) -> usize {
        lines.iter().map(|line| line.chars().count()).max().unwrap()
    }

    fn is_braille(letter: char) -> bool {
        ('\u{2801}'..='\u{28ff}').contains(&letter)
    }

    #[test]
    fn a_history_fills_the_terminal_and_no_more() {
        let script = format!("{TRAINED}plot(run.history)\n");
        for columns in [60, 100] {
            let lines = shown(&script, columns, PLAIN);
            assert!(width(&lines) < columns && width(&lines) > columns - 12, "{columns}:\n{}", lines.join("\n"));
            let text = lines.join("\n");
            for part in ["cost", "accuracy", "training", "validation", "epoch", "┤", "└", "30"] {
                assert!(text.contains(part), "{part} is missing:\n{text}");
            }
            assert!(text.chars().filter(|letter| is_braille(*letter)).count() > columns, "{text}");
            assert!(!text.contains('\u{1b}'), "{text}");
        }
    }

    #[test]
    fn a_matrix_is_a_table_or_where_it_does_not_fit_blocks() {
        let script = "plot(confusion_map([[50, 3], [2, 40]], classes = [\"cat\", \"dog\"]))
W: real[30, 90] ~ normal(0, 1)
plot(W)
";
        let lines = shown(script, 70, PLAIN);
        for line in ["Confusion matrix: 90 of 95 right, 94.7 %", "     cat  dog", "cat   50    3", "dog    2   40"] {
            assert!(lines.iter().any(|other| other == line), "{line:?} is missing:\n{}", lines.join("\n"));
        }
        let text = lines.join("\n");
        assert!(text.contains("of 90 columns") && text.contains('▒') && width(&lines) < 70, "{text}");
    }

    #[test]
    fn colours_are_those_the_terminal_has() {
        let script =
            "plot(pictures(reshape(linspace(0, 1, 64), (8, 8))))\nplot(curves({a: [1.0, 2.0], b: [2.0, 1.0]}))\n";
        let indexed = shown(script, 80, &[]).join("\n");
        assert!(
            indexed.contains("\u{1b}[38;5;") && !indexed.contains("\u{1b}[38;2;") && indexed.contains('▀'),
            "{indexed}"
        );
        let all = shown(script, 80, &[("COLORTERM", "truecolor")]).join("\n");
        assert!(all.contains("\u{1b}[38;2;"), "{all}");
        let plain = shown(script, 80, PLAIN).join("\n");
        assert!(!plain.contains('\u{1b}') && plain.contains("██") && plain.contains("░░"), "{plain}");
        // Where there is no colour the lines differ by their dashes.
        assert!(plain.contains("⠤⠤⠤⠤ a") && plain.contains("⠤⠤ ⠤ b"), "{plain}");
        let dumb = shown(script, 80, &[("TERM", "dumb")]).join("\n");
        assert_eq!(dumb.trim(), "");
    }

    #[test]
    fn regions_points_and_nets_are_drawn() {
        let script = format!(
            "{TRAINED}plot(regions(run.model, data))\nplot(parity(run.model(x), t))\nplot(diagram(f))\nplot(filters(ones((2, 1, 3, 3))))\n"
        );
        let text = shown(&script, 80, PLAIN).join("\n");
        for part in [
            "Decision regions",
            "o   class 0",
            "x   class 1",
            "·",
            "Prediction against truth",
            "p = t",
            "The net f",
            "dense_1   real[n, 4]   12 parameters",
            "  ↓",
            "Filters 2 × 1 × 3 × 3",
        ] {
            assert!(text.contains(part), "{part} is missing:\n{text}");
        }
    }

    #[test]
    fn the_prompt_draws_too() {
        let mut command = Command::new("sh");
        let folder = tempfile::tempdir().unwrap();
        let nabla = assert_cmd::cargo::cargo_bin("nabla");
        command.arg("-c").arg(format!("stty cols 64 rows 30; exec {} repl", nabla.display()));
        command.env("NABLA_HISTORY", folder.path().join("history")).env("TERM", "xterm").env("NO_COLOR", "1");
        let mut session = Session::spawn(command).unwrap();
        session.set_expect_timeout(Some(Duration::from_secs(60)));
        session.expect("\u{1b}[?2004h").unwrap();
        session.send("plot([1.0, 4.0, 2.0])\r").unwrap();
        let found = session.expect("index").unwrap();
        let text = String::from_utf8(found.as_bytes().to_vec()).unwrap();
        assert!(text.contains('┤') && text.chars().any(is_braille), "{text}");
    }
}
