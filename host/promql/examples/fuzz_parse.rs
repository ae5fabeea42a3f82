//! Feeds the parser with broken queries: `cargo run -p bellwether-promql --release --example fuzz_parse -- COUNT SEED [FILE…]`
//!
//! Queries that are known to parse (built in, or the lines of the files) are cut, spliced and filled with tokens; a few
//! nest deeply or are very long. No input may panic or take a second, and what parses must be printed so that it
//! parses to the same tree. Prints the seed, and the input that failed; the same count and seed give the same inputs.

use std::io::Write;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use bellwether_promql::{Ast, Features, FunctionRegistry, parse, pretty};

/// Longest time that one input may take, with printing.
const MAX_TIME: Duration = Duration::from_secs(1);

/// One input of so many nests deeply; each takes as long as thousands of others.
const DEEP_EVERY: u64 = 20_000;

/// How deep those nest.
const DEPTH: usize = 100_000;

const CORPUS: [&str; 16] = [
    "sum by (job, instance) (rate(http_requests_total{code=~\"5..\",job!=\"x\"}[5m] offset -1h)) > bool 0.5",
    "a + on (b, c) group_left (d) fill_left (1) fill_right (-Inf) e or ignoring (f) g unless h",
    "histogram_quantile(0.9, sum without (instance) (x_bucket offset 5m @ 12.5)) ^ 2 ^ -1.5e3",
    "x[5m + step() * 2:max_of(range(), 1h30m) / 2] @ end() offset -(5m % 3)",
    "rate(x[-(5m) ^ 2 + 1] anchored) - y smoothed </ 3 >/ 2",
    "topk(3, {\"board.uptime\", \"a.b\"='c', d!~`e.*`}) # comment\n",
    "label_replace(up, \"a\\u00e9\\x41\", '$1', `b`, \"(.*)\") atan2 -z",
    "info(rate(x[1m]), {data=~\".*\", __name__=\"target_info\"})",
    "limitk(2, x) + limit_ratio(-0.5, y) and count_values(\"v\", z)",
    "min_over_time((a - b)[1h:] offset 0x1F)[1d:5m]",
    "+Inf + -NaN * 0755 / 1_000 % .5e-3",
    "quantile by () (0.5, sum) offset offset 5m",
    "sort_by_label(x, \"a\", \"b\") == time() - start() + step()",
    "((((1))))",
    "1 == bool 2",
    "absent_over_time(x{y=\"\"}[300])",
];

const TOKENS: [&str; 64] = [
    "(",
    ")",
    "[",
    "]",
    "{",
    "}",
    ",",
    ":",
    "=",
    "==",
    "!=",
    "=~",
    "!~",
    ">",
    "<",
    ">=",
    "<=",
    "</",
    ">/",
    "+",
    "-",
    "*",
    "/",
    "%",
    "^",
    "@",
    "#",
    "\"",
    "'",
    "`",
    "\\",
    "\n",
    " ",
    ".",
    "_",
    "ü",
    "\u{0}",
    "$",
    "sum",
    "by",
    "without",
    "on",
    "ignoring",
    "group_left",
    "bool",
    "fill(1)",
    "offset",
    "anchored",
    "smoothed",
    "start()",
    "end()",
    "step()",
    "max_of(",
    "rate(",
    "info(",
    "limitk(",
    "5m",
    "1e",
    "0x",
    "99999999999999999999",
    "inf",
    "nan",
    "and",
    "atan2",
];

/// Pieces that are repeated to nest deeply, or to make long lists and chains.
const REPEATED: [&str; 14] =
    ["(", "[", "{", "-", "+", ",", "abs(", "sum(", "x^", "x+", "x[", "[1h:1m]", "x offset -(", "x[max_of("];

/// SplitMix64: small, and the same everywhere.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.next() % bound.max(1) as u64).unwrap_or(0)
    }

    fn pick<'a>(&mut self, texts: &'a [impl AsRef<str>]) -> &'a str {
        texts[self.below(texts.len())].as_ref()
    }

    /// A place between two characters.
    fn place(&mut self, text: &str) -> usize {
        let mut at = self.below(text.len() + 1);
        while !text.is_char_boundary(at) {
            at -= 1;
        }
        at
    }
}

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let count: u64 = arguments.next().and_then(|text| text.parse().ok()).unwrap_or(100_000);
    let seed: u64 = arguments.next().and_then(|text| text.parse().ok()).unwrap_or(1);
    let mut corpus: Vec<String> = CORPUS.iter().map(|text| (*text).to_owned()).collect();
    for path in arguments {
        let text = std::fs::read_to_string(&path).unwrap_or_default();
        corpus.extend(text.lines().filter(|line| !line.is_empty()).map(str::to_owned));
    }
    let (passed, outcome) = match run(count, seed, &corpus) {
        Ok(summary) => (true, summary),
        Err(problem) => (false, format!("FAILED: {problem}")),
    };
    let printed = writeln!(std::io::stdout().lock(), "seed {seed}: {outcome}");
    if passed && printed.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

#[expect(clippy::disallowed_methods, reason = "how long the parser takes is measured from outside")]
fn run(count: u64, seed: u64, corpus: &[String]) -> Result<String, String> {
    let mut random = Random(seed);
    let (mut accepted, mut slowest) = (0_u64, Duration::ZERO);
    for number in 0..count {
        let text = if number % DEEP_EVERY == 0 { deep(&mut random) } else { mutated(&mut random, corpus) };
        let start: String = text.chars().take(300).collect();
        let began = Instant::now();
        let outcome = std::panic::catch_unwind(|| check(&text));
        let took = began.elapsed();
        slowest = slowest.max(took);
        match outcome {
            Ok(Ok(is_accepted)) => accepted += u64::from(is_accepted),
            Ok(Err(problem)) => return Err(format!("input {number}: {problem}: {start:?}")),
            Err(_) => return Err(format!("input {number} panicked: {start:?}")),
        }
        if took > MAX_TIME {
            return Err(format!("input {number} took {took:?}: {start:?}"));
        }
    }
    Ok(format!("{count} inputs, {accepted} accepted, slowest {slowest:?}"))
}

/// Whether a text is accepted; what is accepted has to be printed and laid out to the same tree.
fn check(text: &str) -> Result<bool, String> {
    let plugins = FunctionRegistry::default();
    let read = |text: &str| parse(text, Features::ALL, &plugins);
    let Ok(ast) = read(text) else { return Ok(false) };
    let same = |printed: &str| read(printed).is_ok_and(|again: Ast| again.same_tree(&ast));
    for printed in [ast.to_string(), pretty(&ast)] {
        if !same(&printed) {
            return Err(format!("printed as {printed:?}"));
        }
    }
    Ok(true)
}

fn deep(random: &mut Random) -> String {
    let mut text = random.pick(&REPEATED).repeat(DEPTH);
    if random.below(2) == 0 {
        text += "5m";
        text += &random.pick(&[")", "]", "}", "", " "]).repeat(DEPTH);
    }
    text
}

fn mutated(random: &mut Random, corpus: &[String]) -> String {
    let mut text = random.pick(corpus).to_owned();
    for _ in 0..=random.below(3) {
        let (a, b) = (random.place(&text), random.place(&text));
        let (from, to) = (a.min(b), a.max(b));
        match random.below(6) {
            0 => text.replace_range(from..to, ""),
            1 => text.insert_str(from, random.pick(&TOKENS)),
            2 => text.insert_str(from, &format!(" {} ", random.pick(&TOKENS))),
            3 => {
                let copied = text[from..to].to_owned();
                text.insert_str(to, &copied);
            }
            4 => {
                let other = random.pick(corpus);
                let (c, d) = (random.place(other), random.place(other));
                text.insert_str(from, &other[c.min(d)..c.max(d)]);
            }
            _ => {
                let end = text[from..].chars().next().map_or(from, |c| from + c.len_utf8());
                text.replace_range(from..end, random.pick(&TOKENS));
            }
        }
    }
    text
}
