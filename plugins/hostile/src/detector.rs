//! A detector whose functions are the misdeeds.

use bellwether_plugin_sdk::detector::{
    About, Detector, Error, Function, Instant, Matrix, Param, Setting, SettingKind, Verdicts, log,
};

use crate::{lie, misbehave};

/// Doubles in 100 MB.
const MANY: usize = 100_000_000 / size_of::<f64>();

const FUNCTIONS: [&str; 13] = [
    "hostile_spin",
    "hostile_chatter",
    "hostile_hoard",
    "hostile_recurse",
    "hostile_crash",
    "hostile_flood",
    "hostile_short",
    "hostile_long",
    "hostile_uneven",
    "hostile_nan",
    "hostile_grumble",
    "hostile_blame",
    "hostile_fine",
];

struct Hostile;

impl Detector for Hostile {
    fn describe() -> (About, Vec<Function>) {
        let mut about = about("hostile-detector");
        let mut functions = FUNCTIONS.map(function).to_vec();
        match lie::chosen() {
            "spin" => misbehave::spin(),
            "chatter" => misbehave::chatter(|| log::write(log::Level::Debug, "still here", &[])),
            "hoard" => drop(misbehave::hoard()),
            "recurse" => drop(misbehave::recurse(0)),
            "crash" => misbehave::crash(),
            "known function" => {
                about.name = "hostile-liar".into();
                functions = ["rate", "vector"].map(function).to_vec();
            }
            "two functions" => functions.push(function("hostile_fine")),
            "many functions" => functions = (0..10_000).map(|i| function(&format!("f{i}"))).collect(),
            "no window" => functions[0].windows = 0,
            "many windows" => functions[0].windows = 7,
            "odd function" => functions.push(function("Rate of(x)")),
            "long function" => functions.push(function(&"f".repeat(1 << 20))),
            "many parameters" => functions[0].params = (0..10_000).map(param).collect(),
            "long help" => functions[0].help = "h".repeat(3 << 20),
            "capitals" => about.name = "Hostile".into(),
            "path" => about.name = "../../etc/passwd".into(),
            "no name" => about.name = String::new(),
            "long name" => about.name = "n".repeat(1 << 20),
            "other's name" => about.name = "zscore".into(),
            "long summary" => about.summary = "s".repeat(3 << 20),
            "escapes" => about.summary = "\u{1b}[2Jcleared\r\n".into(),
            "two settings" => about.settings = vec![setting("x", None), setting("x", None)],
            "odd setting" => about.settings = vec![setting("X y", None)],
            "wrong default" => about.settings = vec![setting("x", Some("\"seven\""))],
            "broken default" => about.settings = vec![setting("x", Some("{"))],
            "too much" => about.summary = "s".repeat(5 << 20),
            _ => {}
        }
        (about, functions)
    }

    fn evaluate(
        function: &str,
        _params: &[f64],
        _at: Instant,
        windows: &[Matrix],
    ) -> Result<Verdicts, Error> {
        let series = windows.first().map_or(0, Matrix::series);
        let scores = match function {
            "hostile_spin" => misbehave::spin(),
            "hostile_chatter" => misbehave::chatter(|| log::write(log::Level::Debug, "still here", &[])),
            "hostile_hoard" => misbehave::hoard(),
            "hostile_recurse" => misbehave::recurse(0) as usize,
            "hostile_crash" => misbehave::crash(),
            "hostile_flood" => MANY,
            "hostile_short" => series.saturating_sub(1),
            "hostile_long" => series + 1,
            "hostile_grumble" => return Err(Error::Failed("no ".repeat(1 << 20))),
            "hostile_blame" => return Err(Error::BadParam("no ".repeat(1 << 20))),
            _ => series,
        };
        let score = if function == "hostile_nan" { f64::NAN } else { 1.0 };
        let lower = if function == "hostile_uneven" { vec![1.0; series + 1] } else { Vec::new() };
        Ok(Verdicts { score: vec![score; scores], expected: vec![], lower, upper: vec![] })
    }
}

fn about(name: &str) -> About {
    About {
        name: name.into(),
        version: env!("CARGO_PKG_VERSION").into(),
        summary: "Misbehaves on demand".into(),
        homepage: None,
        settings: Vec::new(),
    }
}

fn function(name: &str) -> Function {
    Function { name: name.into(), help: "Misbehaves".into(), windows: 1, params: Vec::new(), min_points: 1 }
}

fn param(number: usize) -> Param {
    Param { name: format!("p{number}"), help: String::new(), default: Some(f64::NAN) }
}

fn setting(name: &str, default: Option<&str>) -> Setting {
    let default = default.map(String::from);
    Setting { name: name.into(), kind: SettingKind::Integer, help: String::new(), required: false, default }
}

bellwether_plugin_sdk::export_detector!(Hostile);
