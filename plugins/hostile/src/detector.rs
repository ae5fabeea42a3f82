//! A detector whose functions are the misdeeds.

use bellwether_plugin_sdk::detector::{About, Detector, Error, Function, Instant, Matrix, Verdicts};

use crate::misbehave;

/// Doubles in 100 MB.
const MANY: usize = 100_000_000 / size_of::<f64>();

struct Hostile;

impl Detector for Hostile {
    fn describe() -> (About, Vec<Function>) {
        let about = About {
            name: "hostile-detector".into(),
            version: env!("CARGO_PKG_VERSION").into(),
            summary: "Misbehaves on demand".into(),
            homepage: None,
            settings: Vec::new(),
        };
        let function = |name: &str| Function {
            name: name.into(),
            help: "Misbehaves".into(),
            windows: 1,
            params: Vec::new(),
            min_points: 1,
        };
        let names = [
            "hostile_spin",
            "hostile_hoard",
            "hostile_crash",
            "hostile_flood",
            "hostile_short",
            "hostile_fine",
        ];
        (about, names.map(function).to_vec())
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
            "hostile_hoard" => misbehave::hoard(),
            "hostile_crash" => misbehave::crash(),
            "hostile_flood" => MANY,
            "hostile_short" => series.saturating_sub(1),
            _ => series,
        };
        Ok(Verdicts { score: vec![1.0; scores], expected: vec![], lower: vec![], upper: vec![] })
    }
}

bellwether_plugin_sdk::export_detector!(Hostile);
