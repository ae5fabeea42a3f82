//! Detector plugins as functions of the expression language.

use std::sync::Arc;

use bellwether_model::Timestamp;
use bellwether_model::detector::{Detector, DetectorError, DetectorFunction, Verdicts, WindowMatrix};
use bellwether_promql::PluginFunction;
use tokio::runtime::Handle;

/// One function of one detector. Expressions are evaluated on threads that may block, so a call waits for the plugin.
#[derive(Debug)]
pub struct DetectorFunctionAdapter {
    detector: Arc<dyn Detector>,
    function: DetectorFunction,
    runtime: Handle,
}

impl DetectorFunctionAdapter {
    /// All functions of a detector.
    pub fn all(detector: &Arc<dyn Detector>, runtime: &Handle) -> Vec<Self> {
        let functions = detector.functions().iter().cloned();
        functions
            .map(|function| Self { detector: Arc::clone(detector), function, runtime: runtime.clone() })
            .collect()
    }
}

impl PluginFunction for DetectorFunctionAdapter {
    fn signature(&self) -> &DetectorFunction {
        &self.function
    }

    fn evaluate(
        &self,
        params: &[f64],
        at: Timestamp,
        windows: &[WindowMatrix],
    ) -> Result<Verdicts, DetectorError> {
        self.runtime.block_on(self.detector.evaluate(&self.function.name, params, at, windows))
    }
}
