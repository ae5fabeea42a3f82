//! Remote-write 1.0: a snappy block around a protobuf message becomes records.
//!
//! The outer message is walked by hand and one series is decoded at a time, so that a body cannot take many times its
//! size in memory. Native histograms, exemplars and metadata are left out; histograms are counted.

use std::collections::BTreeSet;

use bellwether_model::labels::METRIC_NAME;
use bellwether_model::{Labels, Record, Timestamp};
use prost::Message;
use prost::encoding::{DecodeContext, WireType, decode_key, decode_varint, skip_field};

/// How large a push may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RemoteWriteLimits {
    /// Most bytes after decompression.
    pub decompressed_bytes: usize,
    /// Most samples.
    pub samples: usize,
}

impl Default for RemoteWriteLimits {
    fn default() -> Self {
        // Prometheus sends 2,000 samples at once by default, agents up to some ten thousand.
        Self { decompressed_bytes: 64 << 20, samples: 500_000 }
    }
}

/// Most bytes of one series: decoding may take some fifty times as much memory while it is looked at.
const MAX_SERIES_BYTES: usize = 4 << 20;

/// A push that cannot be taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RemoteWriteError {
    /// The body is compressed by something else.
    #[error("content encoding {0:?} is not supported, remote-write bodies are compressed with snappy")]
    Encoding(String),
    /// The body is something else, remote-write 2.0 for one.
    #[error("content type {0:?} is not supported, send remote-write 1.0 (prometheus.WriteRequest)")]
    MessageType(String),
    /// The body is no snappy block.
    #[error("the body is not a snappy block: {0}")]
    Snappy(String),
    /// The body is no remote-write message.
    #[error("the body is not a remote-write message: {0}")]
    Protobuf(String),
    /// The body is too large after decompression.
    #[error("the body has {found} bytes after decompression, more than the {limit} allowed")]
    TooLarge {
        /// Its size.
        found: usize,
        /// The limit.
        limit: usize,
    },
    /// One series is too large.
    #[error("a series takes {found} bytes, more than the {MAX_SERIES_BYTES} allowed")]
    SeriesTooLarge {
        /// Its size.
        found: usize,
    },
    /// The body holds too many samples.
    #[error("the body has more than the {limit} samples allowed")]
    TooManySamples {
        /// The limit.
        limit: usize,
    },
}

impl RemoteWriteError {
    /// The status to answer with: 400, 413 or 415. Senders do not try again after any of these.
    pub const fn status(&self) -> u16 {
        match self {
            Self::Encoding(_) | Self::MessageType(_) => 415,
            Self::Snappy(_) | Self::Protobuf(_) => 400,
            Self::TooLarge { .. } | Self::SeriesTooLarge { .. } | Self::TooManySamples { .. } => 413,
        }
    }
}

/// What was pushed.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Push {
    /// The samples, in their order.
    pub records: Vec<Record>,
    /// Series left out because they have no name, an empty or repeated label name, or none at all; as Prometheus
    /// leaves them out of a 1.0 push.
    pub invalid_series: usize,
    /// Native histograms left out.
    pub histograms: usize,
}

/// Checks the headers of a push; absent ones are taken for those of remote-write 1.0.
pub fn check_headers(content_type: Option<&str>, encoding: Option<&str>) -> Result<(), RemoteWriteError> {
    if let Some(other) = encoding.filter(|encoding| !encoding.eq_ignore_ascii_case("snappy")) {
        return Err(RemoteWriteError::Encoding(other.to_owned()));
    }
    let Some(content_type) = content_type else {
        return Ok(());
    };
    let mut parts = content_type.split(';').map(str::trim);
    let is_protobuf = parts.next().is_some_and(|media| media.eq_ignore_ascii_case("application/x-protobuf"));
    let message = parts.find_map(|part| part.strip_prefix("proto="));
    if is_protobuf && message.is_none_or(|message| message == "prometheus.WriteRequest") {
        Ok(())
    } else {
        Err(RemoteWriteError::MessageType(content_type.to_owned()))
    }
}

/// Decodes the body of a push.
pub fn decode(body: &[u8], limits: RemoteWriteLimits) -> Result<Push, RemoteWriteError> {
    let snappy = |error: snap::Error| RemoteWriteError::Snappy(error.to_string());
    let found = snap::raw::decompress_len(body).map_err(snappy)?;
    let limit = limits.decompressed_bytes;
    if found > limit {
        return Err(RemoteWriteError::TooLarge { found, limit });
    }
    let message = snap::raw::Decoder::new().decompress_vec(body).map_err(snappy)?;
    read_request(&message, limits.samples)
}

/// Tag of `WriteRequest.timeseries`.
const TIME_SERIES_TAG: u32 = 1;

fn read_request(mut rest: &[u8], max_samples: usize) -> Result<Push, RemoteWriteError> {
    let protobuf = |error: prost::DecodeError| RemoteWriteError::Protobuf(error.to_string());
    let mut push = Push::default();
    while !rest.is_empty() {
        let (tag, wire_type) = decode_key(&mut rest).map_err(protobuf)?;
        if (tag, wire_type) != (TIME_SERIES_TAG, WireType::LengthDelimited) {
            skip_field(wire_type, tag, &mut rest, DecodeContext::default()).map_err(protobuf)?;
            continue;
        }
        let length = usize::try_from(decode_varint(&mut rest).map_err(protobuf)?).unwrap_or(usize::MAX);
        let (series, tail) = rest
            .split_at_checked(length)
            .ok_or_else(|| RemoteWriteError::Protobuf("it ends in the middle of a series".to_owned()))?;
        rest = tail;
        if length > MAX_SERIES_BYTES {
            return Err(RemoteWriteError::SeriesTooLarge { found: length });
        }
        push.add(TimeSeries::decode(series).map_err(protobuf)?);
        if push.records.len() > max_samples {
            return Err(RemoteWriteError::TooManySamples { limit: max_samples });
        }
    }
    Ok(push)
}

impl Push {
    fn add(&mut self, series: TimeSeries) {
        let Some(labels) = labels_of(&series.labels) else {
            self.invalid_series += 1;
            return;
        };
        self.histograms += series.histograms.len();
        let records = series.samples.iter();
        self.records.extend(records.map(|sample| {
            Record::new(labels.clone(), Timestamp::from_millis(sample.timestamp), sample.value)
        }));
    }
}

/// None where they are not valid: no metric name, an empty label name, a repeated one.
fn labels_of(pairs: &[LabelPair]) -> Option<Labels> {
    let names: BTreeSet<&str> = pairs.iter().map(|pair| pair.name.as_str()).collect();
    if names.len() != pairs.len() || names.contains("") {
        return None;
    }
    let labels = Labels::from_pairs(pairs.iter().map(|pair| (pair.name.as_str(), pair.value.as_str())));
    labels.get(METRIC_NAME).is_some().then_some(labels)
}

/// `prometheus.TimeSeries`, without exemplars.
#[derive(Clone, PartialEq, Message)]
struct TimeSeries {
    #[prost(message, repeated, tag = "1")]
    labels: Vec<LabelPair>,
    #[prost(message, repeated, tag = "2")]
    samples: Vec<PushedSample>,
    #[prost(message, repeated, tag = "4")]
    histograms: Vec<Histogram>,
}

/// `prometheus.Label`
#[derive(Clone, PartialEq, Message)]
struct LabelPair {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(string, tag = "2")]
    value: String,
}

/// `prometheus.Sample`
#[derive(Clone, Copy, PartialEq, Message)]
struct PushedSample {
    #[prost(double, tag = "1")]
    value: f64,
    #[prost(int64, tag = "2")]
    timestamp: i64,
}

/// `prometheus.Histogram`: only that there is one.
#[derive(Clone, Copy, PartialEq, Eq, Message)]
struct Histogram {}

#[cfg(test)]
mod tests;
