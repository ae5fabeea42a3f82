//! What a driver hands back, as records to be stored: labels, times and limits. Pure.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use bellwether_model::device::DeviceSample;
use bellwether_model::labels::{METRIC_NAME, is_classic_label_name, is_classic_metric_name};
use bellwether_model::{Labels, LabelsBuilder, Record, Timestamp, is_stale, stale_nan};

use crate::config::{DeviceConfig, MAX_LABEL_VALUE_BYTES};
use crate::host_metrics::HOST_METRICS;

/// Most samples that one call of a driver may give.
pub const MAX_SAMPLES_PER_CALL: usize = 5_000;
/// Most series of one device: a driver that puts a counter into a label must not fill the store.
pub const MAX_SERIES: usize = 1_000;
/// Longest metric name, in bytes.
pub const MAX_METRIC_NAME_BYTES: usize = 200;
/// Longest label name, in bytes.
pub const MAX_LABEL_NAME_BYTES: usize = 128;
/// Most labels of one series, the host's included.
pub const MAX_LABELS: usize = 30;
/// A device's own time is believed back to this long ago. As Memfault does it.
pub const OLDEST_DEVICE_TIME: Duration = Duration::from_secs(365 * 86_400);
/// A device's own time is believed up to this far ahead.
pub const NEWEST_DEVICE_TIME: Duration = Duration::from_secs(300);
/// Values of one series that were read together are spread over at most this long, 1 ms apart.
const MAX_SPREAD: Duration = Duration::from_secs(1);
/// A full table forgets series that had no sample for this long; they left every query after 5 minutes anyway.
const FORGET_AFTER: Duration = Duration::from_secs(600);

/// Why a sample was dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DropReason {
    /// More than [`MAX_SAMPLES_PER_CALL`].
    SampleLimit,
    /// More than [`MAX_SERIES`].
    SeriesLimit,
    /// Metric or label names that cannot be, are too long, or belong to the host; too many labels.
    BadLabels,
    /// Older than the series' latest sample.
    OutOfOrder,
    /// A second value for the same time.
    Duplicate,
    /// More events or log lines than one call may give.
    NoticeLimit,
    /// The driver wanted to write without being allowed to, or too much.
    WriteRefused,
}

impl DropReason {
    /// The value of the label `reason`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::SampleLimit => "sample_limit",
            Self::SeriesLimit => "series_limit",
            Self::BadLabels => "bad_labels",
            Self::OutOfOrder => "out_of_order",
            Self::Duplicate => "duplicate",
            Self::NoticeLimit => "notice_limit",
            Self::WriteRefused => "write_refused",
        }
    }
}

/// What became of a driver's samples.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Applied {
    /// To be stored, of each series in order of time.
    pub records: Vec<Record>,
    /// How many were dropped, and why.
    pub dropped: Vec<(DropReason, u64)>,
}

impl Applied {
    fn drop(&mut self, reason: DropReason, count: u64) {
        match self.dropped.iter_mut().find(|(have, _)| *have == reason) {
            Some((_, total)) => *total += count,
            None => self.dropped.push((reason, count)),
        }
    }
}

/// The series of one device: remembers them so that they can be limited, kept in order, and ended.
#[derive(Debug, Clone)]
pub struct Telemetry {
    host_labels: Vec<(Arc<str>, Arc<str>)>,
    /// Each series with the time of its latest sample.
    series: HashMap<Labels, Timestamp>,
}

impl Telemetry {
    /// No series yet.
    pub fn new(device: &DeviceConfig) -> Self {
        let fixed = [("device_id", &device.id), ("platform", &device.platform)];
        let configured = device.labels.iter().map(|(name, value)| (name.as_str(), value));
        let host_labels = fixed.into_iter().chain(configured);
        Self {
            host_labels: host_labels.map(|(name, value)| (name.into(), value.as_str().into())).collect(),
            series: HashMap::new(),
        }
    }

    /// How many series there are.
    pub fn series_count(&self) -> usize {
        self.series.len()
    }

    /// Turns what a driver measured into records. `at` is when the host read the frame or called `tick`.
    pub fn apply(&mut self, samples: Vec<DeviceSample>, at: Timestamp) -> Applied {
        let mut applied = Applied::default();
        let excess = samples.len().saturating_sub(MAX_SAMPLES_PER_CALL);
        if excess > 0 {
            applied.drop(DropReason::SampleLimit, u64::try_from(excess).unwrap_or(u64::MAX));
        }
        for sample in samples.into_iter().take(MAX_SAMPLES_PER_CALL) {
            match self.record(&sample, at) {
                Ok(record) => applied.records.push(record),
                Err(reason) => applied.drop(reason, 1),
            }
        }
        applied
    }

    /// Ends all series with stale markers, as Prometheus does for a target that is gone.
    pub fn end(&mut self, now: Timestamp) -> Vec<Record> {
        let ended = self.series.drain();
        ended.map(|(labels, last)| Record::new(labels, now.max(last.offset_millis(1)), stale_nan())).collect()
    }

    fn record(&mut self, sample: &DeviceSample, at: Timestamp) -> Result<Record, DropReason> {
        let labels = self.labels(sample).ok_or(DropReason::BadLabels)?;
        let time = self.time(&labels, sample.at, at)?;
        // A driver must not be able to end a series by a value.
        let value = if is_stale(sample.value) { f64::NAN } else { sample.value };
        self.series.insert(labels.clone(), time);
        Ok(Record::new(labels, time, value))
    }

    fn labels(&self, sample: &DeviceSample) -> Option<Labels> {
        let name = sample.metric.as_str();
        let name_ok = is_classic_metric_name(name) && name.len() <= MAX_METRIC_NAME_BYTES;
        if !name_ok || HOST_METRICS.contains(&name) {
            return None;
        }
        let mut labels = LabelsBuilder::default();
        for (name, value) in &sample.labels {
            let name_ok = is_classic_label_name(name) && name.len() <= MAX_LABEL_NAME_BYTES;
            if !name_ok || name.starts_with("__") || value.len() > MAX_LABEL_VALUE_BYTES {
                return None;
            }
            labels.set(name.as_str(), value.as_str());
        }
        for (name, value) in &self.host_labels {
            labels.set(Arc::clone(name), Arc::clone(value));
        }
        labels.set(METRIC_NAME, name);
        let labels = labels.build();
        (labels.len() <= MAX_LABELS + 1).then_some(labels)
    }

    fn time(
        &mut self,
        labels: &Labels,
        own: Option<Timestamp>,
        at: Timestamp,
    ) -> Result<Timestamp, DropReason> {
        let own = believable(own, at);
        let Some(&last) = self.series.get(labels) else {
            self.make_room(at)?;
            return Ok(own.unwrap_or(at));
        };
        match own {
            Some(own) if own > last => Ok(own),
            Some(own) if own == last => Err(DropReason::Duplicate),
            Some(_) => Err(DropReason::OutOfOrder),
            None if at > last => Ok(at),
            None if last < at + MAX_SPREAD => Ok(last.offset_millis(1)),
            None => Err(DropReason::OutOfOrder),
        }
    }

    fn make_room(&mut self, now: Timestamp) -> Result<(), DropReason> {
        if self.series.len() >= MAX_SERIES {
            self.series.retain(|_, last| now.since(*last) < FORGET_AFTER);
        }
        if self.series.len() < MAX_SERIES { Ok(()) } else { Err(DropReason::SeriesLimit) }
    }
}

/// A device's own time, where it lies in the window in which it is believed.
pub fn believable(own: Option<Timestamp>, at: Timestamp) -> Option<Timestamp> {
    own.filter(|own| (at - OLDEST_DEVICE_TIME..=at + NEWEST_DEVICE_TIME).contains(own))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::demo_fleet;

    const NOW: Timestamp = Timestamp::from_millis(1_800_000_000_000);

    fn telemetry() -> Telemetry {
        let mut device = demo_fleet().remove(0);
        device.labels = [("site".to_owned(), "lab".to_owned())].into();
        Telemetry::new(&device)
    }

    fn sample(metric: &str, labels: &[(&str, &str)], at: Option<Timestamp>) -> DeviceSample {
        let labels = labels.iter().map(|&(n, v)| (n.to_owned(), v.to_owned())).collect();
        DeviceSample { metric: metric.to_owned(), labels, value: 1.0, at }
    }

    #[test]
    fn host_labels_win_over_the_drivers() {
        let claimed = [("device_id", "other"), ("site", "moon"), ("core", "0")];
        let applied = telemetry().apply(vec![sample("temp", &claimed, None)], NOW);
        assert_eq!(
            applied.records[0].labels.to_string(),
            r#"temp{core="0", device_id="esp32-01", platform="esp32", site="lab"}"#
        );
    }

    #[test]
    fn reserved_and_impossible_names_are_dropped_and_counted() {
        let long = "x".repeat(MAX_METRIC_NAME_BYTES + 1);
        let many: Vec<_> = (0..40).map(|i| format!("l{i}")).collect();
        let many: Vec<_> = many.iter().map(|name| (name.as_str(), "v")).collect();
        let samples = vec![
            sample("a b", &[], None),
            sample(&long, &[], None),
            sample("device_connection_status", &[], None),
            sample("ok", &[("__name__", "up")], None),
            sample("ok", &[("a-b", "c")], None),
            sample("ok", &many, None),
            sample("ok", &[], None),
        ];
        let applied = telemetry().apply(samples, NOW);
        assert_eq!((applied.records.len(), applied.dropped), (1, vec![(DropReason::BadLabels, 6)]));
    }

    #[test]
    fn device_time_is_believed_only_within_its_window() {
        let hour_ago = NOW - Duration::from_secs(3600);
        let cases = [
            (Some(hour_ago), hour_ago),
            (Some(NOW - OLDEST_DEVICE_TIME - Duration::from_secs(1)), NOW),
            (Some(NOW + Duration::from_secs(301)), NOW),
            (Some(Timestamp::UNIX_EPOCH), NOW),
            (None, NOW),
        ];
        for (own, expected) in cases {
            let applied = telemetry().apply(vec![sample("a", &[], own)], NOW);
            assert_eq!(applied.records[0].sample.at, expected, "{own:?}");
        }
    }

    #[test]
    fn values_read_together_are_spread_and_stay_in_order() {
        let mut telemetry = telemetry();
        let applied = telemetry.apply(vec![sample("a", &[], None); 3], NOW);
        let times: Vec<_> = applied.records.iter().map(|r| r.sample.at.millis_since(NOW)).collect();
        assert_eq!(times, [0, 1, 2]);
        let own = |millis| sample("a", &[], Some(NOW.offset_millis(millis)));
        let applied = telemetry.apply(vec![own(2), own(1), own(9)], NOW);
        assert_eq!(applied.records.len(), 1);
        assert_eq!(applied.dropped, [(DropReason::Duplicate, 1), (DropReason::OutOfOrder, 1)]);
    }

    #[test]
    fn series_and_samples_are_limited() {
        let mut telemetry = telemetry();
        let numbered = |i: usize| sample("a", &[("i", &i.to_string())], None);
        let applied = telemetry.apply((0..MAX_SAMPLES_PER_CALL + 7).map(numbered).collect(), NOW);
        assert_eq!(applied.records.len(), MAX_SERIES);
        let beyond = u64::try_from(MAX_SAMPLES_PER_CALL - MAX_SERIES).unwrap();
        assert_eq!(applied.dropped, [(DropReason::SampleLimit, 7), (DropReason::SeriesLimit, beyond)]);
        let later = telemetry.apply(vec![numbered(99_999)], NOW + FORGET_AFTER);
        assert_eq!(later.records.len(), 1, "series of long ago make room");
    }

    #[test]
    fn every_series_ends_after_its_latest_sample() {
        let mut telemetry = telemetry();
        let ahead = NOW + Duration::from_secs(60);
        telemetry.apply(vec![sample("a", &[], Some(ahead)), sample("b", &[], None)], NOW);
        let mut ended = telemetry.end(NOW + Duration::from_secs(1));
        ended.sort_by(|a, b| a.labels.cmp(&b.labels));
        assert!(ended.iter().all(|record| is_stale(record.sample.value)));
        assert_eq!(ended[0].sample.at, ahead.offset_millis(1));
        assert_eq!(ended[1].sample.at, NOW + Duration::from_secs(1));
        assert_eq!(telemetry.series_count(), 0);
    }

    #[test]
    fn driver_cannot_write_stale_markers() {
        let marker = DeviceSample { value: stale_nan(), ..sample("a", &[], None) };
        let applied = telemetry().apply(vec![marker], NOW);
        assert!(applied.records[0].sample.value.is_nan());
        assert!(!is_stale(applied.records[0].sample.value));
    }
}
