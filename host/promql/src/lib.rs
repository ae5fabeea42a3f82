//! PromQL as Prometheus 3 speaks it, over floats and native histograms: parser, printer, engine, functions, and the
//! runner for upstream's `*.test` format.
//!
//! Text goes through [`parse`] (lexer, Pratt parser, type check) into an arena [`Ast`] with a byte span on each node;
//! [`Engine::prepare`] resolves its functions once, and [`Engine::instant`] and [`Engine::range`] evaluate it over any
//! [`bellwether_model::Queryable`]. Detector plugins join the language through [`FunctionRegistry`].
//!
//! ```
//! use bellwether_model::{Labels, Sample, Timestamp};
//! use bellwether_promql::{Engine, testing::MemoryStore};
//!
//! let mut store = MemoryStore::default();
//! let now = Timestamp::from_millis(60_000);
//! let labels = Labels::from_pairs([("__name__", "device_temperature_celsius"), ("device_id", "esp32-01")]);
//! store.put(&labels, Sample::new(now, 91.5));
//!
//! let engine = Engine::default();
//! let query = engine.prepare("device_temperature_celsius > 85")?;
//! let answer = engine.instant(&query, &store, now)?;
//! assert_eq!(answer.value.as_vector().unwrap()[0].value.as_float(), Some(91.5));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Nothing here reads a clock, a file or a socket: times are arguments, cancellation is a closure in [`Limits`].

mod annotations;
pub mod ast;
mod engine;
pub mod error;
mod features;
mod functions;
mod lexer;
mod parser;
pub mod plugin;
mod pretty;
mod printer;
pub mod query;
mod signatures;
mod statistics;
pub mod testing;
pub mod value;

pub use ast::{Ast, Expr, NodeId, Span, ValueType};
pub use engine::{Engine, EngineOptions, Limits, Range, Statistics, Tick};
pub use error::{EvalError, ParseError};
pub use features::Features;
pub use parser::{parse, parse_selector};
pub use plugin::{FunctionRegistry, PluginFunction, RegisterError};
pub use pretty::pretty;
pub use query::{Query, Signal};
pub use signatures::{Signature, signature, signatures};
pub use value::{Answer, InstantSample, QueryStats, RangeSeries, SampleValue, Value};
