//! The host's own metrics and logs. Each metric name stands here, once; those of plugins in `plugins`.

mod plugins;

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bellwether_sandbox::Plugins;
use prometheus_client::encoding::text::{encode_eof, encode_registry};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;
use tracing_subscriber::EnvFilter;

/// What all names begin with.
const PREFIX: &str = "bellwether";

type Labelled = Family<Vec<(String, String)>, Counter>;
/// By the name of the configured model.
type ByModel<M> = Family<[(&'static str, String); 1], M>;

/// Counters and gauges of the host.
#[derive(Debug)]
pub struct Telemetry {
    registry: Registry,
    rule_evaluations: Counter,
    rule_evaluation_failures: Counter,
    rule_group_iterations: Counter,
    rule_group_iterations_missed: Counter,
    last_rule_tick_micros: AtomicU64,
    samples_appended: Counter,
    samples_rejected: Labelled,
    notifications: Labelled,
    notification_failures: Labelled,
    notifications_pending: Gauge,
    http_requests: Labelled,
    head_series: Gauge,
    resident_bytes: Gauge,
    reloads: Labelled,
    model_evaluations: ByModel<Counter>,
    model_evaluation_failures: ByModel<Counter>,
    model_series: ByModel<Gauge>,
    model_series_left_out: ByModel<Gauge>,
    model_fits: ByModel<Counter>,
    model_fit_failures: ByModel<Counter>,
    model_fit_seconds: ByModel<Counter<f64, AtomicU64>>,
}

impl Default for Telemetry {
    fn default() -> Self {
        let mut telemetry = Self {
            registry: Registry::with_prefix(PREFIX),
            rule_evaluations: Counter::default(),
            rule_evaluation_failures: Counter::default(),
            rule_group_iterations: Counter::default(),
            rule_group_iterations_missed: Counter::default(),
            last_rule_tick_micros: AtomicU64::new(0),
            samples_appended: Counter::default(),
            samples_rejected: Family::default(),
            notifications: Family::default(),
            notification_failures: Family::default(),
            notifications_pending: Gauge::default(),
            http_requests: Family::default(),
            head_series: Gauge::default(),
            resident_bytes: Gauge::default(),
            reloads: Family::default(),
            model_evaluations: Family::default(),
            model_evaluation_failures: Family::default(),
            model_series: Family::default(),
            model_series_left_out: Family::default(),
            model_fits: Family::default(),
            model_fit_failures: Family::default(),
            model_fit_seconds: Family::default(),
        };
        telemetry.register();
        telemetry
    }
}

impl Telemetry {
    fn register(&mut self) {
        let r = &mut self.registry;
        r.register("rule_evaluations", "Rules evaluated", self.rule_evaluations.clone());
        r.register("rule_evaluation_failures", "Rules that failed", self.rule_evaluation_failures.clone());
        r.register("rule_group_iterations", "Evaluations of groups", self.rule_group_iterations.clone());
        r.register(
            "rule_group_iterations_missed",
            "Evaluations of groups that were skipped because the one before took too long",
            self.rule_group_iterations_missed.clone(),
        );
        r.register("samples_appended", "Samples taken in", self.samples_appended.clone());
        r.register("samples_rejected", "Samples dropped, by reason", self.samples_rejected.clone());
        r.register("notifications", "Messages delivered, by receiver and kind", self.notifications.clone());
        r.register(
            "notification_failures",
            "Attempts to deliver that failed, by receiver and kind",
            self.notification_failures.clone(),
        );
        r.register("notifications_pending", "Messages that wait", self.notifications_pending.clone());
        r.register("http_requests", "Requests answered, by listener and status", self.http_requests.clone());
        r.register("head_series", "Series in memory", self.head_series.clone());
        r.register("process_resident_memory_bytes", "Resident memory", self.resident_bytes.clone());
        r.register("config_reloads", "Attempts to load the configuration, by result", self.reloads.clone());
        self.register_models();
    }

    fn register_models(&mut self) {
        let r = &mut self.registry;
        r.register("model_evaluations", "Evaluations of models", self.model_evaluations.clone());
        r.register(
            "model_evaluation_failures",
            "Evaluations of models that failed",
            self.model_evaluation_failures.clone(),
        );
        r.register("model_series", "Series that a model judges", self.model_series.clone());
        r.register(
            "model_series_left_out",
            "Series that a model does not judge, because there are too many",
            self.model_series_left_out.clone(),
        );
        r.register("model_fits", "Fits of models", self.model_fits.clone());
        r.register("model_fit_failures", "Fits of models that failed", self.model_fit_failures.clone());
        r.register("model_fit_seconds", "Time that fits of models took", self.model_fit_seconds.clone());
    }

    /// A group came to its slot; some slots before it may have been missed.
    pub fn rule_iterations(&self, missed: u64) {
        self.rule_group_iterations.inc();
        self.rule_group_iterations_missed.inc_by(missed);
    }

    /// A group was evaluated.
    pub fn rule_tick(&self, rules: usize, failures: usize, took: Duration) {
        self.rule_evaluations.inc_by(rules as u64);
        self.rule_evaluation_failures.inc_by(failures as u64);
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        self.last_rule_tick_micros.store(micros, Ordering::Relaxed);
    }

    /// How long the last evaluation of a group took.
    pub fn last_rule_tick(&self) -> Duration {
        Duration::from_micros(self.last_rule_tick_micros.load(Ordering::Relaxed))
    }

    /// A batch was taken in, wholly or in part.
    pub fn appended(&self, appended: bellwether_model::query::Appended) {
        self.samples_appended.inc_by(appended.accepted as u64);
        for (reason, count) in [("out_of_order", appended.out_of_order), ("duplicate", appended.duplicate)] {
            if count > 0 {
                let labels = vec![("reason".to_owned(), reason.to_owned())];
                self.samples_rejected.get_or_create(&labels).inc_by(count as u64);
            }
        }
    }

    /// A message was delivered, or an attempt failed.
    pub fn notification(&self, receiver: &str, kind: &str, delivered: bool) {
        let labels = vec![("receiver".to_owned(), receiver.to_owned()), ("kind".to_owned(), kind.to_owned())];
        let family = if delivered { &self.notifications } else { &self.notification_failures };
        family.get_or_create(&labels).inc();
    }

    /// How many messages wait.
    pub fn pending_notifications(&self, pending: u64) {
        self.notifications_pending.set(pending.try_into().unwrap_or(i64::MAX));
    }

    /// A request was answered.
    pub fn http_request(&self, listener: &'static str, status: u16) {
        let labels =
            vec![("listener".to_owned(), listener.to_owned()), ("code".to_owned(), status.to_string())];
        self.http_requests.get_or_create(&labels).inc();
    }

    /// The configuration was loaded anew, or could not be.
    pub fn reload(&self, succeeded: bool) {
        let result = if succeeded { "success" } else { "failure" };
        self.reloads.get_or_create(&vec![("result".to_owned(), result.to_owned())]).inc();
    }

    /// A model was evaluated, for so many series, or failed.
    pub fn model_evaluated(&self, model: &str, series: usize, left_out: usize, succeeded: bool) {
        let labels = by_model(model);
        self.model_evaluations.get_or_create(&labels).inc();
        self.model_evaluation_failures.get_or_create(&labels).inc_by(u64::from(!succeeded));
        self.model_series.get_or_create(&labels).set(series.try_into().unwrap_or(i64::MAX));
        self.model_series_left_out.get_or_create(&labels).set(left_out.try_into().unwrap_or(i64::MAX));
    }

    /// A model of one series was fitted, or could not be.
    pub fn model_fit(&self, model: &str, took: Duration, succeeded: bool) {
        let labels = by_model(model);
        self.model_fits.get_or_create(&labels).inc();
        self.model_fit_failures.get_or_create(&labels).inc_by(u64::from(!succeeded));
        self.model_fit_seconds.get_or_create(&labels).inc_by(took.as_secs_f64());
    }

    /// A model is not configured any more.
    pub fn model_gone(&self, model: &str) {
        let labels = by_model(model);
        self.model_series.remove(&labels);
        self.model_series_left_out.remove(&labels);
    }

    /// All metrics in the text format, with gauges brought up to date.
    pub fn exposition(&self, head_series: usize, plugins: &Plugins) -> String {
        self.head_series.set(head_series.try_into().unwrap_or(i64::MAX));
        self.resident_bytes.set(resident_bytes().try_into().unwrap_or(i64::MAX));
        let mut text = String::new();
        let written = encode_registry(&mut text, &self.registry)
            .and_then(|()| encode_registry(&mut text, &plugins::registry(plugins, PREFIX)))
            .and_then(|()| encode_eof(&mut text));
        written.map(|()| text).unwrap_or_default()
    }
}

fn by_model(model: &str) -> [(&'static str, String); 1] {
    [("model", model.to_owned())]
}

/// Resident memory of this process; 0 where the system does not tell.
pub fn resident_bytes() -> u64 {
    const PAGE_BYTES: u64 = 4096;
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages = statm.split_whitespace().nth(1).and_then(|pages| pages.parse::<u64>().ok());
    pages.unwrap_or(0) * PAGE_BYTES
}

/// Logs to standard error; `RUST_LOG` says how much, warnings and life cycle by default.
pub fn init_logging(default: &str, json: bool) {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new(default));
    let colours = std::io::IsTerminal::is_terminal(&std::io::stderr());
    let builder =
        tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_ansi(colours);
    // A second call, in tests, keeps the first subscriber.
    drop(if json { builder.json().try_init() } else { builder.with_target(false).try_init() });
}
