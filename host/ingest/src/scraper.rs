//! The shell around [`crate::scrape`]: one task per target that fetches its page at the interval and appends what
//! follows. What a page means is decided there; this only keeps time, speaks HTTP, and tells how each target is.

mod client;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bellwether_model::query::{AppendError, Appended};
use bellwether_model::time::millis;
use bellwether_model::{Appender, Labels, Record, Timestamp};
use tokio::task::JoinHandle;
use tokio::time::{Instant, MissedTickBehavior};
use tokio_util::sync::CancellationToken;

pub use self::client::ClientError;
use self::client::{Client, Page};
use crate::config::{ScrapeJob, Target};
use crate::metadata::Families;
use crate::scrape::{ScrapeLoop, ScrapeRules, ScrapeTime};

/// Tells the time; the scraper reads no clock of its own.
pub type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// What a scraper works with.
#[derive(Clone)]
pub struct ScraperOptions {
    /// Where samples go.
    pub appender: Arc<dyn Appender>,
    /// Tells the time.
    pub clock: Clock,
    /// Ends all tasks when it is cancelled, because the host ends; see [`Scraper::retire`] for the other end.
    pub token: CancellationToken,
    /// Host that replaces `localhost` in addresses shown to people; none leaves them as they are.
    pub external_host: Option<String>,
}

impl std::fmt::Debug for ScraperOptions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ScraperOptions").field("external_host", &self.external_host).finish_non_exhaustive()
    }
}

/// How a target is, as `/api/v1/targets` tells it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TargetHealth {
    /// Not scraped yet.
    Unknown,
    /// The last scrape went well.
    Up,
    /// It did not.
    Down,
}

impl TargetHealth {
    /// As in Prometheus' API.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Up => "up",
            Self::Down => "down",
        }
    }
}

/// One target, as `/api/v1/targets` tells it.
#[derive(Debug, Clone)]
pub struct TargetStatus {
    /// The labels that it was made from.
    pub discovered_labels: Labels,
    /// The labels of its series.
    pub labels: Labels,
    /// Name of its job.
    pub scrape_pool: String,
    /// What is requested.
    pub scrape_url: String,
    /// The same for people elsewhere.
    pub global_url: String,
    /// Why the last scrape failed; empty when it did not.
    pub last_error: String,
    /// When the last scrape began; none before the first.
    pub last_scrape: Option<Timestamp>,
    /// How long it took.
    pub last_scrape_duration: Duration,
    /// How it is.
    pub health: TargetHealth,
    /// How often it is scraped.
    pub scrape_interval: Duration,
    /// How long a scrape may take.
    pub scrape_timeout: Duration,
    /// Types, help texts and units of its metrics.
    pub metadata: Arc<Families>,
}

/// Scrapes the targets of some jobs until it is stopped.
#[derive(Debug)]
pub struct Scraper {
    statuses: Vec<Arc<Mutex<TargetStatus>>>,
    tasks: Vec<JoinHandle<()>>,
    end: End,
}

/// How the tasks of a scraper are told to end.
#[derive(Debug, Clone)]
struct End {
    token: CancellationToken,
    /// Whether the targets are gone, not just the host.
    retired: Arc<AtomicBool>,
}

impl Scraper {
    /// Starts one task per target. Call it inside a tokio runtime.
    pub fn start(jobs: &[ScrapeJob], options: &ScraperOptions) -> Result<Self, ClientError> {
        let end = End { token: options.token.child_token(), retired: Arc::default() };
        let mut scraper = Self { statuses: Vec::new(), tasks: Vec::new(), end };
        for job in jobs {
            let client = Client::new(job)?;
            for target in &job.targets {
                let status =
                    Arc::new(Mutex::new(TargetStatus::new(job, target, options.external_host.as_deref())));
                let task = TargetTask {
                    target: target.clone(),
                    client: client.clone(),
                    options: options.clone(),
                    end: scraper.end.clone(),
                    interval: job.interval,
                    state: Some(ScrapeLoop::new(rules(job, target))),
                    status: status.clone(),
                };
                scraper.statuses.push(status);
                scraper.tasks.push(tokio::spawn(task.run()));
            }
        }
        Ok(scraper)
    }

    /// How all targets are, in the order of the configuration.
    pub fn targets(&self) -> Vec<TargetStatus> {
        self.statuses.iter().map(|status| lock(status).clone()).collect()
    }

    /// Ends the targets because they are no longer configured: their series get stale markers.
    pub async fn retire(self) {
        self.end.retired.store(true, Ordering::Release);
        self.end.token.cancel();
        self.stopped().await;
    }

    /// Waits until all tasks have ended after the token of the options was cancelled.
    ///
    /// Series get no stale markers then, as in Prometheus: a host that is started again finds its alerts as they were.
    pub async fn stopped(self) {
        for task in self.tasks {
            if let Err(error) = task.await {
                tracing::error!(error = &error as &dyn std::error::Error, "a scrape task ended by a panic");
            }
        }
    }
}

fn rules(job: &ScrapeJob, target: &Target) -> ScrapeRules {
    ScrapeRules {
        labels: target.labels.clone(),
        honor_labels: job.honor_labels,
        honor_timestamps: job.honor_timestamps,
        sample_limit: job.sample_limit,
    }
}

fn lock(status: &Mutex<TargetStatus>) -> std::sync::MutexGuard<'_, TargetStatus> {
    status.lock().unwrap_or_else(PoisonError::into_inner)
}

impl TargetStatus {
    fn new(job: &ScrapeJob, target: &Target, external_host: Option<&str>) -> Self {
        Self {
            discovered_labels: target.discovered_labels.clone(),
            labels: target.labels.clone(),
            scrape_pool: job.name.clone(),
            scrape_url: target.url.to_string(),
            global_url: global_url(target, external_host),
            last_error: String::new(),
            last_scrape: None,
            last_scrape_duration: Duration::ZERO,
            health: TargetHealth::Unknown,
            scrape_interval: job.interval,
            scrape_timeout: job.timeout,
            metadata: Arc::default(),
        }
    }
}

/// The address with `localhost` replaced, as Prometheus' `globalUrl`.
fn global_url(target: &Target, external_host: Option<&str>) -> String {
    let mut url = target.url.clone();
    let is_local = matches!(url.host_str(), Some("localhost" | "127.0.0.1" | "[::1]"));
    if let (true, Some(host)) = (is_local, external_host) {
        // A host that cannot stand in an address leaves it as it was.
        let _unchanged = url.set_host(Some(host));
    }
    url.to_string()
}

/// Scrapes one target.
struct TargetTask {
    target: Target,
    client: Client,
    options: ScraperOptions,
    end: End,
    interval: Duration,
    /// Away while a page is read on another thread.
    state: Option<ScrapeLoop>,
    status: Arc<Mutex<TargetStatus>>,
}

impl TargetTask {
    async fn run(mut self) {
        let first = Instant::now() + first_delay(&self.target.labels, self.interval, (self.options.clock)());
        let mut ticks = tokio::time::interval_at(first, self.interval);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
        let token = self.end.token.clone();
        while token.run_until_cancelled(ticks.tick()).await.is_some() {
            self.scrape(&token).await;
        }
        if self.end.retired.load(Ordering::Acquire) {
            self.stop().await;
        }
    }

    async fn scrape(&mut self, token: &CancellationToken) {
        let at = (self.options.clock)();
        let begun = Instant::now();
        let Some(fetched) = token.run_until_cancelled(self.client.fetch(&self.target.url)).await else {
            return;
        };
        let time = ScrapeTime { at, took: begun.elapsed() };
        let error = match fetched {
            Ok(page) => self.take_page(page, time).await,
            Err(error) => {
                let unstored = self.append(move |state| (state.failed(time), None)).await;
                let unstored = unstored.map(|text| format!("; {text}"));
                Some(describe(&error) + unstored.as_deref().unwrap_or_default())
            }
        };
        self.tell(time, error);
    }

    async fn take_page(&mut self, page: Page, time: ScrapeTime) -> Option<String> {
        self.append(move |state| {
            let result = state.scraped(&page.body, page.format, time);
            (result.records, result.error.map(|error| error.to_string()))
        })
        .await
    }

    async fn stop(&mut self) {
        let now = (self.options.clock)();
        if let Some(error) = self.append(move |state| (state.stopped(now), None)).await {
            tracing::warn!(target_url = %self.target.url, error, "cannot end the series of a target");
        }
    }

    /// Reads and appends on a thread that may block; returns what went wrong.
    async fn append(
        &mut self,
        work: impl FnOnce(&mut ScrapeLoop) -> (Vec<Record>, Option<String>) + Send + 'static,
    ) -> Option<String> {
        let mut state = self.state.take()?;
        let appender = self.options.appender.clone();
        let done = tokio::task::spawn_blocking(move || {
            let (records, refused) = work(&mut state);
            let stored = if records.is_empty() { Ok(Appended::default()) } else { appender.append(&records) };
            (state, refused, stored)
        });
        match done.await {
            Ok((state, refused, stored)) => {
                self.state = Some(state);
                refused.or_else(|| unstored(stored))
            }
            Err(error) => Some(format!("reading the page failed: {error}")),
        }
    }

    fn tell(&self, time: ScrapeTime, error: Option<String>) {
        let mut status = lock(&self.status);
        let health = if error.is_none() { TargetHealth::Up } else { TargetHealth::Down };
        if status.health != health && health == TargetHealth::Down {
            tracing::warn!(target_url = status.scrape_url, error, "scraping a target fails");
        } else if status.health == TargetHealth::Down && health == TargetHealth::Up {
            tracing::info!(target_url = status.scrape_url, "scraping a target works again");
        }
        if let Some(state) = &self.state {
            status.metadata = state.families();
        }
        status.health = health;
        status.last_error = error.unwrap_or_default();
        status.last_scrape = Some(time.at);
        status.last_scrape_duration = time.took;
    }
}

fn unstored(stored: Result<Appended, AppendError>) -> Option<String> {
    stored.err().map(|error| format!("cannot store the samples: {error}"))
}

/// An error with its causes in one line.
fn describe(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    causes.fold(error.to_string(), |text, cause| {
        let cause = cause.to_string();
        if text.ends_with(&cause) { text } else { format!("{text}: {cause}") }
    })
}

/// Until the first scrape: targets are spread over the interval by what they are called, so that a restart changes
/// nothing about when each is scraped.
fn first_delay(labels: &Labels, interval: Duration, now: Timestamp) -> Duration {
    let interval = millis(interval).max(1);
    let place = labels.fingerprint().0 % interval.cast_unsigned();
    let into = now.as_millis().rem_euclid(interval).cast_unsigned();
    Duration::from_millis((place + interval.cast_unsigned() - into) % interval.cast_unsigned())
}

#[cfg(test)]
mod tests;
