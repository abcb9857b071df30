//! `nabla run --report`: one page that opens offline.

use std::path::Path;

use assert_cmd::Command;

const SCRIPT: &str = "# Fits a parabola.
seed 7
x: real[50, 1] ~ uniform(-1, 1)
t = x^2
net f(x: real[n, 1]) -> real[n, 1] = x |> dense(8, act = tanh) |> dense(1)
run = train f on (x, t) {
  cost      = ols
  optimizer = adam(lr = 0.05)
  epochs    = 40
  metrics   = [r2]
}
print \"1 < 2 & cost {run.cost:.2}\"
plot(run.history)
plot(parity(run.model(x), t), title = \"How well f fits\")
plot(heatmap(run.model.params.dense_1.W))
";

/// Runs the script with `--report` and gives the page and what was said.
fn report(folder: &Path, script: &str, arguments: &[&str]) -> (String, String) {
    let (path, page) = (folder.join("script.nn"), folder.join("out/report.html"));
    std::fs::write(&path, script).unwrap();
    let mut command = Command::cargo_bin("nabla").unwrap();
    let output = command.arg("run").arg(&path).arg("--report").arg(&page).args(arguments).output().unwrap();
    let err = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{err}");
    (std::fs::read_to_string(page).unwrap(), err)
}

#[test]
fn the_page_says_everything_and_needs_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let (page, err) = report(folder.path(), SCRIPT, &["--threads", "1"]);
    assert!(err.contains("plot `history`: in the report") && err.contains("report: "), "{err}");
    for part in [
        "script.nn</h1>",
        "<dt>seed</dt><dd>7</dd>",
        "<dt>precision</dt><dd>float64</dd>",
        "1 thread</dd>",
        concat!("<dt>nabla</dt><dd>", env!("CARGO_PKG_VERSION"), "</dd>"),
        " UTC</dd>",
        "<h2>run: f</h2>",
        "<span>cost</span>",
        "<span>r2</span>",
        "40 epochs in ",
        "dense_1  real[n, 8]          16    128",
        "<h4>Backward</h4>",
        // δ¹ = (δ² (W²)ᵀ) ∘ tanh′(z¹)
        "<msup><mi>δ</mi><mn>1</mn></msup></math></td><td><math displaystyle=\"true\"><mo>=</mo><mrow><mrow><mo stretchy=\"false\">(</mo>\
         <mrow><msup><mi>δ</mi><mn>2</mn></msup><mspace width=\"0.17em\"/><msup><mrow><mo stretchy=\"false\">(</mo>\
         <msup><mi>W</mi><mn>2</mn></msup><mo stretchy=\"false\">)</mo></mrow><mo>⊤</mo></msup></mrow><mo stretchy=\"false\">)</mo>\
         </mrow><mo>∘</mo><mrow><msup><mi>tanh</mi><mo>′</mo></msup><mo>\u{2061}</mo><mrow><mo stretchy=\"false\">(</mo>\
         <msup><mi>z</mi><mn>1</mn></msup>",
        "<span class=\"keyword\">net</span> f(x: ",
        "<span class=\"comment\"># Fits a parabola.</span>",
        "1 &lt; 2 &amp; cost ",
        ">How well f fits</text>",
        ">epoch</text>",
    ] {
        assert!(page.contains(part), "`{part}` is missing in\n{page}");
    }
    // The curves of the run are shown once though they were plotted too.
    assert_eq!(page.matches(">epoch</text>").count(), 2);
    assert_eq!(page.matches("<svg ").count(), page.matches("</svg>").count());
    for outside in ["http", "<link", "<script", "@import", "url(", "src="] {
        assert!(!page.contains(outside), "the page refers to something outside: {outside}");
    }
}

#[test]
fn searches_losses_and_bare_trainings_are_reported() {
    let folder = tempfile::tempdir().unwrap();
    let script = "x: real[30, 1] ~ uniform(-1, 1)
net f(x: real[n, 1]) -> real[n, 1] = x |> dense(1)
train f on (x, x) {
  cost      = ols
  optimizer = sgd(lr = 0.1)
  epochs    = 3
}
own = train f on x {
  loss      = fn(m, x) mean((m(x) - x)^2)
  optimizer = sgd(lr = 0.1)
  epochs    = 3
}
net g(x: real[n, 1]) -> real[n, 1] = x |> dense(4, act = relu) |> dropout(0.5) |> dense(1)
dropped = train g on (x, x) {
  cost      = ols
  l2        = 0.375
  freeze    = [\"dense_1\"]
  optimizer = sgd(lr = 0.1)
  epochs    = 2
}
found = search f on ((x, x) |> split(train = 0.5, valid = 0.5)) {
  vary lr in [0.01, 0.1]
  cost      = mse
  score     = mse
  optimizer = sgd(lr = lr)
  epochs    = 2
}
";
    let (page, _) = report(folder.path(), script, &["--seed", "3", "--quiet"]);
    for part in [
        "<h2>f</h2>",
        "<h2>own: f</h2>",
        "<h2>dropped: g</h2>",
        "<h2>found: search</h2>",
        "best score",
        "<dd>3, given by `--seed`</dd>",
    ] {
        assert!(page.contains(part), "`{part}` is missing in\n{page}");
    }
    assert_eq!(page.matches("<h4>Backward</h4>").count(), 3);
    // The equations are those of what was minimised: with the penalty, without what was frozen.
    let dropped = page.split("<h2>").find(|part| part.starts_with("dropped")).unwrap();
    let texts = dropped.split('<').filter_map(|part| part.split_once('>'));
    let text: String = texts.map(|(_, text)| text.trim()).collect();
    assert!(text.contains("0.375") && text.contains("∂C∂W2") && !text.contains("∂C∂W1"), "{text}");
}

#[test]
fn every_turn_of_a_loop_is_reported() {
    let folder = tempfile::tempdir().unwrap();
    let script = "x: real[30, 1] ~ uniform(-1, 1)
net f(units: int = 2)(x: real[n, 1]) -> real[n, 1] = x |> dense(units) |> dense(1)
for lr in [0.1, 0.01, 0.001] {
  run = train f on (x, x) {
    cost      = ols
    optimizer = sgd(lr = lr)
    epochs    = 3
    metrics   = [r2]
  }
}
for (units, k) in [(2, 0), (5, 1), (2, 2)] {
  train f(units = units) on (x, x) {
    cost      = ols
    optimizer = sgd(lr = 0.1)
    epochs    = 4
    seed      = k
  }
}
for k in 0..30 {
  train f on (x, x) {
    cost      = ols
    optimizer = sgd(lr = 0.1)
    epochs    = 1
    seed      = k
  }
}
last = train f on (x, x) {
  cost      = ols
  optimizer = sgd(lr = 0.1)
  epochs    = 1
}
";
    let (page, _) = report(folder.path(), script, &["--quiet"]);
    for part in [
        "<h2>run: f (3 runs)</h2>",
        "<tr><th>run</th><th>lr</th><th>cost</th><th>r2</th><th></th></tr>",
        "<tr><td>2</td><td>0.01</td>",
        "<figcaption>run 3, lr = 0.001</figcaption>",
        "<h2>f (3 runs)</h2>",
        "<tr><td>2</td><td>5</td><td>1</td>",
        "<h3>Layers of runs 1 and 3</h3>",
        "<h3>Layers of run 2</h3>",
        "<h3>Back propagation of run 2</h3>",
        "<h2>f (30 runs)</h2>",
        "<figcaption>run 30, k = 29</figcaption>",
        "<h2>last: f</h2>",
    ] {
        assert!(page.contains(part), "`{part}` is missing in\n{page}");
    }
    assert_eq!(page.matches("<figcaption>").count(), 36);
    // The curves of very many runs are folded away.
    assert_eq!(page.matches("<details open>").count(), 2);
    assert_eq!(page.matches("<h4>Backward</h4>").count(), 5);
}

#[test]
fn a_run_that_fails_leaves_no_page() {
    let folder = tempfile::tempdir().unwrap();
    let (path, page) = (folder.path().join("script.nn"), folder.path().join("report.html"));
    std::fs::write(&path, "print read_text(\"missing.txt\")\n").unwrap();
    let mut command = Command::cargo_bin("nabla").unwrap();
    let output = command.arg("run").arg(&path).arg("--report").arg(&page).output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(!page.exists());
}

#[test]
fn a_page_that_cannot_be_written_is_told_before_anything_runs() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("script.nn");
    std::fs::write(&path, "print 1\n").unwrap();
    let mut command = Command::cargo_bin("nabla").unwrap();
    let output = command.arg("run").arg(&path).arg("--report").arg(folder.path()).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(output.stdout.is_empty());
    let err = String::from_utf8(output.stderr).unwrap();
    assert!(err.starts_with("error: the report `") && err.contains("cannot be written"), "{err}");
}

/// Where a browser is installed it shows the page, with nothing on it wider than the window.
#[test]
fn a_browser_shows_the_page() {
    let Some(browser) = ["chromium", "chromium-browser", "google-chrome"].into_iter().find(|name| is_there(name))
    else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    report(folder.path(), SCRIPT, &["--quiet"]);
    let (page, picture) = (folder.path().join("out/report.html"), folder.path().join("page.png"));
    let output = std::process::Command::new(browser)
        .args(["--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--window-size=1000,2600"])
        .arg(format!("--user-data-dir={}", folder.path().join("profile").display()))
        .arg(format!("--screenshot={}", picture.display()))
        .arg(format!("file://{}", page.display()))
        .output()
        .unwrap();
    assert!(picture.exists(), "{}", String::from_utf8_lossy(&output.stderr));
    let image = image::open(picture).unwrap().to_rgb8();
    // The line of the cost is drawn in the blue of the palette.
    let blue = image.pixels().filter(|pixel| pixel.0 == [0, 0x72, 0xb2]).count();
    assert!(blue > 300, "{blue} pixels of the curve");
}

fn is_there(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| folder.join(program).is_file())
}
