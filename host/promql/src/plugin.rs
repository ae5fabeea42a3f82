//! Functions that detector plugins add to the language.
//!
//! A registry is an immutable snapshot: a reload builds a new one and makes a new engine with it
//! ([`crate::Engine::with_functions`]). Queries refer to plugin functions by name, so that a query prepared before a
//! reload runs the new version of its plugin.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use bellwether_model::Timestamp;
use bellwether_model::detector::{DetectorError, DetectorFunction, Verdicts, WindowMatrix};

use crate::parser::words::is_reserved;

/// Range vectors that one plugin function may take.
const MAX_WINDOWS: u8 = 2;

/// One function of a plugin, callable in any expression: `zscore(x[1h]) > 3`.
///
/// Called once for each step of an evaluation with the windows of all series. It must not panic; whatever goes wrong
/// behind it is a [`DetectorError`].
pub trait PluginFunction: Send + Sync {
    /// Name, windows, parameters; always the same for one registration.
    fn signature(&self) -> &DetectorFunction;

    /// Judges all series at once: one score per series, in the order of the windows.
    fn evaluate(
        &self,
        params: &[f64],
        at: Timestamp,
        windows: &[WindowMatrix],
    ) -> Result<Verdicts, DetectorError>;
}

/// A plugin function that cannot be taken in.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RegisterError {
    /// The name belongs to PromQL itself.
    #[error("plugin function {0:?} has the name of a built-in function or keyword of PromQL")]
    Reserved(String),
    /// Two plugins offer the same name.
    #[error("plugin function {0:?} is offered twice")]
    Duplicate(String),
    /// Not `[a-zA-Z_][a-zA-Z0-9_]*`.
    #[error("plugin function {0:?} has no valid name: letters, digits and underscores only")]
    BadName(String),
    /// Neither one nor two range vectors.
    #[error("plugin function {name:?} takes {windows} range vectors, only 1 or 2 are possible")]
    BadWindows {
        /// Its name.
        name: String,
        /// What it says it takes.
        windows: u8,
    },
    /// A parameter without a default after one with a default.
    #[error("plugin function {0:?} has a required parameter after an optional one")]
    RequiredAfterOptional(String),
}

/// All plugin functions that expressions may call, by name.
#[derive(Clone, Default)]
pub struct FunctionRegistry {
    functions: BTreeMap<String, Arc<dyn PluginFunction>>,
}

impl FunctionRegistry {
    /// Takes in a function; refuses names that PromQL or another plugin owns.
    pub fn register(&mut self, function: Arc<dyn PluginFunction>) -> Result<(), RegisterError> {
        let signature = function.signature();
        check_signature(signature)?;
        let name = signature.name.clone();
        if self.functions.contains_key(&name) {
            return Err(RegisterError::Duplicate(name));
        }
        self.functions.insert(name, function);
        Ok(())
    }

    /// The function of that name.
    pub fn function(&self, name: &str) -> Option<&Arc<dyn PluginFunction>> {
        self.functions.get(name)
    }

    /// All signatures, sorted by name.
    pub fn signatures(&self) -> impl Iterator<Item = &DetectorFunction> {
        self.functions.values().map(|function| function.signature())
    }
}

impl fmt::Debug for FunctionRegistry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.functions.keys()).finish()
    }
}

fn check_signature(signature: &DetectorFunction) -> Result<(), RegisterError> {
    let name = signature.name.clone();
    if !bellwether_model::labels::is_classic_label_name(&name) {
        return Err(RegisterError::BadName(name));
    }
    if crate::signatures::signature(&name).is_some() || is_reserved(&name) {
        return Err(RegisterError::Reserved(name));
    }
    if signature.windows == 0 || signature.windows > MAX_WINDOWS {
        return Err(RegisterError::BadWindows { name, windows: signature.windows });
    }
    let defaults = signature.params.iter().map(|param| param.default.is_some());
    if !defaults.is_sorted() {
        return Err(RegisterError::RequiredAfterOptional(name));
    }
    Ok(())
}
