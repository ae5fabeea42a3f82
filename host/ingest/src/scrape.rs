//! What a scraped page means for storage: pure, without network or clock.
//!
//! [`ScrapeLoop`] remembers the series of one target from scrape to scrape, and turns each page or failure into the
//! records to append, stale markers and the target's own metrics included. The rules are those of Prometheus 3.

use std::sync::Arc;
use std::time::Duration;

use bellwether_model::exposition::{Entry, ExposedSample, Format, Parser};
use bellwether_model::labels::LabelsBuilder;
use bellwether_model::{Labels, Record, Timestamp, stale_nan};
use rustc_hash::FxHashMap;

use crate::metadata::{Families, TargetMetadata};

/// Put before a label of the page that the target has too.
const EXPORTED_PREFIX: &str = "exported_";

/// How pages of a target are read.
#[derive(Debug, Clone)]
pub struct ScrapeRules {
    /// Labels of the target.
    pub labels: Labels,
    /// Whether labels of the page win over those of the target.
    pub honor_labels: bool,
    /// Whether timestamps of the page are kept.
    pub honor_timestamps: bool,
    /// Most samples of a page; 0 for no limit.
    pub sample_limit: usize,
}

/// When a scrape began and how long it took.
#[derive(Debug, Clone, Copy)]
pub struct ScrapeTime {
    /// Time of the samples that have none of their own.
    pub at: Timestamp,
    /// From the request to the last byte.
    pub took: Duration,
}

/// A page that cannot be used; none of its samples is.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PageError {
    /// It does not follow its format.
    #[error("{0}")]
    Malformed(#[from] bellwether_model::exposition::ExpositionError),
    /// It has more samples than allowed.
    #[error("sample limit exceeded: more than {limit} samples")]
    TooManySamples {
        /// The limit.
        limit: usize,
    },
    /// A series gives a label twice.
    #[error("label name {label:?} of {series} is not unique")]
    RepeatedLabel {
        /// The label.
        label: String,
        /// The series that has it.
        series: String,
    },
    /// A series has an empty name.
    #[error("a series has no metric name")]
    NoName,
}

/// What follows from one scrape.
#[derive(Debug)]
pub struct ScrapeResult {
    /// What to append.
    pub records: Vec<Record>,
    /// Why the page was refused, where it was.
    pub error: Option<PageError>,
}

/// The series of one target, from scrape to scrape.
#[derive(Debug)]
pub struct ScrapeLoop {
    rules: ScrapeRules,
    /// By labels as the page gives them.
    known: FxHashMap<Labels, Known>,
    scrapes: u64,
    last_at: Option<Timestamp>,
    metadata: TargetMetadata,
}

#[derive(Debug)]
struct Known {
    /// Labels as they are stored.
    labels: Labels,
    last_seen: u64,
    /// Whether it gets a stale marker when it vanishes: not when its page gives timestamps, and not a second time.
    live: bool,
}

/// Samples of a page, before it is known that the whole page is good.
#[derive(Debug, Default)]
struct Page {
    samples: Vec<PageSample>,
    added: usize,
    /// What it says about metrics besides their values.
    about: Vec<Entry>,
}

#[derive(Debug)]
struct PageSample {
    exposed: Labels,
    record: Record,
    timed: bool,
}

impl ScrapeLoop {
    /// Begins without any series.
    pub fn new(rules: ScrapeRules) -> Self {
        let (known, metadata) = Default::default();
        Self { rules, known, scrapes: 0, last_at: None, metadata }
    }

    /// Types, help texts and units of its metrics.
    pub fn families(&self) -> Arc<Families> {
        self.metadata.families()
    }

    /// Takes in a page.
    pub fn scraped(&mut self, body: &[u8], format: Format, time: ScrapeTime) -> ScrapeResult {
        let mut page = Page::default();
        let error = self.read(body, format, time.at, &mut page).err();
        let counts = (page.samples.len(), page.added);
        let mut records = match error {
            None => self.accept(page, time.at),
            Some(_) => {
                self.metadata.missed();
                self.end_all(time.at)
            }
        };
        self.report(&mut records, time, error.is_none(), counts);
        ScrapeResult { records, error }
    }

    /// The target gave no page: its series end, and it is down.
    pub fn failed(&mut self, time: ScrapeTime) -> Vec<Record> {
        self.metadata.missed();
        let mut records = self.end_all(time.at);
        self.report(&mut records, time, false, (0, 0));
        records
    }

    /// The target is scraped no more: its series end, its own metrics included.
    pub fn stopped(&mut self, now: Timestamp) -> Vec<Record> {
        let Some(last_at) = self.last_at.take() else {
            return Vec::new();
        };
        let at = now.max(last_at.offset_millis(1));
        let mut records = self.end_all(at);
        self.known.clear();
        records.extend(OWN_METRICS.iter().map(|name| Record::new(self.own_labels(name), at, stale_nan())));
        records
    }

    fn read(&self, body: &[u8], format: Format, at: Timestamp, page: &mut Page) -> Result<(), PageError> {
        for entry in Parser::new(body, format) {
            let sample = match entry? {
                Entry::Sample(sample) => sample,
                about => {
                    page.about.push(about);
                    continue;
                }
            };
            let limit = self.rules.sample_limit;
            if limit > 0 && page.samples.len() >= limit {
                return Err(PageError::TooManySamples { limit });
            }
            page.samples.push(self.page_sample(sample, at, &mut page.added)?);
        }
        Ok(())
    }

    fn page_sample(
        &self,
        sample: ExposedSample,
        at: Timestamp,
        added: &mut usize,
    ) -> Result<PageSample, PageError> {
        let labels = match self.known.get(&sample.labels) {
            Some(known) => known.labels.clone(),
            None => {
                *added += 1;
                self.stored_labels(&sample)?
            }
        };
        if let Some(label) = sample.repeated_label {
            return Err(PageError::RepeatedLabel { label, series: sample.labels.to_string() });
        }
        let own_time = sample.at.filter(|_| self.rules.honor_timestamps);
        let record = Record::new(labels, own_time.unwrap_or(at), sample.value);
        Ok(PageSample { exposed: sample.labels, record, timed: own_time.is_some() })
    }

    fn stored_labels(&self, sample: &ExposedSample) -> Result<Labels, PageError> {
        if sample.labels.metric_name().is_none() {
            return Err(PageError::NoName);
        }
        Ok(merged(&sample.labels, &self.rules.labels, self.rules.honor_labels))
    }

    /// The page is good: remembers its series and ends those that it no longer has.
    fn accept(&mut self, page: Page, at: Timestamp) -> Vec<Record> {
        self.scrapes += 1;
        self.metadata.scraped(page.about);
        let mut records = Vec::with_capacity(page.samples.len() + OWN_METRICS.len());
        for sample in page.samples {
            let (labels, live) = (sample.record.labels.clone(), !sample.timed);
            self.known.insert(sample.exposed, Known { labels, last_seen: self.scrapes, live });
            records.push(sample.record);
        }
        let this_scrape = self.scrapes;
        self.known.retain(|_, known| {
            let seen = known.last_seen == this_scrape;
            if !seen && known.live {
                records.push(Record::new(known.labels.clone(), at, stale_nan()));
            }
            seen
        });
        records
    }

    /// Ends all series, but remembers them, so that they do not count as new when the target is back.
    fn end_all(&mut self, at: Timestamp) -> Vec<Record> {
        let live = self.known.values_mut().filter(|known| known.live);
        live.map(|known| {
            known.live = false;
            Record::new(known.labels.clone(), at, stale_nan())
        })
        .collect()
    }

    fn report(
        &mut self,
        records: &mut Vec<Record>,
        time: ScrapeTime,
        up: bool,
        (scraped, added): (usize, usize),
    ) {
        self.last_at = Some(time.at);
        let scraped = scraped as f64;
        let values = [f64::from(u8::from(up)), time.took.as_secs_f64(), scraped, scraped, added as f64];
        let own = OWN_METRICS.iter().zip(values);
        records.extend(own.map(|(name, value)| Record::new(self.own_labels(name), time.at, value)));
    }

    fn own_labels(&self, name: &str) -> Labels {
        let mut labels = self.rules.labels.to_builder();
        labels.set(bellwether_model::labels::METRIC_NAME, name);
        labels.build()
    }
}

/// What each scrape says about its target, in the order of [`ScrapeLoop::report`].
const OWN_METRICS: [&str; 5] = [
    "up",
    "scrape_duration_seconds",
    "scrape_samples_scraped",
    "scrape_samples_post_metric_relabeling",
    "scrape_series_added",
];

/// Labels of the page joined with those of the target; where both have one, one of them gives way, as in Prometheus.
fn merged(exposed: &Labels, target: &Labels, honor_labels: bool) -> Labels {
    let mut labels = exposed.to_builder();
    let mut displaced = Vec::new();
    for label in target {
        match exposed.get(&label.name) {
            Some(_) if honor_labels => continue,
            Some(value) => displaced.push((&label.name, value)),
            None => {}
        }
        labels.set(label.name.clone(), label.value.clone());
    }
    // Shorter names first, so that `a` does not take the place that `exported_a` gets.
    displaced.sort_by_key(|(name, _)| name.len());
    for (name, value) in displaced {
        let renamed = free_name(name, exposed, &labels);
        labels.set(renamed, value);
    }
    labels.build()
}

fn free_name(name: &str, exposed: &Labels, labels: &LabelsBuilder) -> String {
    let mut renamed = format!("{EXPORTED_PREFIX}{name}");
    while exposed.get(&renamed).is_some() || labels.get(&renamed).is_some() {
        renamed.insert_str(0, EXPORTED_PREFIX);
    }
    renamed
}

#[cfg(test)]
mod tests;
