//! What a driver hands back, as far as it is legal and within the limits. What is left out counts as skipped.
//!
//! The guest's memory and the limit of what a call returns bound what comes out of a guest; here the host itself would
//! multiply it, where one block of values becomes as many samples with labels of their own.

use std::time::Duration;

use bellwether_model::Timestamp;
use bellwether_model::device::{
    DeviceEvent, DeviceIdentity, DeviceLog, DeviceSample, DriverFailure, DriverOutput, Severity,
};

use crate::bindings::driver::exports::bellwether::driver::driver as wit;
use crate::limits::Limits;
use crate::speech::{MAX_SPEECH_BYTES, cut, plain};

/// Longest value of a label, and longest name.
const MAX_LABEL_BYTES: usize = 1024;
/// Labels of one sample, fields of one event, facts about one device.
const MAX_LABELS: usize = 32;
/// Longest attachment of an event: a register dump or a backtrace.
const MAX_ATTACHMENT_BYTES: usize = 64 << 10;

/// The output as far as it may be.
pub(super) fn accepted(output: wit::Output, limits: &Limits) -> DriverOutput {
    let mut intake = Intake::new(limits);
    output.samples.into_iter().for_each(|sample| intake.sample(sample));
    output.blocks.into_iter().for_each(|block| intake.block(block));
    DriverOutput {
        identity: output.identity.map(identity),
        samples: intake.samples,
        events: output.events.into_iter().take(limits.events_per_call).map(event).collect(),
        logs: output.logs.into_iter().take(limits.events_per_call).map(log).collect(),
        skipped: output.skipped.saturating_add(intake.skipped),
        writes: writes(output.writes, limits.written_bytes_per_call),
        wake: output.wake.map(|millis| Duration::from_millis(u64::from(millis))),
    }
}

/// Takes samples until there are enough, or their names and labels are as long as all that a call may return.
struct Intake {
    samples: Vec<DeviceSample>,
    room: usize,
    text_bytes_left: usize,
    skipped: u32,
}

impl Intake {
    const fn new(limits: &Limits) -> Self {
        let (room, text_bytes_left) = (limits.samples_per_call, limits.driver.returned_bytes);
        Self { samples: Vec::new(), room, text_bytes_left, skipped: 0 }
    }

    fn sample(&mut self, sample: wit::Sample) {
        let wit::Sample { metric, labels, value, at } = sample;
        let at = at.map(Timestamp::from_millis);
        self.series(metric, labels, std::iter::once((value, at)));
    }

    /// One sample for each value of a block. Times are counted in microseconds, so that fast blocks do not drift.
    fn block(&mut self, block: wit::Block) {
        let wit::Block { metric, labels, start, step_us, values } = block;
        let at = |index: usize| {
            let offset_us = u64::from(step_us).saturating_mul(index as u64);
            let offset_ms = i64::try_from(offset_us / 1000).unwrap_or(i64::MAX);
            Timestamp::from_millis(start).offset_millis(offset_ms)
        };
        let values = values.into_iter().enumerate().map(|(index, value)| (value, Some(at(index))));
        self.series(metric, labels, values);
    }

    /// Samples of one series. Whether that is legal is judged once, and what does not fit is not copied.
    fn series(
        &mut self,
        metric: String,
        labels: Vec<wit::Label>,
        values: impl ExactSizeIterator<Item = (f64, Option<Timestamp>)>,
    ) {
        let text_bytes = labels.iter().fold(metric.len(), |sum, l| sum + l.name.len() + l.value.len());
        let fits = self.room.min(self.text_bytes_left / text_bytes.max(1));
        let taken = if is_legal(&metric, &labels) { fits.min(values.len()) } else { 0 };
        self.skip(values.len() - taken);
        self.room -= taken;
        self.text_bytes_left -= taken * text_bytes;
        let names = std::iter::repeat_n((metric, pairs(labels)), taken);
        let sample = |((metric, labels), (value, at))| DeviceSample { metric, labels, value, at };
        self.samples.extend(names.zip(values).map(sample));
    }

    fn skip(&mut self, count: usize) {
        self.skipped = self.skipped.saturating_add(u32::try_from(count).unwrap_or(u32::MAX));
    }
}

fn is_legal(metric: &str, labels: &[wit::Label]) -> bool {
    let is_legal = |label: &wit::Label| is_label_name(&label.name) && label.value.len() <= MAX_LABEL_BYTES;
    is_metric_name(metric) && labels.len() <= MAX_LABELS && labels.iter().all(is_legal)
}

/// As Prometheus wants it: letters, digits, `_` and `:`, no digit first.
pub(crate) fn is_metric_name(name: &str) -> bool {
    is_identifier(name, |b| b == b':')
}

/// As Prometheus wants it, and without the `__` that belongs to the host.
fn is_label_name(name: &str) -> bool {
    is_identifier(name, |_| false) && !name.starts_with("__")
}

fn is_identifier(name: &str, also: impl Fn(u8) -> bool) -> bool {
    let legal = |b: u8| b.is_ascii_alphanumeric() || b == b'_' || also(b);
    !name.is_empty()
        && name.len() <= MAX_LABEL_BYTES
        && !name.starts_with(|c: char| c.is_ascii_digit())
        && name.bytes().all(legal)
}

/// Whole writes only, up to the limit: half a command can be another command.
fn writes(writes: Vec<Vec<u8>>, limit_bytes: usize) -> Vec<Vec<u8>> {
    let mut total = 0;
    let fits = |bytes: &Vec<u8>| {
        total += bytes.len();
        total <= limit_bytes
    };
    writes.into_iter().take_while(fits).collect()
}

fn event(event: wit::Event) -> DeviceEvent {
    DeviceEvent {
        kind: cut(event.kind, MAX_LABEL_BYTES),
        severity: severity(event.severity),
        message: cut(event.message, MAX_SPEECH_BYTES),
        fields: facts(pairs(event.fields)),
        attachment: event.attachment.map(|text| cut(text, MAX_ATTACHMENT_BYTES)),
        at: event.at.map(Timestamp::from_millis),
    }
}

pub(crate) const fn severity(severity: wit::Severity) -> Severity {
    match severity {
        wit::Severity::Info => Severity::Info,
        wit::Severity::Warning => Severity::Warning,
        wit::Severity::Critical => Severity::Critical,
    }
}

fn log(line: wit::LogLine) -> DeviceLog {
    DeviceLog {
        level: line.level.map(word),
        tag: line.tag.map(word),
        message: cut(line.message, MAX_SPEECH_BYTES),
        at: line.at.map(Timestamp::from_millis),
    }
}

fn identity(identity: wit::Identity) -> DeviceIdentity {
    DeviceIdentity {
        id: identity.id.map(word),
        model: identity.model.map(word),
        firmware: identity.firmware.map(word),
        extras: facts(identity.extras),
    }
}

/// As long as a label's value may be.
fn word(text: String) -> String {
    cut(text, MAX_LABEL_BYTES)
}

fn facts(pairs: Vec<(String, String)>) -> Vec<(String, String)> {
    pairs.into_iter().take(MAX_LABELS).map(|(name, value)| (word(name), word(value))).collect()
}

fn pairs(labels: Vec<wit::Label>) -> Vec<(String, String)> {
    labels.into_iter().map(|label| (label.name, label.value)).collect()
}

/// A failure in the driver's own words.
pub(super) fn failure(failure: wit::Failure) -> DriverFailure {
    match failure {
        wit::Failure::BadInput(why) => DriverFailure::BadInput(plain(&why)),
        wit::Failure::Unsupported(why) => DriverFailure::Unsupported(plain(&why)),
        wit::Failure::Reset(why) => DriverFailure::Reset(plain(&why)),
    }
}
