//! Models: fitted to history, then asked about new points.
//!
//! A plugin with models is a detector, perhaps without functions: implement [`Detector`](crate::detector::Detector) and
//! [`Models`] for one type, [`Model`] for what is fitted, and export the first.
//!
//! ```
//! use bellwether_plugin_sdk::detector::{Detector, Function};
//! use bellwether_plugin_sdk::models::*;
//!
//! struct Plugin;
//!
//! impl Detector for Plugin {
//!     fn describe() -> (About, Vec<Function>) {
//!         let about = About {
//!             name: "mean".into(),
//!             version: env!("CARGO_PKG_VERSION").into(),
//!             summary: "Distance from the mean".into(),
//!             homepage: None,
//!             settings: Vec::new(),
//!         };
//!         (about, Vec::new())
//!     }
//! }
//!
//! /// The mean of all that it has seen.
//! #[derive(Default)]
//! struct Mean(f64);
//!
//! impl Model for Mean {
//!     fn fit(&mut self, history: &Matrix) -> Result<Report, String> {
//!         let values = history.values_of(0);
//!         self.0 = values.iter().sum::<f64>() / values.len() as f64;
//!         Ok(Report { summary: format!("mean {}", self.0), ..report(values.len()) })
//!     }
//!     fn score(&self, points: &Matrix) -> Result<Verdicts, String> {
//!         Ok(judge_points(points, |_, value| Verdict { score: value - self.0, expected: self.0, ..Verdict::NONE }))
//!     }
//!     fn save(&self) -> Vec<u8> {
//!         self.0.to_le_bytes().to_vec()
//!     }
//! }
//!
//! impl Models for Plugin {
//!     type Model = Mean;
//!
//!     fn kinds() -> Vec<Kind> {
//!         vec![kind("mean", "The mean of a week", 7 * 86_400_000)]
//!     }
//!     fn create(_kind: &str, _config: &str, _seed: u64) -> Result<Mean, Problem> {
//!         Ok(Mean::default())
//!     }
//!     fn restore(_kind: &str, _config: &str, _seed: u64, saved: &[u8]) -> Result<Mean, String> {
//!         let bytes = saved.try_into().map_err(|_| "not eight bytes".to_owned())?;
//!         Ok(Mean(f64::from_le_bytes(bytes)))
//!     }
//! }
//!
//! bellwether_plugin_sdk::export_models!(Plugin);
//! ```

use std::cell::RefCell;

use crate::detector::bindings::exports::bellwether::detector::models as wit;
use crate::detector::{Adapter, Detector, log_panic};

pub use crate::detector::bindings::bellwether::host::types::Problem;
pub use crate::detector::{About, Instant, Matrix, Setting, SettingKind, Verdict, Verdicts};
pub use wit::{Explanation, Kind, Report};

/// One model: of one series, or of all where its kind is multivariate.
pub trait Model: Sized + 'static {
    /// Replaces whatever it knew. May be slow: nobody waits for it.
    fn fit(&mut self, history: &Matrix) -> Result<Report, String>;

    /// Judges points without learning from them: one verdict for each, in the order of `points.values`.
    fn score(&self, points: &Matrix) -> Result<Verdicts, String>;

    /// Learns from points that were judged normal.
    fn update(&mut self, points: &Matrix) -> Result<(), String> {
        let _ = points;
        Ok(())
    }

    /// Says why the scores of points are what they are.
    fn explain(&self, points: &Matrix) -> Result<Explanation, String> {
        let _ = points;
        Err("it cannot say why".to_owned())
    }

    /// All that [`Models::restore`] needs, at most 1 MiB.
    fn save(&self) -> Vec<u8>;
}

/// The models of a plugin.
pub trait Models: Detector {
    /// What is fitted; an enum where there are several kinds.
    type Model: Model;

    /// What it offers. Always the same.
    fn kinds() -> Vec<Kind>;

    /// A model that knows nothing yet. `config` is a JSON object with the settings of the kind, `seed` is the same for the
    /// same series.
    fn create(kind: &str, config: &str, seed: u64) -> Result<Self::Model, Problem>;

    /// A model out of what [`Model::save`] gave, perhaps of an earlier version of this plugin; an error means fit again.
    fn restore(kind: &str, config: &str, seed: u64, saved: &[u8]) -> Result<Self::Model, String>;
}

/// A kind of model for single series, without settings: fill in the rest with `..kind(…)`.
pub fn kind(name: &str, summary: &str, history_ms: u64) -> Kind {
    Kind {
        name: name.into(),
        about: About {
            name: name.replace('_', "-"),
            version: "0.1.0".into(),
            summary: summary.into(),
            homepage: None,
            settings: Vec::new(),
        },
        history: history_ms,
        multivariate: false,
    }
}

/// A report of a fit that went well: fill in the rest with `..report(…)`.
pub fn report(points: usize) -> Report {
    Report {
        usable: true,
        points: u32::try_from(points).unwrap_or(u32::MAX),
        summary: String::new(),
        figures: Vec::new(),
    }
}

/// Judges each point by itself, of all series.
pub fn judge_points(points: &Matrix, judge: impl Fn(Instant, f64) -> Verdict) -> Verdicts {
    let mut verdicts = Verdicts::with_capacity(points.values.len());
    for (at, value) in points.times.iter().zip(&points.values) {
        verdicts.push(judge(*at, *value));
    }
    verdicts
}

/// A matrix of one series, for tests.
pub fn series(points: impl IntoIterator<Item = (Instant, f64)>) -> Matrix {
    let (times, values): (Vec<Instant>, Vec<f64>) = points.into_iter().unzip();
    Matrix { offsets: vec![0, u32::try_from(values.len()).unwrap_or(u32::MAX)], times, values }
}

/// For tests: panics unless a model that was saved and restored judges points as before.
pub fn assert_survives_saving<P: Models>(kind: &str, config: &str, model: &P::Model, points: &Matrix) {
    let restored = P::restore(kind, config, 0, &model.save()).expect("what was saved can be restored");
    let bits = |verdicts: Result<Verdicts, String>| {
        let Verdicts { score, expected, lower, upper } = verdicts.expect("the points can be judged");
        [score, expected, lower, upper].map(|column| column.into_iter().map(f64::to_bits).collect::<Vec<_>>())
    };
    assert_eq!(bits(restored.score(points)), bits(model.score(points)), "a restored model judges alike");
}

/// One model, seen from the host.
pub struct Resource<M>(RefCell<M>);

impl<P: Models> wit::Guest for Adapter<P> {
    type Model = Resource<P::Model>;

    fn kinds() -> Vec<Kind> {
        crate::panic::report_to(log_panic);
        P::kinds()
    }

    fn create(kind: String, config: String, seed: u64) -> Result<wit::Model, Problem> {
        crate::panic::report_to(log_panic);
        P::create(&kind, &config, seed).map(|model| wit::Model::new(Resource(RefCell::new(model))))
    }

    fn restore(kind: String, config: String, seed: u64, saved: Vec<u8>) -> Result<wit::Model, String> {
        crate::panic::report_to(log_panic);
        P::restore(&kind, &config, seed, &saved).map(|model| wit::Model::new(Resource(RefCell::new(model))))
    }
}

impl<M: Model> wit::GuestModel for Resource<M> {
    fn fit(&self, history: Matrix) -> Result<Report, String> {
        self.0.borrow_mut().fit(&history)
    }

    fn score(&self, points: Matrix) -> Result<Verdicts, String> {
        self.0.borrow().score(&points)
    }

    fn update(&self, points: Matrix) -> Result<(), String> {
        self.0.borrow_mut().update(&points)
    }

    fn explain(&self, points: Matrix) -> Result<Explanation, String> {
        self.0.borrow().explain(&points)
    }

    fn save(&self) -> Vec<u8> {
        self.0.borrow().save()
    }
}

#[doc(hidden)]
pub const fn is_models<T: Models>() {}

/// Makes a type that implements [`Detector`](crate::detector::Detector) and [`Models`](crate::models::Models) the
/// component's detector. Off wasm it does nothing, so that plugins can be tested natively.
#[macro_export]
macro_rules! export_models {
    ($models:ty) => {
        #[cfg(target_family = "wasm")]
        type ExportedDetector = $crate::detector::Adapter<$models>;
        #[cfg(target_family = "wasm")]
        $crate::detector::export_detector_world!(ExportedDetector);
        #[cfg(not(target_family = "wasm"))]
        const _: () = $crate::models::is_models::<$models>();
    };
}
