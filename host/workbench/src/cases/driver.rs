//! A driver over a capture: the bytes that a device sent, at the times at which it sent them, on a clock of its own.

use std::fs;
use std::path::Path;
use std::time::Duration;

use bellwether_devices::capture::{Capture, MAX_FILE_BYTES};
use bellwether_devices::framing::Framer;
use bellwether_model::device::{
    DeviceContext, DeviceIdentity, DeviceSample, Driver, DriverFailure, DriverOutput, DriverSession, Frame,
};
use bellwether_model::number::Plain;
use bellwether_model::{Labels, Timestamp};
use bellwether_sandbox::SandboxedDriver;

use super::{quoted, quoted_bytes};
use crate::error::WorkbenchError;

/// Most frames of one call, as the driver interface promises.
const BATCH_FRAMES: usize = 256;
/// Most bytes of one call, unless a single frame is longer.
const BATCH_BYTES: usize = 64 << 10;
/// The shortest wait that a driver may ask for, as in the host.
const SHORTEST_WAKE: Duration = Duration::from_millis(10);
/// Calls of `tick` between two reads; a driver that never stops asking must not hang a test.
const MAX_TICKS: usize = 10_000;

/// Reads a capture.
pub(crate) fn read_capture(path: &Path) -> Result<Capture, WorkbenchError> {
    let length = fs::metadata(path).map_err(WorkbenchError::reading(path))?.len();
    if length > MAX_FILE_BYTES {
        return Err(WorkbenchError::in_file(path, format!("has {length} bytes, limit {MAX_FILE_BYTES}")));
    }
    let text = fs::read_to_string(path).map_err(WorkbenchError::reading(path))?;
    Capture::parse(&text).map_err(|error| WorkbenchError::in_file(path, error))
}

/// What a capture gives, a line for each fact. The frames of one read are one call, as far as the host's limits allow.
pub(super) async fn lines(driver: &SandboxedDriver, capture: &Capture) -> Vec<String> {
    play(driver, capture, |session| session).await
}

/// As [`lines`], by way of what `around` makes of the session.
pub(crate) async fn play(
    driver: &SandboxedDriver,
    capture: &Capture,
    around: impl FnOnce(Box<dyn DriverSession>) -> Box<dyn DriverSession>,
) -> Vec<String> {
    let began = capture.head.t0_ms;
    let mut tape = Tape { lines: Vec::new(), wake: None };
    match begin(driver, capture).await {
        Ok(session) => {
            let mut session = around(session);
            if let Err(failure) = tape.play(driver, session.as_mut(), capture).await {
                tape.lines.push(failure);
            }
        }
        Err(problem) => tape.lines.push(format!("{} error {problem}", began.as_millis())),
    }
    tape.lines
}

async fn begin(driver: &SandboxedDriver, capture: &Capture) -> Result<Box<dyn DriverSession>, String> {
    let config = driver.check_settings(&capture.head.settings).map_err(|problems| {
        let problems: Vec<String> = problems.iter().map(ToString::to_string).collect();
        format!("bad settings: {}", problems.join("; "))
    })?;
    let device = DeviceContext {
        name: capture.head.device.id.clone(),
        address: "replay:".to_owned(),
        config,
        now: capture.head.t0_ms,
        extras: Vec::new(),
    };
    driver.open(device).await.map_err(|failure| failure.to_string())
}

fn framer(driver: &SandboxedDriver) -> Framer {
    Framer::new(driver.info().framing, driver.info().max_frame_bytes)
}

fn batches(frames: Vec<Vec<u8>>, at: Timestamp) -> Vec<Vec<Frame>> {
    let mut batches: Vec<Vec<Frame>> = Vec::new();
    let mut bytes = 0;
    for data in frames {
        bytes += data.len();
        let frame = Frame { at, data };
        match batches.last_mut().filter(|batch| batch.len() < BATCH_FRAMES && bytes <= BATCH_BYTES) {
            Some(batch) => batch.push(frame),
            None => {
                bytes = frame.data.len();
                batches.push(vec![frame]);
            }
        }
    }
    batches
}

/// What has come out so far, and when the driver wants to be called.
struct Tape {
    lines: Vec<String>,
    wake: Option<Timestamp>,
}

impl Tape {
    /// The error is the line about what ended the session.
    async fn play(
        &mut self,
        driver: &SandboxedDriver,
        session: &mut dyn DriverSession,
        capture: &Capture,
    ) -> Result<(), String> {
        let began = capture.head.t0_ms;
        let mut framer = framer(driver);
        let started = session.start(began).await;
        self.take(started, began)?;
        for (after, bytes) in capture.received() {
            let at = began + after;
            self.ticks_until(session, at).await?;
            let mut frames = Vec::new();
            framer.push(bytes, &mut frames);
            let dropped = framer.take_dropped().total();
            if dropped > 0 {
                self.lines.push(format!("{} dropped {dropped}", at.as_millis()));
            }
            for batch in batches(frames, at) {
                let received = session.receive(batch).await;
                self.take(received, at)?;
            }
        }
        self.ticks_until(session, began + capture.duration()).await
    }

    async fn ticks_until(&mut self, session: &mut dyn DriverSession, until: Timestamp) -> Result<(), String> {
        for _ in 0..MAX_TICKS {
            let Some(due) = self.wake.filter(|due| *due <= until) else { return Ok(()) };
            self.wake = None;
            let ticked = session.tick(due).await;
            self.take(ticked, due)?;
        }
        Err(format!("{} error asked for more than {MAX_TICKS} ticks in a row", until.as_millis()))
    }

    fn take(&mut self, result: Result<DriverOutput, DriverFailure>, at: Timestamp) -> Result<(), String> {
        match result {
            Ok(output) => {
                if let Some(wait) = output.wake {
                    self.wake = Some(at + wait.max(SHORTEST_WAKE));
                }
                self.lines.extend(output_lines(output, at));
                Ok(())
            }
            Err(failure @ DriverFailure::BadInput(_)) => {
                self.lines.push(format!("{} error {failure}", at.as_millis()));
                Ok(())
            }
            Err(fatal) => Err(format!("{} error {fatal}", at.as_millis())),
        }
    }
}

/// The facts of one call, in the order in which the host acts on them.
fn output_lines(output: DriverOutput, at: Timestamp) -> Vec<String> {
    let call = at.as_millis();
    let when = |own: Option<Timestamp>| own.unwrap_or(at).as_millis();
    let mut lines = Vec::new();
    lines.extend(output.identity.map(|identity| format!("{call} identity{}", identity_text(identity))));
    for sample in &output.samples {
        lines.push(format!("{} {} {}", when(sample.at), series(sample), Plain(sample.value)));
    }
    for event in &output.events {
        let fields = pairs(&event.fields);
        let (severity, message) = (event.severity.as_str(), quoted(&event.message));
        lines.push(format!("{} event {} {severity} {message}{fields}", when(event.at), event.kind));
        let attachment = event.attachment.as_ref();
        lines.extend(attachment.map(|text| format!("{} attachment {}", when(event.at), quoted(text))));
    }
    for log in &output.logs {
        let origin = match (&log.level, &log.tag) {
            (None, None) => String::new(),
            (level, None) => format!(" {}", level.as_deref().unwrap_or("-")),
            (level, Some(tag)) => format!(" {} {tag}", level.as_deref().unwrap_or("-")),
        };
        lines.push(format!("{} log{origin} {}", when(log.at), quoted(&log.message)));
    }
    if output.skipped > 0 {
        lines.push(format!("{call} skipped {}", output.skipped));
    }
    lines.extend(output.writes.iter().map(|bytes| format!("{call} write {}", quoted_bytes(bytes))));
    lines
}

fn series(sample: &DeviceSample) -> String {
    // As the host keeps them: sorted, and each name once.
    let labels =
        Labels::from_pairs(sample.labels.iter().map(|(name, value)| (name.as_str(), value.as_str())));
    if labels.is_empty() {
        return sample.metric.clone();
    }
    let labels: Vec<String> =
        labels.iter().map(|label| format!("{}={}", label.name, quoted(&label.value))).collect();
    format!("{}{{{}}}", sample.metric, labels.join(","))
}

fn identity_text(identity: DeviceIdentity) -> String {
    let known = [("id", identity.id), ("model", identity.model), ("firmware", identity.firmware)];
    let known = known.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?)));
    pairs(&known.chain(identity.extras).collect::<Vec<_>>())
}

fn pairs(pairs: &[(String, String)]) -> String {
    pairs.iter().map(|(name, value)| format!(" {name}={}", quoted(value))).collect()
}

#[cfg(test)]
mod tests {
    use bellwether_model::device::{DeviceEvent, DeviceLog, Severity};

    use super::*;

    const AT: Timestamp = Timestamp::from_millis(1_767_225_603_000);

    #[test]
    fn prints_a_line_for_each_fact() {
        let output = DriverOutput {
            identity: Some(DeviceIdentity {
                id: Some("1".into()),
                extras: vec![("chip".into(), "x".into())],
                ..DeviceIdentity::default()
            }),
            samples: vec![DeviceSample {
                metric: "device_temperature_celsius".into(),
                labels: vec![("sensor".into(), "die".into()), ("bus".into(), "\"a\"".into())],
                value: 41.5,
                at: Some(AT + Duration::from_millis(1)),
            }],
            events: vec![DeviceEvent {
                kind: "panic".into(),
                severity: Severity::Critical,
                message: "died".into(),
                fields: vec![("pc".into(), "0x1".into())],
                attachment: Some("r0\nr1".into()),
                at: None,
            }],
            logs: vec![DeviceLog {
                level: Some("warning".into()),
                tag: None,
                message: "hm".into(),
                at: None,
            }],
            skipped: 2,
            writes: vec![b"ok".to_vec()],
            wake: None,
        };
        assert_eq!(
            output_lines(output, AT),
            [
                "1767225603000 identity id=\"1\" chip=\"x\"",
                "1767225603001 device_temperature_celsius{bus=\"\\\"a\\\"\",sensor=\"die\"} 41.5",
                "1767225603000 event panic critical \"died\" pc=\"0x1\"",
                "1767225603000 attachment \"r0\\nr1\"",
                "1767225603000 log warning \"hm\"",
                "1767225603000 skipped 2",
                "1767225603000 write \"ok\"",
            ]
        );
    }

    #[test]
    fn batches_are_limited_as_in_the_host() {
        let sizes = |frames: Vec<Vec<u8>>| batches(frames, AT).iter().map(Vec::len).collect::<Vec<_>>();
        assert_eq!(sizes(vec![vec![0]; 600]), [256, 256, 88]);
        assert_eq!(sizes(vec![vec![0; 40 << 10]; 3]), [1, 1, 1]);
        assert_eq!(sizes(Vec::new()), Vec::<usize>::new());
    }
}
