//! Experimental parts of the language, each off until it is asked for, as behind Prometheus' feature flags.

/// Which experimental parts of the language a query may use.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Features {
    /// Functions and aggregations that Prometheus calls experimental, such as `sort_by_label`, `info` and `limitk`
    /// (`promql-experimental-functions`).
    pub experimental_functions: bool,
    /// Arithmetic, `step()` and `range()` in the lengths of windows and offsets (`promql-duration-expr`).
    pub duration_expressions: bool,
    /// The modifiers `anchored` and `smoothed` (`promql-extended-range-selectors`).
    pub extended_range_selectors: bool,
    /// The modifiers `fill`, `fill_left` and `fill_right` (`promql-binop-fill-modifiers`).
    pub fill_modifiers: bool,
}

impl Features {
    /// The whole language.
    pub const ALL: Self = Self {
        experimental_functions: true,
        duration_expressions: true,
        extended_range_selectors: true,
        fill_modifiers: true,
    };
}
