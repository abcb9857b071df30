//! What nobody means to write: deep, huge, endless, half-written and random scripts end with a diagnostic or run, in
//! time, and never panic.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use nabla::report::{Form, Reporter};
use nabla::session::{Exit, Options, Session};

use crate::script::{Outcome, check, files, run, script};

/// How long nearly nothing may take on a busy machine.
const AT_ONCE: Duration = Duration::from_secs(20);

/// Runs a script that must end soon, in any way but a panic.
fn ends(text: &str) -> Outcome {
    let start = Instant::now();
    let outcome = catch_unwind(|| run(text));
    let shown: String = text.chars().take(200).collect();
    let outcome = outcome.unwrap_or_else(|_| panic!("this panics:\n{shown}"));
    assert!(start.elapsed() < AT_ONCE, "{:?} for\n{shown}", start.elapsed());
    outcome
}

/// Runs a script that must be refused with this code.
fn refused(text: &str, code: &str) -> Outcome {
    let outcome = ends(text);
    let shown: String = text.chars().take(200).collect();
    assert!(matches!(outcome.exit, Exit::Script | Exit::Failed), "{:?} for\n{shown}", outcome.exit);
    let said: String = outcome.err.chars().take(2000).collect();
    assert!(outcome.err.contains(&format!("[{code}]")), "no {code} for\n{shown}\nbut\n{said}");
    outcome
}

#[test]
fn a_size_that_is_open_may_stand_in_a_branch() {
    let outcome =
        run("fn f(a: real[m]) -> real[m] = if a > 1 then a[min(0..m, m - 1)] else 0.0\nprint f([1.0, 2.0])\n");
    assert_eq!(outcome.out, "[0.0, 2.0]\n", "{}", outcome.err);
}

#[test]
fn deep_nesting_is_refused() {
    for (open, close) in [("(", ")"), ("[", "]"), ("{a: ", "}"), ("sin(", ")"), ("-", ""), ("not ", ""), ("fn(x) ", "")]
    {
        let text = format!("x = {}1.0{}", open.repeat(100_000), close.repeat(100_000));
        refused(&text, "E0105");
    }
    refused(&format!("x = {}1.0{}", "exp(".repeat(10_000), ")".repeat(10_000)), "E0105");
    refused(&format!("x = {}", "2 ^ ".repeat(50_000) + "2"), "E0105");
    refused(&format!("fn f(x) {}", "{ ".repeat(20_000)), "E0102");
}

#[test]
fn long_chains_run() {
    let sum = ends(&format!("x = {}1\nprint x", "1 + ".repeat(400)));
    assert_eq!((sum.exit, sum.out.trim()), (Exit::Done, "401"), "{}", sum.err);
    refused(&format!("x = {}1\nprint x", "1 + ".repeat(4000)), "E0105");
    let piped = ends(&format!("x = 1.0{}\nprint x", " |> sqrt".repeat(200)));
    assert_eq!((piped.exit, piped.out.trim()), (Exit::Done, "1.0"), "{}", piped.err);
    let list = ends(&format!("x = [{}1.0]\nprint sum(x)", "1.0, ".repeat(20_000)));
    assert_eq!((list.exit, list.out.trim()), (Exit::Done, "20001.0"), "{}", list.err);
}

#[test]
fn recursion_is_refused() {
    refused("fn f(x: real) -> real = f(x)\n", "E0208");
    refused("fn f(x) = f(x) + f(x)\ny = f(1.0)\n", "E0208");
    refused("fn f(x) = if x > 1 then f(x - 1) + f(x - 2) else x\ny = f([1.0, 2.0])\n", "E0208");
    refused("fn f(x: real[n]) -> real[n] = if x > 0 then f(x - 1) else f(x - 2)\n", "E0208");
    refused("fn y(f) = f(f)\nz = y(fn(g) g(g))\n", "E0208");
    refused("fn a(f, x) = f(f, x)\nz = a(fn(f, x) a(f, x), 1.0)\n", "E0208");
    refused(
        "layer l(x: real[n]) -> real[n] = l(x)\nnet f(x: real[n, 2]) -> real[n, 2] = l(x)\nm = f.init()\n",
        "E0208",
    );
    refused("net f(x: real[n, 2]) -> real[n, 2] = f(x)\nm = f.init()\n", "E0208");
    refused("fn f(x: real) -> real = grad(f)(x)\ny = f(1.0)\n", "E0208");
}

#[test]
fn huge_numbers_and_shapes_are_refused() {
    refused("x = 99999999999999999999\n", "E0106");
    refused("x = 10^400\n", "E0106");
    refused("x = 2^100\n", "E0106");
    refused("x = 9223372036854775807 + 1\n", "E0106");
    refused("x = 4000000000 * 4000000000\n", "E0106");
    refused("x = zeros(10^12)\n", "E0314");
    refused("x = zeros((10^9, 10^9, 10^9))\n", "E0314");
    refused("x: real[10^15] ~ normal\n", "E0314");
    refused("x = 0..10^15\ny = sum(x)\n", "E0314");
    refused("x = ones(10^6)\ny = outer(x, x)\n", "E0314");
    refused("x = eye(10^7)\n", "E0314");
    let ints = refused("x = 0..10^12\nprint x[3]\n", "E0314");
    assert!(ints.err.contains("a tensor int[1000000000000] takes 8.0 TB"), "{}", ints.err);
    refused("x = reshape(ones(4), (2^62, 4))\n", "E0314");
    refused("net f(x: real[n, 1000000]) -> real[n, 1] = x |> dense(1000000) |> dense(1)\nm = f.init()\n", "E0314");
    let infinite = ends("x = 1e400\nprint x\n");
    assert!(matches!(infinite.exit, Exit::Done | Exit::Script));
    let real = ends("x = 10.0^400\nprint x\n");
    assert_eq!((real.exit, real.out.trim()), (Exit::Done, "inf"));
}

#[test]
fn long_loops_are_checked_at_once() {
    for body in ["{}", "{ y = i }", "{ print i }", "{ for j in 0..10^15 { x = i + j } }"] {
        let (exit, said) = check(&format!("for i in 0..10^15 {body}\n"));
        assert_eq!(exit, Exit::Done, "{said}");
    }
    let (exit, said) = check("var x = 1.0\nwhile true { x := x + 1 }\n");
    assert_eq!(exit, Exit::Done, "{said}");
    let (exit, said) = check("var x = 0.0\nfor i in 0..10^15 { x := x + 1.0 }\nprint x\n");
    assert_eq!(exit, Exit::Done, "{said}");
    let many = "net f(x: real[n, 1]) -> real[n, 1] = dense(1)(x)
run = train f on (ones((4, 1)), ones((4, 1))) { cost = ols; optimizer = sgd(); epochs = 10^15 }\n";
    let (exit, said) = check(many);
    assert_eq!(exit, Exit::Done, "{said}");
}

#[test]
fn an_endless_script_can_be_interrupted() {
    for text in [
        "var x = 1.0\nwhile true { x := x + 1 }\n",
        "for i in 0..10^15 { if i < 0 { print i } }\n",
        "var x = 0.0\nfor i in 0..10^15 { x := x + 1.0 }\n",
    ] {
        let options = Options::default();
        let interrupt = options.interrupt.clone();
        let (reporter, _) = Reporter::captured(Form::Text);
        let start = Instant::now();
        let exit = std::thread::scope(|scope| {
            let running = scope.spawn(|| Session::new(options, reporter).run(&script(text)));
            while !running.is_finished() {
                std::thread::sleep(Duration::from_millis(100));
                interrupt.raise();
            }
            running.join().expect("it does not panic")
        });
        assert_eq!(exit, Exit::Interrupted, "{text}");
        assert!(start.elapsed() < AT_ONCE);
    }
}

#[test]
fn scripts_without_content_do_nothing() {
    for text in ["", "\n", "   ", "\t\n\n", "# only a comment", "## documentation of nothing\n", "#", ";;;", "\r\n\r\n"]
    {
        let outcome = ends(text);
        assert_eq!((outcome.exit, outcome.out.as_str(), outcome.err.as_str()), (Exit::Done, "", ""), "{text:?}");
    }
}

#[test]
fn odd_forms_are_told() {
    for text in [
        "{}",
        "{} {}",
        "x = {}",
        "x = {}\nx.a",
        "fn f(x) {}",
        "fn f() {}\ny = f()",
        "net f(x) {}",
        "layer l() {}",
        "layer l()() {}",
        "train {} on {} {}",
        "if true {} else {}",
        "for i in {} {}",
        "for i in () {}",
        "for i in [] {}",
        "x = []",
        "x = [[]]",
        "x = [[], [1.0]]",
        "x = ()",
        "(a, b) = ()",
        "() = ()",
        "x = if {} then {} else {}",
        "when training {} else {}",
        "x = [1.0][{}]",
        "x = {}[0]",
        "x = [].T",
        "x = sum([])",
        "x = max([])",
        "x = mean([])",
        "x = [1.0][0..0]\ny = max(x)",
        "optimizer o()(g, w) {}",
        "optimizer o()(g, w) {}\np = o().init([1.0])",
        "print",
        "print {}",
        "print ()",
        "print []",
        "emit()",
        "use std",
        "use \"\"",
        "seed",
        "seed -1",
        "seed 1.5",
        "precision",
        "precision f16",
        "x = \"{\"",
        "x = \"{}\"",
        "x = \"{1:}\"",
        "x = \"{{}}\"",
        "x = 1 / 0",
        "x = 1 % 0",
        "x = 1.0 / 0.0",
        "x = zeros(0)\ny = sum(x)",
        "x = zeros((0, 3))\ny = x @ ones((3, 2))",
        "x = reshape(zeros(0), (0, 5))",
        "x = -9223372036854775808",
        "x = argmax(zeros(0))",
        "x = [1.0][new]",
        "x = 1.0[new]",
        "x = softmax(zeros((0, 3)))",
        "x = solve(zeros((0, 0)), zeros(0))",
        "x = cholesky(zeros((0, 0)))",
        "x = grad(fn(x) 1.0)(2.0)",
        "x = grad(fn() 1.0)()",
        "x = grad(sin)",
        "x = jacobian(fn(x) x)(zeros(0))",
        "x = map(fn(x) x, zeros(0))",
        "x = concat([])",
        "x = stack([])",
        "x = sort([])",
        "x = eye(0)",
        "x = eye(-1)",
        "x = zeros(-1)",
        "net f(x: real[n, 0]) -> real[n, 0] = x\nm = f.init()",
        "net f(x: real[0, n]) -> real[0, n] = x",
        "fn f(x: real[-1]) = x",
        "fn f(x: real[n - n]) = x\ny = f(zeros(0))",
        "net f(x: real[n, 1]) -> real[n, 1] = dense(1)(x)\nrun = train f on (zeros((0, 1)), zeros((0, 1))) { cost = ols; optimizer = sgd(); epochs = 2 }",
        "net f(x: real[n, 1]) -> real[n, 1] = dense(1)(x)\nrun = train f on (ones((3, 1)), ones((3, 1))) { cost = ols; optimizer = sgd(); epochs = 0 }\nprint run",
        "net f(x: real[n, 1]) -> real[n, 1] = dense(1)(x)\nrun = train f on (ones((3, 1)), ones((3, 1))) { cost = ols; optimizer = sgd(); epochs = -1 }",
        "net f(x: real[n, 1]) -> real[n, 1] = dense(1)(x)\nrun = train f on (ones((3, 1)), ones((3, 1))) { cost = ols; optimizer = sgd(); epochs = 1; batch = 0 }",
        "net f(x: real[n, 1]) -> real[n, 1] = dense(1)(x)\nrun = train f on (ones((3, 1)), ones((3, 1))) { cost = ols; optimizer = sgd(); epochs = 1; batch = 10^12 }",
        "net f(x: real[n, 1]) -> real[n, 1] = dense(0)(x)",
        "net f(x: real[n, 1]) -> real[n, 1] = dense(-1)(x)",
        "net f(x: real[n, 1]) -> real[n, 1] = dense(1.5)(x)",
    ] {
        ends(text);
        ends(&format!("{text}\n{text}"));
    }
}

#[test]
fn long_lines_are_read() {
    let name = "x".repeat(100_000);
    let outcome = ends(&format!("{name} = 1\nprint {name}\n"));
    assert_eq!(outcome.exit, Exit::Done);
    refused(&format!("y = {name}\n"), "E0201");
    let outcome = ends(&format!("x = \"{}\"\nprint len(x)\n", "é".repeat(100_000)));
    assert_eq!(outcome.exit, Exit::Done, "{}", outcome.err);
    ends(&format!("# {}\n", "comment ".repeat(100_000)));
    ends(&format!("x = 1{}\n", " ".repeat(500_000)));
}

/// Small random numbers, the same on every run.
struct Dice(u64);

impl Dice {
    /// A number below `n`.
    fn below(&mut self, n: usize) -> usize {
        // Marsaglia's xorshift; good enough to choose with.
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % n as u64) as usize
    }
}

/// Every script of the project that may be damaged.
fn scripts() -> Vec<String> {
    let mut paths = files("examples", ".nn");
    paths.extend(files("stdlib", ".nn"));
    paths
        .extend(files("tests/errors", ".nn").into_iter().filter(|path| !path.to_string_lossy().contains("E0105_deep")));
    let texts = paths.iter().filter_map(|path| std::fs::read_to_string(path).ok());
    texts.filter(|text| text.len() < 20_000).collect()
}

/// Checks damaged scripts for some seconds; the first that panics or takes too long is shown.
fn survive(seconds: u64, seed: u64, damage: impl Fn(&mut Dice, &[String]) -> String) {
    let all = scripts();
    let mut dice = Dice(seed);
    let start = Instant::now();
    let mut count = 0;
    while start.elapsed() < Duration::from_secs(seconds) && count < 4000 {
        let text = damage(&mut dice, &all);
        let began = Instant::now();
        let result = catch_unwind(AssertUnwindSafe(|| check(&text)));
        let (exit, said) = result.unwrap_or_else(|_| panic!("checking this panics:\n{text}"));
        assert!(matches!(exit, Exit::Done | Exit::Script), "{exit:?} of\n{text}");
        assert_eq!(exit == Exit::Script, said.contains("error["), "{exit:?} of\n{text}\nbut said\n{said}");
        assert!(began.elapsed() < AT_ONCE, "checking takes {:?}:\n{text}", began.elapsed());
        count += 1;
    }
    assert!(count > 20, "only {count} scripts were tried");
}

/// The nearest place of a character before a byte.
fn at_char(text: &str, mut byte: usize) -> usize {
    while !text.is_char_boundary(byte) {
        byte -= 1;
    }
    byte
}

#[test]
fn half_written_scripts_are_survived() {
    survive(8, 1, |dice, all| {
        let text = &all[dice.below(all.len())];
        let end = at_char(text, dice.below(text.len() + 1));
        text[..end].to_string()
    });
}

#[test]
fn scripts_with_pieces_cut_out_or_doubled_are_survived() {
    survive(8, 2, |dice, all| {
        let text = &all[dice.below(all.len())];
        let (a, b) = (at_char(text, dice.below(text.len() + 1)), at_char(text, dice.below(text.len() + 1)));
        let (a, b) = (a.min(b), a.max(b).min(a.min(b) + 200));
        let b = at_char(text, b);
        match dice.below(3) {
            0 => format!("{}{}", &text[..a], &text[b..]),
            1 => format!("{}{}{}", &text[..b], &text[a..b], &text[b..]),
            _ => {
                let other = &all[dice.below(all.len())];
                let from = at_char(other, dice.below(other.len() + 1));
                let to = at_char(other, (from + dice.below(100)).min(other.len()));
                format!("{}{}{}", &text[..a], &other[from..to], &text[b..])
            }
        }
    });
}

#[test]
fn scripts_with_other_characters_are_survived() {
    let odd: Vec<char> = "(){}[]=:,.+-*/^@|>~;#\"'01en\n \t\u{0}\u{7f}é𝛿σ∇·×−∂²\u{200b}\u{feff}\r".chars().collect();
    survive(8, 3, |dice, all| {
        let mut text: Vec<char> = all[dice.below(all.len())].chars().collect();
        for _ in 0..1 + dice.below(4) {
            let at = dice.below(text.len());
            let new = odd[dice.below(odd.len())];
            if dice.below(2) == 0 { text[at] = new } else { text.insert(at, new) }
        }
        text.into_iter().collect()
    });
}

#[test]
fn scripts_with_words_exchanged_are_survived() {
    survive(8, 4, |dice, all| {
        let text = &all[dice.below(all.len())];
        let is_word = |c: char| c.is_alphanumeric() || c == '_' || c == '.';
        let starts: Vec<usize> = text.char_indices().filter(|(_, c)| is_word(*c)).map(|(at, _)| at).collect();
        let word_at = |at: usize| {
            let from = text[..at]
                .rfind(|c| !is_word(c))
                .map_or(0, |before| before + text[before..].chars().next().unwrap().len_utf8());
            let to = text[at..].find(|c| !is_word(c)).map_or(text.len(), |after| at + after);
            (from, to)
        };
        let (from, to) = word_at(starts[dice.below(starts.len())]);
        let (a, b) = word_at(starts[dice.below(starts.len())]);
        let others =
            ["0", "1.0", "-1", "\"text\"", "true", "()", "[]", "{}", "x", "fn(x) x", "[1.0, 2.0]", "dense(2)", "2^70"];
        let new = if dice.below(2) == 0 { &text[a..b] } else { others[dice.below(others.len())] };
        format!("{}{new}{}", &text[..from], &text[to..])
    });
}

#[test]
fn soups_of_words_are_survived() {
    let words: Vec<&str> = "fn net layer optimizer train on search if then else for in while var and or not true false print param state next \
        when training use as seed precision adjoint vary x y f m 0 1 2.0 1e3 \"s\" \"{x}\" ( ) [ ] { } , : ; = := ~ -> |> + - * / // % @ ^ . .. \
        == != < <= > >= ∇f grad sum dense sgd adam ols real int bool str n real[n] real[n,2] .init() .T new ? _ # \n \n \n"
        .split(' ')
        .collect();
    survive(6, 5, |dice, _| (0..dice.below(60)).map(|_| words[dice.below(words.len())]).collect::<Vec<_>>().join(" "));
}
