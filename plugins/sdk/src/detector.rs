//! Anomaly detectors: windows of numbers in, one score for each series out.

use std::marker::PhantomData;

pub(crate) mod bindings {
    #![allow(missing_docs, unused_qualifications, clippy::all, reason = "generated")]
    #[cfg(feature = "models")]
    wit_bindgen::generate!({
        path: ["../../wit/host", "../../wit/detector"],
        world: "bellwether:detector/detector-plugin-full",
        generate_all,
        pub_export_macro: true,
        export_macro_name: "export_detector_world",
        default_bindings_module: "bellwether_plugin_sdk::detector",
    });
    #[cfg(not(feature = "models"))]
    wit_bindgen::generate!({
        path: ["../../wit/host", "../../wit/detector"],
        world: "bellwether:detector/detector-plugin",
        generate_all,
        pub_export_macro: true,
        export_macro_name: "export_detector_world",
        default_bindings_module: "bellwether_plugin_sdk::detector",
    });
}

#[doc(hidden)]
pub use bindings::{export_detector_world, exports};

use bindings::exports::bellwether::detector::functions as wit;

pub use bindings::bellwether::host::log;
pub use bindings::bellwether::host::types::{About, Setting, SettingKind};
pub use wit::{Error, Function, Matrix, Param, Verdicts};

/// Unix time in milliseconds.
pub type Instant = i64;

/// Pure functions over windows.
pub trait Detector: 'static {
    /// Who it is, and its functions. Always the same.
    fn describe() -> (About, Vec<Function>);

    /// One evaluation of one function over all the series. Not called where there are no functions but models only.
    fn evaluate(function: &str, params: &[f64], at: Instant, windows: &[Matrix]) -> Result<Verdicts, Error> {
        let _ = (params, at, windows);
        Err(Error::Failed(format!("there is no function {function}")))
    }
}

impl Matrix {
    /// How many series there are.
    pub fn series(&self) -> usize {
        self.offsets.len().saturating_sub(1)
    }

    /// The values of one series, oldest first; empty where the offsets make no sense.
    pub fn values_of(&self, series: usize) -> &[f64] {
        self.column(&self.values, series)
    }

    /// The times of one series, oldest first; empty where the offsets make no sense.
    pub fn times_of(&self, series: usize) -> &[Instant] {
        self.column(&self.times, series)
    }

    fn column<'a, T>(&self, column: &'a [T], series: usize) -> &'a [T] {
        let bounds = self.offsets.get(series).zip(self.offsets.get(series + 1));
        bounds.and_then(|(from, to)| column.get(*from as usize..*to as usize)).unwrap_or(&[])
    }
}

/// What a detector thinks of the newest point of one series.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Verdict {
    /// How far out it is; NaN leaves the series out.
    pub score: f64,
    /// The value that was expected.
    pub expected: f64,
    /// Lower edge of the normal band.
    pub lower: f64,
    /// Upper edge of the normal band.
    pub upper: f64,
}

impl Verdict {
    /// No verdict: the series is left out of the result.
    pub const NONE: Self = Self { score: f64::NAN, expected: f64::NAN, lower: f64::NAN, upper: f64::NAN };
}

impl Verdicts {
    /// No verdicts yet, with room for so many.
    pub fn with_capacity(count: usize) -> Self {
        let column = || Vec::with_capacity(count);
        Self { score: column(), expected: column(), lower: column(), upper: column() }
    }

    /// Adds the verdict of the next series or point.
    pub fn push(&mut self, verdict: Verdict) {
        self.score.push(verdict.score);
        self.expected.push(verdict.expected);
        self.lower.push(verdict.lower);
        self.upper.push(verdict.upper);
    }
}

/// Judges each series of a window by itself.
pub fn judge_each(window: &Matrix, judge: impl Fn(&[f64]) -> Verdict) -> Verdicts {
    let mut verdicts = Verdicts::with_capacity(window.series());
    (0..window.series()).for_each(|series| verdicts.push(judge(window.values_of(series))));
    verdicts
}

/// The component around a detector; made by [`export_detector!`](crate::export_detector).
pub struct Adapter<D>(PhantomData<D>);

impl<D: Detector> wit::Guest for Adapter<D> {
    fn describe() -> (About, Vec<Function>) {
        crate::panic::report_to(log_panic);
        D::describe()
    }

    fn evaluate(
        function: String,
        params: Vec<f64>,
        at: Instant,
        windows: Vec<Matrix>,
    ) -> Result<Verdicts, Error> {
        crate::panic::report_to(log_panic);
        D::evaluate(&function, &params, at, &windows)
    }
}

#[doc(hidden)]
pub const fn is_detector<T: Detector>() {}

pub(crate) fn log_panic(text: &str) {
    log::write(log::Level::Error, text, &[]);
}

/// Makes a type that implements [`Detector`](crate::detector::Detector) the component's detector. Off wasm it does nothing, so that
/// plugins can be tested natively.
#[macro_export]
macro_rules! export_detector {
    ($detector:ty) => {
        #[cfg(target_family = "wasm")]
        type ExportedDetector = $crate::detector::Adapter<$detector>;
        #[cfg(target_family = "wasm")]
        $crate::detector::export_detector_world!(ExportedDetector);
        #[cfg(not(target_family = "wasm"))]
        const _: () = $crate::detector::is_detector::<$detector>();
    };
}
