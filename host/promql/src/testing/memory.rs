//! Series in memory: the store behind test scripts, unit tests of rules, and examples.

use std::collections::BTreeMap;
use std::ops::{ControlFlow, Range};
use std::sync::Arc;

use bellwether_model::matcher::all_match;
use bellwether_model::query::{
    HistogramSample, Latest, LatestValue, Samples, SeriesList, VisitLatest, VisitSamples,
};
use bellwether_model::{FloatHistogram, Labels, Matcher, QueryError, Queryable, Sample, Timestamp};

/// All samples of all series.
#[derive(Debug, Clone, Default)]
pub struct MemoryStore {
    /// Places in `columns`, in order of labels.
    series: BTreeMap<Labels, usize>,
    columns: Vec<Columns>,
}

/// The samples of one series, each kind in order of time.
#[derive(Debug, Clone, Default)]
struct Columns {
    times: Vec<i64>,
    values: Vec<f64>,
    counting_since: Vec<i64>,
    histograms: Vec<HistogramSample>,
}

impl MemoryStore {
    /// Writes a float; a sample at the same time is replaced.
    pub fn put(&mut self, labels: &Labels, sample: Sample) {
        self.put_counting(labels, sample, 0);
    }

    /// Writes a float that counts since a time in Unix milliseconds, 0 where that is unknown.
    pub fn put_counting(&mut self, labels: &Labels, sample: Sample, since: i64) {
        let at = sample.at.as_millis();
        let columns = self.columns(labels);
        columns.remove(at);
        let place = columns.times.partition_point(|&time| time < at);
        columns.times.insert(place, at);
        columns.values.insert(place, sample.value);
        columns.counting_since.insert(place, since);
    }

    /// Writes a native histogram, which gets the counter reset hint that storing it gives; a sample at the same time is
    /// replaced.
    pub fn put_histogram(
        &mut self,
        labels: &Labels,
        at: Timestamp,
        mut histogram: FloatHistogram,
        since: i64,
    ) {
        let at = at.as_millis();
        let columns = self.columns(labels);
        columns.remove(at);
        let place = columns.histograms.partition_point(|sample| sample.at < at);
        let previous = place.checked_sub(1).map(|previous| &columns.histograms[previous]);
        let float_between =
            |sample: &&HistogramSample| columns.times.iter().any(|&time| time > sample.at && time < at);
        let previous = previous.filter(|sample| !float_between(sample));
        histogram.counter_reset_hint = histogram.stored_hint(previous.map(|sample| &*sample.histogram));
        let sample = HistogramSample { at, counting_since: since, histogram: Arc::new(histogram) };
        columns.histograms.insert(place, sample);
    }

    fn columns(&mut self, labels: &Labels) -> &mut Columns {
        let place = *self.series.entry(labels.clone()).or_insert_with(|| {
            self.columns.push(Columns::default());
            self.columns.len() - 1
        });
        &mut self.columns[place]
    }

    fn at(&self, list: &SeriesList, place: usize) -> &Columns {
        let place = usize::try_from(list.refs()[place]).unwrap_or(usize::MAX);
        &self.columns[place]
    }
}

impl Columns {
    fn remove(&mut self, at: i64) {
        if let Ok(place) = self.times.binary_search(&at) {
            self.times.remove(place);
            self.values.remove(place);
            self.counting_since.remove(place);
        }
        self.histograms.retain(|sample| sample.at != at);
    }

    /// The samples later than `after` and no later than `until`.
    fn between(&self, after: i64, until: i64) -> Samples<'_> {
        let from = self.times.partition_point(|&time| time <= after);
        let floats = from..self.times.partition_point(|&time| time <= until).max(from);
        let from = self.histograms.partition_point(|sample| sample.at <= after);
        let to = self.histograms.partition_point(|sample| sample.at <= until).max(from);
        Samples {
            times: &self.times[floats.clone()],
            values: &self.values[floats.clone()],
            counting_since: &self.counting_since[floats],
            histograms: &self.histograms[from..to],
        }
    }
}

impl Queryable for MemoryStore {
    fn find(&self, matchers: &[Matcher]) -> Result<Arc<SeriesList>, QueryError> {
        let found = self.series.iter().filter(|(labels, _)| all_match(matchers, labels));
        let (labels, refs) = found.map(|(labels, &place)| (labels.clone(), place as u64)).unzip();
        Ok(Arc::new(SeriesList::new(labels, refs)))
    }

    fn latest(
        &self,
        list: &SeriesList,
        places: Range<usize>,
        after: Timestamp,
        at: Timestamp,
        visit: &mut VisitLatest<'_>,
    ) -> Result<(), QueryError> {
        for place in places {
            let samples = self.at(list, place).between(after.as_millis(), at.as_millis());
            let latest = match (samples.times.last(), samples.histograms.last()) {
                (float, Some(sample)) if float.is_none_or(|&float| float < sample.at) => Latest {
                    at: sample.at,
                    counting_since: sample.counting_since,
                    value: LatestValue::Histogram(&sample.histogram),
                },
                (Some(&at), _) => Latest {
                    at,
                    counting_since: samples.counting_since.last().copied().unwrap_or(0),
                    value: LatestValue::Float(samples.values.last().copied().unwrap_or(f64::NAN)),
                },
                (None, _) => continue,
            };
            if visit(place, latest) == ControlFlow::Break(()) {
                break;
            }
        }
        Ok(())
    }

    fn read(
        &self,
        list: &SeriesList,
        places: Range<usize>,
        after: Timestamp,
        until: Timestamp,
        visit: &mut VisitSamples<'_>,
    ) -> Result<(), QueryError> {
        for place in places {
            let samples = self.at(list, place).between(after.as_millis(), until.as_millis());
            if !samples.is_empty() && visit(place, samples) == ControlFlow::Break(()) {
                break;
            }
        }
        Ok(())
    }
}
