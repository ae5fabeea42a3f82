//! The host: everything wired together, started in order, stopped in order.

mod housekeeping;
mod options;
mod plugin_alerts;
mod plugin_watch;
mod sink;

pub use options::HostOptions;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, RwLock};
use std::time::Duration;

use anyhow::Context;
use arc_swap::ArcSwap;
use bellwether_alerting::dispatch::Start;
use bellwether_devices::{DeviceManager, ManagerOptions};
use bellwether_ingest::ScraperOptions;
use bellwether_model::state::DurableState;
use bellwether_model::{Appender, Timestamp};
use bellwether_promql::Engine;
use bellwether_sandbox::Plugins;
use bellwether_storage::{SqliteState, Store, StoreOptions};
use tokio::sync::{Mutex, Notify, Semaphore};
use tracing::{info, warn};

use crate::api;
use crate::api::page::SignalCache;
use crate::clock::Clock;
use crate::config::{self, Configuration, Origin};
use crate::delivery::email::Email;
use crate::delivery::inbox::Inbox;
use crate::delivery::{self, ConfiguredReceivers, DeliveryDeps, Ledger, NativeReceivers};
use crate::evaluation::{self, EngineEvaluator, EvaluationDeps, RuleGroups};
use crate::journal::{Entry, Journal, Kind};
use crate::modelling::{self, ModellingDeps, Models};
use crate::plugins;
use crate::routing::{self, RoutingHandle};
use crate::scraping::Scraping;
use crate::tasks::Tasks;
use crate::telemetry::Telemetry;

/// A running host.
pub struct Host {
    /// The time.
    pub clock: Clock,
    /// When it was started.
    pub started_at: Timestamp,
    /// Where samples and state are kept.
    pub data_dir: PathBuf,
    /// Where people reach it: the base of links.
    pub external_url: String,
    /// Samples.
    pub store: Arc<Store>,
    /// Alerting state.
    pub state: Arc<SqliteState>,
    /// Plugins.
    pub plugins: Plugins,
    /// Rule groups.
    pub rules: Arc<RuleGroups>,
    /// Models.
    pub models: Models,
    /// Routing.
    pub routing: RoutingHandle,
    /// Boards.
    pub devices: DeviceManager,
    /// Scrape targets.
    pub scraping: Scraping,
    /// Where samples that are pushed go.
    pub appender: Arc<dyn Appender>,
    /// What happened.
    pub journal: Arc<Journal>,
    /// The native inbox.
    pub inbox: Arc<Inbox>,
    /// What became of messages.
    pub ledger: Arc<Ledger>,
    /// Counters.
    pub telemetry: Arc<Telemetry>,
    /// Signals of alerts, evaluated lately.
    pub signals: SignalCache,
    /// Receivers as configured.
    pub receivers: Arc<ArcSwap<ConfiguredReceivers>>,
    engine: Arc<ArcSwap<Engine>>,
    natives: NativeReceivers,
    /// Wakes those who deliver.
    outbox: Arc<Notify>,
    origin: Origin,
    configuration: ArcSwap<Configuration>,
    addresses: RwLock<[SocketAddr; 2]>,
    reloading: Mutex<()>,
    tasks: Tasks,
}

impl std::fmt::Debug for Host {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Host").field("data_dir", &self.data_dir).finish_non_exhaustive()
    }
}

impl Host {
    /// Reads the configuration, opens the data folder and both listeners, and puts everything to work.
    ///
    /// Nothing is left running when it fails.
    pub async fn start(origin: Origin, options: HostOptions) -> anyhow::Result<Arc<Self>> {
        let clock = options.clock.clone();
        let now = clock.now();
        let configuration = config::load(&origin, now)?;
        let first = api::listener::bind("--listen", &options.listen).await?;
        let second = api::listener::bind("--alertmanager-listen", &options.alertmanager_listen).await?;
        let addresses = [first.local_addr()?, second.local_addr()?];
        let external_url = options
            .external_url
            .or_else(|| configuration.external_url.clone())
            .unwrap_or_else(|| format!("http://{}", addresses[0]));

        let store_options = StoreOptions { retention: configuration.retention, ..StoreOptions::default() };
        let store = Arc::new(Store::open(&options.data_dir, store_options, now)?);
        // Before anything of this life is written.
        let last_alive = store.stats().head.newest.unwrap_or(now).min(now);
        let state = Arc::new(SqliteState::open(&options.data_dir.join("state.db"))?);
        let plugin_dir = configuration.plugin_dir.clone();
        let plugin_dir = plugin_dir.unwrap_or_else(|| options.data_dir.join("plugins"));
        let plugins =
            plugins::load(&plugin_dir, &options.data_dir, options.program, state.clone(), &clock).await?;
        let engine =
            Arc::new(ArcSwap::from_pointee(plugins::engine(&plugins, configuration.promql.engine.clone())));
        let specs =
            config::load_rules(&configuration.rule_files, &engine.load(), configuration.evaluation_interval)?;

        let start = Start {
            external_url,
            delay: options.dispatch_start_delay,
            rules_within: evaluation::first_round(&specs),
        };
        let host = Wiring { clock, now, store, state, plugins, engine, tasks: Tasks::default() }
            .build(origin, configuration, options.data_dir, start, options.device_heartbeat, addresses)
            .await?;
        host.start_rules(specs, last_alive)?;
        host.models.set(&host.config().models).await;
        host.serve(first, second)?;
        housekeeping::start(&host);
        host.log_notes();
        info!(ready_in_ms = host.clock.now().millis_since(host.started_at), "ready");
        Ok(host)
    }

    /// The addresses of the two listeners: Prometheus' API and the page, Alertmanager's API.
    pub fn addresses(&self) -> [SocketAddr; 2] {
        *self.addresses.read().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// The engine with the functions of all detectors.
    pub fn engine(&self) -> Arc<Engine> {
        self.engine.load_full()
    }

    /// The configuration in force.
    pub fn config(&self) -> Arc<Configuration> {
        self.configuration.load_full()
    }

    /// Reads the files again and puts what changed to work: rules, routing, receivers, devices, targets. When a file
    /// is wrong everything stays as it was.
    pub async fn reload(self: &Arc<Self>) -> anyhow::Result<()> {
        let host = Arc::clone(self);
        // In a task of its own: half a reload would be left behind if whoever asked for it went away.
        let reloading = tokio::spawn(async move { host.reload_to_the_end().await });
        reloading.await.context("the reload panicked; see the log")?
    }

    async fn reload_to_the_end(&self) -> anyhow::Result<()> {
        let _one_at_a_time = self.reloading.lock().await;
        let result = self.try_reload().await;
        self.telemetry.reload(result.is_ok());
        let now = self.clock.now();
        let text = match &result {
            Ok(()) => "configuration loaded".to_owned(),
            Err(error) => format!("configuration not loaded: {error:#}"),
        };
        self.journal.note(Entry::new(now, Kind::Reload, text));
        result
    }

    async fn try_reload(&self) -> anyhow::Result<()> {
        let mut configuration = config::load(&self.origin, self.clock.now())?;
        configuration.keep_what_needs_a_restart(&self.config());
        let specs =
            config::load_rules(&configuration.rule_files, &self.engine(), configuration.evaluation_interval)?;
        let receivers = build_receivers(&mut configuration, &self.natives, &self.plugins).await?;
        self.exchange_receivers(receivers).await;
        self.routing.swap(configuration.alerting.clone()).await;
        self.devices.reload(&configuration.devices).await;
        self.scraping.set(&configuration.scrapes).await?;
        self.models.set(&configuration.models).await;
        self.configuration.store(Arc::new(configuration));
        self.rules.reload(specs).await;
        self.log_notes();
        Ok(())
    }

    /// Stops everything: listeners and tasks first, then the store writes what it holds.
    pub async fn stop(&self) {
        self.tasks.stop().await;
        self.devices.stopped().await;
        self.scraping.stopped().await;
        if let Err(error) = self.store.sync() {
            warn!(error = &error as &dyn std::error::Error, "cannot sync the log");
        }
        info!("stopped");
    }

    fn start_rules(
        &self,
        specs: Vec<bellwether_rules::RuleGroupSpec>,
        last_alive: Timestamp,
    ) -> anyhow::Result<()> {
        let stored = self.state.load().context("cannot read the state")?.rule_alerts;
        self.rules.start(specs, stored.into_iter().collect(), last_alive);
        Ok(())
    }

    fn serve(
        self: &Arc<Self>,
        first: tokio::net::TcpListener,
        second: tokio::net::TcpListener,
    ) -> anyhow::Result<()> {
        let page = api::prometheus::routes(self.config().promql.max_concurrency)
            .merge(api::alertmanager::v2_routes())
            .merge(api::alerts::routes())
            .merge(api::models::routes())
            .merge(api::page::routes())
            .merge(api::lifecycle::routes(
                "Prometheus Server is Healthy.\n",
                "Prometheus Server is Ready.\n",
            ));
        api::listener::serve(&self.tasks, first, "prometheus", page, self)?;
        let alertmanager = api::alertmanager::routes()
            .merge(api::alerts::routes())
            .merge(api::lifecycle::routes("OK", "OK"));
        api::listener::serve(&self.tasks, second, "alertmanager", alertmanager, self)?;
        Ok(())
    }

    /// Receivers with the plugins that there are now.
    async fn rebuild_receivers(&self) -> anyhow::Result<()> {
        let _one_at_a_time = self.reloading.lock().await;
        let former = self.config();
        let mut configuration = Configuration::clone(&former);
        let receivers = build_receivers(&mut configuration, &self.natives, &self.plugins).await?;
        self.exchange_receivers(receivers).await;
        for news in configuration.problems.iter().filter(|problem| !former.problems.contains(problem)) {
            warn!("{news}");
        }
        self.configuration.store(Arc::new(configuration));
        Ok(())
    }

    /// Puts receivers to work. What waits for one that was put right does not wait any longer.
    async fn exchange_receivers(&self, receivers: ConfiguredReceivers) {
        let repaired = receivers.repaired_since(&self.receivers.load());
        self.receivers.store(Arc::new(receivers));
        if repaired.is_empty() {
            return;
        }
        let (state, now) = (Arc::clone(&self.state), self.clock.now());
        let retried = tokio::task::spawn_blocking(move || state.retry_now(&repaired, now)).await;
        match retried.map_err(anyhow::Error::new).and_then(|retried| Ok(retried?)) {
            Ok(()) => self.outbox.notify_one(),
            Err(error) => warn!(error = format!("{error:#}"), "messages that wait are tried again later"),
        }
    }

    fn log_notes(&self) {
        let configuration = self.config();
        for note in configuration.notes.iter().chain(&configuration.problems) {
            warn!("{note}");
        }
    }
}

/// What stands before the parts that need each other.
struct Wiring {
    clock: Clock,
    now: Timestamp,
    store: Arc<Store>,
    state: Arc<SqliteState>,
    plugins: Plugins,
    engine: Arc<ArcSwap<Engine>>,
    tasks: Tasks,
}

impl Wiring {
    async fn build(
        self,
        origin: Origin,
        mut configuration: Configuration,
        data_dir: PathBuf,
        start: Start,
        device_heartbeat: Duration,
        addresses: [SocketAddr; 2],
    ) -> anyhow::Result<Arc<Host>> {
        let external_url = start.external_url.clone();
        let (journal, telemetry, ledger) =
            (Arc::new(Journal::default()), Arc::new(Telemetry::default()), Arc::new(Ledger::default()));
        let durable: Arc<dyn DurableState> = Arc::clone(&self.state) as _;
        let inbox = Arc::new(Inbox::new(Arc::clone(&durable)));
        let natives = NativeReceivers { email: Arc::new(Email::default()), inbox: Arc::clone(&inbox) as _ };
        let receivers = build_receivers(&mut configuration, &natives, &self.plugins).await?;
        let receivers = Arc::new(ArcSwap::from_pointee(receivers));
        let outbox = Arc::new(Notify::new());
        let routing = routing::start(
            routing::RoutingDeps {
                state: Arc::clone(&durable),
                outbox: Arc::clone(&outbox),
                journal: Arc::clone(&journal),
                clock: self.clock.clone(),
                start,
            },
            configuration.alerting.clone(),
            &self.tasks,
        )?;
        let delivery = DeliveryDeps {
            state: Arc::clone(&durable),
            receivers: Arc::clone(&receivers),
            wake: Arc::clone(&outbox),
            ledger: Arc::clone(&ledger),
            journal: Arc::clone(&journal),
            telemetry: Arc::clone(&telemetry),
            on_dead: delivery::tell_routing(routing.clone(), self.tasks.clone()),
            on_alert: delivery::alert_routing(routing.clone(), self.tasks.clone()),
            failing: Arc::default(),
            clock: self.clock.clone(),
        };
        self.tasks.spawn("outbox", delivery::run(delivery, self.tasks.token().clone()));
        let appender = sink::MeteredAppender::new(Arc::clone(&self.store), Arc::clone(&telemetry));
        let evaluator = EngineEvaluator::new(
            Arc::clone(&self.engine),
            Arc::clone(&self.store) as _,
            configuration.promql.timeout,
        );
        let models = Models::new(
            ModellingDeps {
                evaluator: evaluator.clone(),
                appender: Arc::clone(&appender) as _,
                state: Arc::clone(&durable),
                clock: self.clock.clone(),
                telemetry: Arc::clone(&telemetry),
                tasks: self.tasks.clone(),
                lane: Semaphore::new(1),
            },
            modelling::offers(&self.plugins, &self.engine),
        );
        let rules = RuleGroups::new(
            EvaluationDeps {
                evaluator,
                appender: Arc::clone(&appender) as _,
                state: durable,
                routing: routing.clone(),
                journal: Arc::clone(&journal),
                clock: self.clock.clone(),
                telemetry: Arc::clone(&telemetry),
                external_labels: configuration.external_labels.clone(),
                external_url: external_url.clone(),
            },
            self.tasks.clone(),
        );
        let sink = sink::DeviceSink::new(Arc::clone(&appender), Arc::clone(&journal));
        let token = self.tasks.token();
        let devices = DeviceManager::start(
            &configuration.devices,
            plugins::driver_lookup(&self.plugins),
            Arc::new(sink),
            self.clock.as_fn(),
            token.clone(),
            ManagerOptions { heartbeat: device_heartbeat, ..ManagerOptions::default() },
        );
        let scraping = Scraping::new(ScraperOptions {
            appender: Arc::clone(&appender) as _,
            clock: self.clock.as_fn(),
            token: token.clone(),
            external_host: None,
        });
        scraping.set(&configuration.scrapes).await?;
        Ok(Arc::new(Host {
            clock: self.clock,
            started_at: self.now,
            data_dir,
            external_url,
            store: self.store,
            state: self.state,
            plugins: self.plugins,
            rules,
            models,
            routing,
            devices,
            scraping,
            appender,
            journal,
            inbox,
            ledger,
            telemetry,
            signals: SignalCache::default(),
            receivers,
            engine: self.engine,
            natives,
            outbox,
            origin,
            configuration: ArcSwap::from_pointee(configuration),
            addresses: RwLock::new(addresses),
            reloading: Mutex::new(()),
            tasks: self.tasks,
        }))
    }
}

/// The receivers of a configuration, which is told what does not work with the plugins that there are.
async fn build_receivers(
    configuration: &mut Configuration,
    natives: &NativeReceivers,
    plugins: &Plugins,
) -> anyhow::Result<ConfiguredReceivers> {
    let templates = config::load_templates(configuration)?;
    let (alerting, folder) = (&configuration.alerting, configuration.alerting_folder());
    let (receivers, problems) =
        ConfiguredReceivers::build(alerting, folder, templates, natives, plugins).await;
    configuration.problems = problems.iter().map(ToString::to_string).collect();
    configuration.problems.extend(plugins::device_problems(plugins, &configuration.devices));
    Ok(receivers)
}
