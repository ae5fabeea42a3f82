//! A native driver, a recording sink and a clock for the tests of this crate.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use bellwether_model::device::{
    DeviceContext, DeviceEvent, DeviceSample, Driver, DriverFailure, DriverInfo, DriverOutput, DriverSession,
    EventKind, Frame, Framing, Severity,
};
use bellwether_model::{BoxFuture, Record, Timestamp};
use tokio::sync::mpsc;
use tokio::time::Instant;

use crate::manager::{Clock, DriverLookup};
use crate::notice::{DeviceNotice, NoticeKind, Sink};

/// When test clocks begin.
pub(crate) const START: Timestamp = Timestamp::from_millis(1_800_000_000_000);

/// A clock that goes with tokio's, paused or not.
pub(crate) fn clock() -> Clock {
    let began = Instant::now();
    Arc::new(move || START + began.elapsed())
}

/// Understands lines such as `temp=5`, and does what it is told by the words below.
#[derive(Debug)]
pub(crate) struct TestDriver {
    info: DriverInfo,
    /// Begins the name of each metric.
    prefix: &'static str,
}

impl TestDriver {
    pub(crate) fn lookup() -> DriverLookup {
        let driver = Self::with_prefix("");
        Arc::new(move |name| (name != "missing").then(|| Arc::clone(&driver)))
    }

    /// Another version of it.
    pub(crate) fn with_prefix(prefix: &'static str) -> Arc<dyn Driver> {
        let event = EventKind { kind: "declared".into(), severity: Severity::Info, help: String::new() };
        let info = DriverInfo {
            name: "test".into(),
            version: "1.0.0".into(),
            framing: Framing::Lines,
            max_frame_bytes: 1024,
            baud_rates: vec![115_200],
            metrics: Vec::new(),
            events: vec![event],
        };
        Arc::new(Self { info, prefix })
    }
}

impl Driver for TestDriver {
    fn info(&self) -> &DriverInfo {
        &self.info
    }

    fn open(&self, _: DeviceContext) -> BoxFuture<'_, Result<Box<dyn DriverSession>, DriverFailure>> {
        let session = TestSession(self.prefix);
        Box::pin(async { Ok(Box::new(session) as Box<dyn DriverSession>) })
    }
}

#[derive(Debug)]
struct TestSession(&'static str);

impl DriverSession for TestSession {
    fn start(&mut self, _: Timestamp) -> BoxFuture<'_, Result<DriverOutput, DriverFailure>> {
        Box::pin(async { Ok(DriverOutput::default()) })
    }

    fn receive(&mut self, frames: Vec<Frame>) -> BoxFuture<'_, Result<DriverOutput, DriverFailure>> {
        Box::pin(async move {
            let mut output = DriverOutput::default();
            for frame in frames {
                let prefix = self.0;
                if prefix == "broken_" {
                    return Err(DriverFailure::Crashed("broken".into()));
                }
                understand(prefix, &String::from_utf8_lossy(&frame.data), &mut output)?;
                if frame.data == b"hang" {
                    std::future::pending::<()>().await;
                }
            }
            Ok(output)
        })
    }

    fn tick(&mut self, _: Timestamp) -> BoxFuture<'_, Result<DriverOutput, DriverFailure>> {
        Box::pin(async {
            let samples = vec![sample("ticked", 1.0)];
            Ok(DriverOutput { samples, wake: Some(Duration::from_secs(1)), ..DriverOutput::default() })
        })
    }
}

fn sample(metric: &str, value: f64) -> DeviceSample {
    DeviceSample { metric: metric.to_owned(), labels: Vec::new(), value, at: None }
}

fn understand(prefix: &str, line: &str, output: &mut DriverOutput) -> Result<(), DriverFailure> {
    match line {
        "panic" => panic!("told to"),
        "crash" => return Err(DriverFailure::Crashed("told to".into())),
        "reset" => return Err(DriverFailure::Reset("told to".into())),
        "unsupported" => return Err(DriverFailure::Unsupported("told to".into())),
        "bad" => return Err(DriverFailure::BadInput("told to".into())),
        "skip" => output.skipped += 1,
        "write" => output.writes.push(b"written\n".to_vec()),
        "wake" => output.wake = Some(Duration::from_secs(1)),
        "event" => output.events.push(DeviceEvent {
            kind: "declared".into(),
            severity: Severity::Info,
            message: line.into(),
            fields: Vec::new(),
            attachment: None,
            at: None,
        }),
        line => {
            let pairs = line.split_whitespace().filter_map(|pair| pair.split_once('='));
            let values = pairs.filter_map(|(name, value)| Some((name, value.parse().ok()?)));
            output.samples.extend(values.map(|(name, value)| sample(&format!("{prefix}{name}"), value)));
        }
    }
    Ok(())
}

/// Keeps all records, and passes notices on.
#[derive(Debug)]
pub(crate) struct Recorder {
    records: Mutex<Vec<Record>>,
    notices: mpsc::UnboundedSender<DeviceNotice>,
}

impl Sink for Recorder {
    fn records(&self, records: Vec<Record>) {
        self.records.lock().unwrap().extend(records);
    }

    fn event(&self, notice: DeviceNotice) {
        // A test that has seen enough no longer listens.
        drop(self.notices.send(notice));
    }
}

impl Recorder {
    pub(crate) fn new() -> (Arc<Self>, mpsc::UnboundedReceiver<DeviceNotice>) {
        let (notices, heard) = mpsc::unbounded_channel();
        (Arc::new(Self { records: Mutex::default(), notices }), heard)
    }

    /// All samples of a series given as it prints, with their times in milliseconds since the start.
    pub(crate) fn samples(&self, series: &str) -> Vec<(i64, f64)> {
        let records = self.records.lock().unwrap();
        let of_series = records.iter().filter(|record| record.labels.to_string() == series);
        of_series.map(|record| (record.sample.at.millis_since(START), record.sample.value)).collect()
    }

    /// The latest value of a series; panics with all series where it has none.
    pub(crate) fn latest(&self, series: &str) -> f64 {
        let Some((_, value)) = self.samples(series).pop() else {
            let records = self.records.lock().unwrap();
            let mut all: Vec<_> = records.iter().map(|record| record.labels.to_string()).collect();
            all.sort();
            all.dedup();
            panic!("no {series} in {all:#?}");
        };
        value
    }
}

/// What a notice says, as one short text.
pub(crate) fn brief(notice: &DeviceNotice) -> String {
    let what = match &notice.kind {
        NoticeKind::Connected => "connected".to_owned(),
        NoticeKind::Disconnected { reason } => format!("disconnected: {reason}"),
        NoticeKind::Unreachable { reason } => format!("unreachable: {reason}"),
        NoticeKind::Silent => "silent".to_owned(),
        NoticeKind::Event(event) => format!("event {}", event.kind),
        NoticeKind::Log(log) => format!("log {}", log.message),
        NoticeKind::Identity(_) => "identity".to_owned(),
        NoticeKind::DriverCrashed { error } => format!("crashed: {error}"),
        NoticeKind::DriverRejected { error } => format!("rejected: {error}"),
        NoticeKind::Quarantined { reason } => format!("quarantined: {reason}"),
    };
    format!("{} {what}", notice.device_id)
}
