//! The kind of model `seasonal`: how far a value is from what is usual at that hour of the week.

mod clock;
mod level;
mod season;

use bellwether_plugin_sdk::config;
use bellwether_plugin_sdk::detector::{Detector, Function};
use bellwether_plugin_sdk::models::{
    About, Explanation, Kind, Matrix, Model, Models, Problem, Report, Setting, SettingKind, Verdict,
    Verdicts, judge_points, kind, report,
};
use serde::Deserialize;

use season::Season;

/// Two weeks: the default retention of the host, and two of each hour of the week.
const HISTORY_MS: u64 = 14 * 86_400_000;
/// With less than a day of hourly points there is no season.
const LEAST_POINTS: usize = 24;
/// The largest difference to UTC that there is, in minutes.
const MAX_OFFSET_MINUTES: i64 = 14 * 60;

struct Plugin;

impl Detector for Plugin {
    fn describe() -> (About, Vec<Function>) {
        let about = About {
            name: "seasonal".into(),
            version: env!("CARGO_PKG_VERSION").into(),
            summary: "Models of what is usual at each hour of the week".into(),
            homepage: None,
            settings: Vec::new(),
        };
        (about, Vec::new())
    }
}

/// What the operator can say.
#[derive(Debug, Clone, Copy, Deserialize)]
struct Settings {
    min_points: u32,
    floor: f64,
    band: f64,
    utc_offset_minutes: i64,
}

fn settings() -> Vec<Setting> {
    let setting = |name: &str, kind, default: &str, help: &str| Setting {
        name: name.into(),
        kind,
        help: help.into(),
        required: false,
        default: Some(default.into()),
    };
    vec![
        setting(
            "min_points",
            SettingKind::Integer,
            "6",
            "With fewer points an hour of the week is judged as that hour of any day",
        ),
        setting("floor", SettingKind::Number, "0", "The smallest deviation that counts as one"),
        setting("band", SettingKind::Number, "3", "How many deviations the normal band is wide to each side"),
        setting("utc_offset_minutes", SettingKind::Integer, "0", "Where the day begins: minutes east of UTC"),
    ]
}

impl Settings {
    fn parse(json: &str) -> Result<Self, Problem> {
        let settings: Self = config::parse(json).map_err(|message| Problem { setting: None, message })?;
        let problem =
            |name: &str, message: &str| Err(Problem { setting: Some(name.into()), message: message.into() });
        if !(settings.floor >= 0.0 && settings.floor.is_finite()) {
            return problem("floor", "must be 0 or more");
        }
        if !(settings.band > 0.0 && settings.band.is_finite()) {
            return problem("band", "must be above 0");
        }
        if settings.utc_offset_minutes.abs() > MAX_OFFSET_MINUTES {
            return problem("utc_offset_minutes", "must be between -840 and 840");
        }
        Ok(settings)
    }
}

struct Seasonal {
    settings: Settings,
    season: Season,
}

impl Model for Seasonal {
    fn fit(&mut self, history: &Matrix) -> Result<Report, String> {
        let points = history.times_of(0).iter().copied().zip(history.values_of(0).iter().copied());
        let points: Vec<(i64, f64)> = points.filter(|(_, value)| value.is_finite()).collect();
        self.season = Season::fit(&points, self.settings.utc_offset_minutes);
        let (weekly, daily) = self.season.known(self.settings.min_points);
        Ok(Report {
            usable: points.len() >= LEAST_POINTS,
            summary: format!("knows {weekly} of 168 hours of the week and {daily} of 24 of the day"),
            figures: vec![
                ("hours_of_the_week".into(), f64::from(weekly)),
                ("hours_of_the_day".into(), f64::from(daily)),
                ("spread_within_hours".into(), self.season.spread_within_hours()),
            ],
            ..report(points.len())
        })
    }

    fn score(&self, points: &Matrix) -> Result<Verdicts, String> {
        Ok(judge_points(points, |at, value| self.judge(at, value)))
    }

    fn update(&mut self, points: &Matrix) -> Result<(), String> {
        for (at, value) in points.times.iter().zip(&points.values).filter(|(_, value)| value.is_finite()) {
            self.season.learn(*at, *value);
        }
        Ok(())
    }

    fn explain(&self, points: &Matrix) -> Result<Explanation, String> {
        let (Some(at), Some(value)) = (points.times.last(), points.values.last()) else {
            return Err("there is no point".into());
        };
        let (level, what) = self.season.usual(*at, self.settings.min_points);
        let spread = level.spread_above(self.settings.floor);
        let score = (value - level.center) / spread;
        let text = format!(
            "{value:.4} is {:.1} deviations {} {:.4}, which is usual {what} (give or take {spread:.4}, from {} points)",
            score.abs(),
            if score < 0.0 { "below" } else { "above" },
            level.center,
            level.points,
        );
        Ok(Explanation { text, contributions: Vec::new() })
    }

    fn save(&self) -> Vec<u8> {
        self.season.save()
    }
}

impl Seasonal {
    fn judge(&self, at: i64, value: f64) -> Verdict {
        if value.is_nan() {
            return Verdict::NONE;
        }
        let (level, _) = self.season.usual(at, self.settings.min_points);
        let spread = level.spread_above(self.settings.floor);
        let width = self.settings.band * spread;
        Verdict {
            score: (value - level.center) / spread,
            expected: level.center,
            lower: level.center - width,
            upper: level.center + width,
        }
    }
}

impl Models for Plugin {
    type Model = Seasonal;

    fn kinds() -> Vec<Kind> {
        let mut seasonal = kind("seasonal", "What is usual at each hour of the week", HISTORY_MS);
        seasonal.about.settings = settings();
        vec![seasonal]
    }

    fn create(_kind: &str, config: &str, _seed: u64) -> Result<Seasonal, Problem> {
        let settings = Settings::parse(config)?;
        Ok(Seasonal { settings, season: Season::fit(&[], settings.utc_offset_minutes) })
    }

    fn restore(_kind: &str, config: &str, _seed: u64, saved: &[u8]) -> Result<Seasonal, String> {
        let settings = Settings::parse(config).map_err(|problem| problem.message)?;
        let season = Season::restore(saved, settings.utc_offset_minutes)?;
        Ok(Seasonal { settings, season })
    }
}

bellwether_plugin_sdk::export_models!(Plugin);

#[cfg(test)]
mod tests {
    use bellwether_plugin_sdk::models::{assert_survives_saving, series};

    use super::*;

    const CONFIG: &str = r#"{"min_points": 6, "floor": 0, "band": 3, "utc_offset_minutes": 0}"#;
    const HOUR_MS: i64 = 3_600_000;

    /// Warm by day, cold by night, with a little noise; four points an hour.
    fn weeks(count: i64) -> Matrix {
        series(
            (0..count * 7 * 24 * 4)
                .map(|quarter| (quarter * HOUR_MS / 4, usual(quarter / 4) + noise(quarter))),
        )
    }

    fn usual(hour: i64) -> f64 {
        if (6..22).contains(&(hour % 24)) { 60.0 } else { 40.0 }
    }

    fn noise(step: i64) -> f64 {
        ((step * 7 + 3) % 5) as f64 / 5.0 - 0.4
    }

    fn fitted() -> (Seasonal, Report) {
        let mut model = Plugin::create("seasonal", CONFIG, 1).ok().unwrap();
        let report = model.fit(&weeks(2)).unwrap();
        (model, report)
    }

    fn score(model: &Seasonal, hour: i64, value: f64) -> f64 {
        model.score(&series([(hour * HOUR_MS, value)])).unwrap().score[0]
    }

    #[test]
    fn the_same_value_is_usual_by_day_and_odd_by_night() {
        let (model, report) = fitted();
        assert!(report.usable && report.points == 1344, "{report:?}");
        assert!(report.summary.starts_with("knows 168 of 168"), "{}", report.summary);
        assert!(score(&model, 12, 60.0).abs() < 3.0 && score(&model, 2, 60.0) > 20.0);
        assert!(score(&model, 2, f64::NAN).is_nan() && score(&model, 2, f64::INFINITY) == f64::INFINITY);
    }

    #[test]
    fn it_survives_saving_and_refuses_what_is_not_its_own() {
        let (mut model, _) = fitted();
        model.update(&series([(0, 41.0), (HOUR_MS, 39.0), (0, f64::NAN)])).unwrap();
        assert_survives_saving::<Plugin>("seasonal", CONFIG, &model, &weeks(1));
        for saved in [&[][..], &[0; 10], &model.save()[1..]] {
            assert!(Plugin::restore("seasonal", CONFIG, 1, saved).is_err());
        }
    }

    #[test]
    fn it_says_why() {
        let (model, _) = fitted();
        let text = model.explain(&series([(2 * HOUR_MS, 60.0)])).unwrap().text;
        assert!(text.contains("usual on Thursdays at 02:00") && text.contains("from 8 points"), "{text}");
    }

    #[test]
    fn too_little_is_not_usable_and_bad_settings_are_refused() {
        let mut model = Plugin::create("seasonal", CONFIG, 1).ok().unwrap();
        assert!(!model.fit(&series((0..10).map(|at| (at, f64::NAN)))).unwrap().usable);
        for (from, to) in
            [("\"floor\": 0", "\"floor\": -1"), ("\"band\": 3", "\"band\": 0"), (": 0}", ": 900}")]
        {
            let problem = Plugin::create("seasonal", &CONFIG.replace(from, to), 1).err().unwrap();
            assert!(from.contains(problem.setting.as_deref().unwrap()) || to.contains("900"), "{problem:?}");
        }
    }
}
