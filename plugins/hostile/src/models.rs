//! Models, most of which misbehave; what each does wrong is in the name of its kind.

use bellwether_plugin_sdk::detector::{About, Detector, Function};
use bellwether_plugin_sdk::models::{
    Explanation, Kind, Matrix, Model, Models, Problem, Report, Setting, SettingKind, Verdict, Verdicts,
    judge_points, kind, report,
};

use crate::misbehave;

/// An hour in milliseconds.
const HISTORY_MS: u64 = 3_600_000;
/// A state that is too large.
const FLOOD_BYTES: usize = 2 << 20;
/// A value at which even kinds that are fine so far crash.
const POISON: f64 = 666.0;

struct Hostile;

impl Detector for Hostile {
    fn describe() -> (About, Vec<Function>) {
        let about = About {
            name: "hostile-models".into(),
            version: env!("CARGO_PKG_VERSION").into(),
            summary: "Models that misbehave on demand".into(),
            homepage: None,
            settings: Vec::new(),
        };
        (about, Vec::new())
    }
}

/// The mean of the history, and of what came later.
struct Level {
    kind: String,
    scale: f64,
    mean: f64,
    count: f64,
}

impl Level {
    fn learn(&mut self, values: &[f64]) {
        for value in values {
            self.count += 1.0;
            self.mean += (value - self.mean) / self.count;
        }
    }
}

impl Model for Level {
    fn fit(&mut self, history: &Matrix) -> Result<Report, String> {
        match self.kind.as_str() {
            "spin_fit" => misbehave::spin(),
            "hoard_fit" => drop(misbehave::hoard()),
            "fail_fit" => return Err("it does not like this history".into()),
            _ => {}
        }
        (self.mean, self.count) = (0.0, 0.0);
        self.learn(&history.values);
        let summary = format!("mean {} of {}", self.mean, self.count);
        Ok(Report { summary, figures: vec![("nan".into(), f64::NAN)], ..report(history.values.len()) })
    }

    fn score(&self, points: &Matrix) -> Result<Verdicts, String> {
        if points.values.contains(&POISON) {
            misbehave::crash();
        }
        match self.kind.as_str() {
            "spin_score" => misbehave::spin(),
            "recurse_score" => drop(misbehave::recurse(0)),
            "short_score" => return Ok(Verdicts::with_capacity(0)),
            "fail_score" => return Err("it has no opinion".into()),
            _ => {}
        }
        let judge = |value: f64| Verdict {
            score: (value - self.mean) * self.scale,
            expected: self.mean,
            ..Verdict::NONE
        };
        Ok(judge_points(points, |_, value| judge(value)))
    }

    fn update(&mut self, points: &Matrix) -> Result<(), String> {
        self.learn(&points.values);
        Ok(())
    }

    fn explain(&self, points: &Matrix) -> Result<Explanation, String> {
        Ok(Explanation { text: format!("{:?} are not {}", points.values, self.mean), contributions: vec![] })
    }

    fn save(&self) -> Vec<u8> {
        if self.kind == "flood_save" {
            return vec![0; FLOOD_BYTES];
        }
        format!("{} {}", self.mean, self.count).into_bytes()
    }
}

impl Models for Hostile {
    type Model = Level;

    fn kinds() -> Vec<Kind> {
        let names = [
            "level",
            "spin_fit",
            "hoard_fit",
            "fail_fit",
            "spin_score",
            "recurse_score",
            "short_score",
            "fail_score",
            "flood_save",
        ];
        let mut kinds = names.map(|name| kind(name, "Misbehaves", HISTORY_MS)).to_vec();
        kinds[0].about.settings.push(Setting {
            name: "scale".into(),
            kind: SettingKind::Number,
            help: "What the distance from the mean is multiplied with".into(),
            required: false,
            default: Some("1".into()),
        });
        kinds.push(Kind { multivariate: true, ..kind("together", "Level of all series", HISTORY_MS) });
        kinds
    }

    fn create(kind: &str, config: &str, _seed: u64) -> Result<Level, Problem> {
        let number = config.split_once("\"scale\":").map(|(_, rest)| rest.trim_end_matches('}'));
        let scale = number.map_or(Ok(1.0), str::parse);
        let scale = scale.map_err(|_| Problem { setting: Some("scale".into()), message: config.into() })?;
        if scale < 0.0 {
            return Err(Problem { setting: Some("scale".into()), message: "must not be negative".into() });
        }
        Ok(Level { kind: kind.into(), scale, mean: 0.0, count: 0.0 })
    }

    fn restore(kind: &str, config: &str, seed: u64, saved: &[u8]) -> Result<Level, String> {
        let created = Self::create(kind, config, seed).map_err(|problem| problem.message)?;
        let text = core::str::from_utf8(saved).map_err(|error| error.to_string())?;
        let (mean, count) = text.split_once(' ').ok_or("no state of mine")?;
        let number = |text: &str| text.parse().map_err(|_| "no state of mine".to_owned());
        Ok(Level { mean: number(mean)?, count: number(count)?, ..created })
    }
}

bellwether_plugin_sdk::export_models!(Hostile);
