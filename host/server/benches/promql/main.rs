//! What PromQL costs over the store: queries that each show one kernel, and whole ticks of rule groups.
//!
//! `cargo bench -p bellwether-server` runs all; `-- tick` and `-- kernel` run a part. The fleet is 500 boards of 20 series
//! with 10 minutes of samples, the one that the figures in `docs/performance.md` are about.

mod fleet;
mod kernels;
mod ticks;

use criterion::{criterion_group, criterion_main};

criterion_group!(benches, kernels::bench, ticks::bench);
criterion_main!(benches);
