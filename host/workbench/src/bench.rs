//! `plugin bench`: how many calls a second a plugin takes in the sandbox, and how long one lasts.

mod models;

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use bellwether_model::detector::{Detector as _, WindowMatrix};
use bellwether_model::device::{DriverFailure, DriverOutput, DriverSession, Frame};
use bellwether_model::receiver::{DeliveryFailure, Receiver as _};
use bellwether_model::{BoxFuture, Timestamp};
use bellwether_sandbox::{
    HttpClient, HttpError, HttpRequest, HttpResponse, ReceiverPlugin, SandboxedDetector, SandboxedDriver,
};

use crate::cases::{DetectorCase, ModelCase, ReceiverCase, call_of, play, read_capture};
use crate::error::WorkbenchError;
use crate::guest::{CompiledCode, Guest, Loaded};

/// For how long calls are counted.
const MEASURED: Duration = Duration::from_secs(2);
/// Calls before that, which find everything cold.
const WARM_UP_CALLS: usize = 20;
/// Series and points of the window that a detector gets where there is no input.
const WINDOW: (u32, u32) = (1000, 240);

/// Calls that were made.
#[derive(Debug, Default)]
struct Tally {
    times: Vec<Duration>,
    /// Samples, points or requests.
    units: u64,
    failed: u64,
}

/// Runs a plugin over a capture or an input, again and again, and tells how that went, a line for each figure.
pub async fn bench(
    component: &Path,
    code: &CompiledCode,
    input: Option<&Path>,
) -> Result<Vec<String>, WorkbenchError> {
    let hosts = input.and_then(|input| ReceiverCase::read(input).ok()).map(|case| case.origins());
    let loaded =
        Loaded::load_granting(component, Arc::new(AlwaysOk), code, &hosts.unwrap_or_default()).await?;
    let needs = |what: &str| {
        let problem = format!("needs {what} to be measured with; name one after the file");
        WorkbenchError::in_file(component, problem)
    };
    match (&loaded.guest, input) {
        (Guest::Driver(driver), Some(capture)) => bench_driver(driver, capture).await,
        (Guest::Driver(_), None) => Err(needs("a capture (*.cap.jsonl)")),
        (Guest::Detector(detector), input) => bench_detector(detector, input).await,
        (Guest::Receiver(receiver), Some(input)) => bench_receiver(receiver, input).await,
        (Guest::Receiver(_), None) => Err(needs("a notification (tests/*.json)")),
    }
}

/// The capture from its beginning, again and again, each time in a session of its own.
async fn bench_driver(driver: &SandboxedDriver, input: &Path) -> Result<Vec<String>, WorkbenchError> {
    let capture = read_capture(input)?;
    let tally = Arc::new(Mutex::new(Tally::default()));
    let began = Instant::now();
    while began.elapsed() < MEASURED {
        let timed = |session| Box::new(Timed { session, tally: Arc::clone(&tally) }) as _;
        let lines = play(driver, &capture, timed).await;
        if tally.lock().unwrap_or_else(PoisonError::into_inner).times.is_empty() {
            return Err(WorkbenchError::in_file(input, lines.join("; ")));
        }
    }
    let tally = std::mem::take(&mut *tally.lock().unwrap_or_else(PoisonError::into_inner));
    Ok(tally.lines("session", "sample"))
}

/// A session whose calls are timed.
struct Timed {
    session: Box<dyn DriverSession>,
    tally: Arc<Mutex<Tally>>,
}

impl Timed {
    fn timed<'a>(
        tally: &'a Mutex<Tally>,
        call: BoxFuture<'a, Result<DriverOutput, DriverFailure>>,
    ) -> BoxFuture<'a, Result<DriverOutput, DriverFailure>> {
        Box::pin(async move {
            let called = Instant::now();
            let answer = call.await;
            let took = called.elapsed();
            let mut tally = tally.lock().unwrap_or_else(PoisonError::into_inner);
            tally.times.push(took);
            match &answer {
                Ok(output) => tally.units += output.samples.len() as u64,
                Err(_) => tally.failed += 1,
            }
            answer
        })
    }
}

impl DriverSession for Timed {
    fn start(&mut self, now: Timestamp) -> BoxFuture<'_, Result<DriverOutput, DriverFailure>> {
        Self::timed(&self.tally, self.session.start(now))
    }

    fn receive(&mut self, frames: Vec<Frame>) -> BoxFuture<'_, Result<DriverOutput, DriverFailure>> {
        Self::timed(&self.tally, self.session.receive(frames))
    }

    fn tick(&mut self, now: Timestamp) -> BoxFuture<'_, Result<DriverOutput, DriverFailure>> {
        Self::timed(&self.tally, self.session.tick(now))
    }
}

async fn bench_detector(
    detector: &SandboxedDetector,
    input: Option<&Path>,
) -> Result<Vec<String>, WorkbenchError> {
    if let Some(path) = input
        && let Some(case) = ModelCase::read(path)?
    {
        let benched = models::bench_case(detector, &case).await;
        return benched.map_err(|problem| WorkbenchError::in_file(path, problem));
    }
    let mut lines = if input.is_none() { models::bench_kinds(detector).await } else { Vec::new() };
    let calls: Vec<(String, Vec<f64>, Timestamp, Vec<WindowMatrix>)> = match input {
        Some(path) => {
            let case = DetectorCase::read(path)?.evaluation(detector.functions());
            let call = case.map_err(|problem| WorkbenchError::in_file(path, problem))?;
            vec![(call.function, call.params, call.at, call.windows)]
        }
        None => {
            let callable =
                detector.functions().iter().filter(|f| f.params.iter().all(|p| p.default.is_some()));
            let made_up = callable.map(|function| {
                let params = function.params.iter().filter_map(|param| param.default).collect();
                let windows = vec![made_up_window(); usize::from(function.windows)];
                (function.name.clone(), params, Timestamp::from_millis(i64::from(WINDOW.1) * 15_000), windows)
            });
            made_up.collect()
        }
    };
    for (function, params, at, windows) in calls {
        let points: u64 = windows.iter().map(|window| window.values.len() as u64).sum();
        let (mut tally, mut began) = (Tally::default(), Instant::now());
        let mut warm_up = WARM_UP_CALLS;
        while began.elapsed() < MEASURED {
            let called = Instant::now();
            let verdicts = detector.evaluate(&function, &params, at, &windows).await;
            if warm_up > 0 {
                (warm_up, began) = (warm_up - 1, Instant::now());
                continue;
            }
            tally.times.push(called.elapsed());
            tally.units += points;
            tally.failed += u64::from(verdicts.is_err());
        }
        lines.extend(tally.lines(&function, "point"));
    }
    Ok(lines)
}

/// Series that wobble, each around a level of its own.
fn made_up_window() -> WindowMatrix {
    let (series, points) = WINDOW;
    let mut window = WindowMatrix { offsets: vec![0], ..WindowMatrix::default() };
    for index in 0..series {
        for point in 0..points {
            window.times.push(i64::from(point + 1) * 15_000);
            let wobble = f64::from((point * 7 + index * 13) % 17);
            window.values.push(f64::from(index) + wobble / 17.0);
        }
        window.offsets.push((index + 1) * points);
    }
    window
}

async fn bench_receiver(receiver: &ReceiverPlugin, input: &Path) -> Result<Vec<String>, WorkbenchError> {
    let case = ReceiverCase::read(input)?;
    let ready = call_of(receiver, &case);
    let (configured, call) = ready.map_err(|problem| WorkbenchError::in_file(input, problem))?;
    let (mut tally, began) = (Tally::default(), Instant::now());
    while began.elapsed() < MEASURED {
        let called = Instant::now();
        let told = configured.notify(call.clone()).await;
        tally.times.push(called.elapsed());
        tally.units += 1;
        tally.failed += u64::from(matches!(told, Err(DeliveryFailure::Crashed(_))));
    }
    Ok(tally.lines("notify", "message"))
}

impl Tally {
    fn lines(mut self, call: &str, unit: &str) -> Vec<String> {
        self.times.sort_unstable();
        let total: Duration = self.times.iter().sum();
        let (calls, seconds) = (self.times.len(), total.as_secs_f64());
        let at = |share: f64| {
            let index = (share * calls as f64) as usize;
            micros(self.times.get(index.min(calls.saturating_sub(1))).copied().unwrap_or_default())
        };
        let mut lines = vec![
            format!("{call}: {calls} calls, {:.0} calls/s", calls as f64 / seconds.max(f64::MIN_POSITIVE)),
            format!("  time per call     {} median, {} p99, {} worst", at(0.5), at(0.99), at(1.0)),
        ];
        if self.units > 0 {
            let each = seconds * 1e6 / self.units as f64;
            lines.push(format!("  time per {:<8} {each:.3} us ({} in all)", unit, self.units));
        }
        if self.failed > 0 {
            lines.push(format!("  failed            {} calls", self.failed));
        }
        lines
    }
}

fn micros(time: Duration) -> String {
    format!("{:.1} us", time.as_secs_f64() * 1e6)
}

/// Answers every request at once, with nothing.
#[derive(Debug)]
struct AlwaysOk;

impl HttpClient for AlwaysOk {
    fn send(&self, _: HttpRequest) -> BoxFuture<'_, Result<HttpResponse, HttpError>> {
        let response = HttpResponse { status: 200, headers: Vec::new(), body: "{}".into() };
        Box::pin(std::future::ready(Ok(response)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_told_by_call_and_by_sample() {
        let times = (1..=100).map(Duration::from_micros).collect();
        let lines = Tally { times, units: 10_100, failed: 1 }.lines("receive", "sample");
        assert_eq!(lines[0], "receive: 100 calls, 19802 calls/s");
        assert_eq!(lines[1], "  time per call     51.0 us median, 100.0 us p99, 100.0 us worst");
        assert_eq!(lines[2], "  time per sample   0.500 us (10100 in all)");
        assert_eq!(lines[3], "  failed            1 calls");
    }

    #[test]
    fn the_made_up_window_is_whole() {
        let window = made_up_window();
        assert_eq!((window.series(), window.values.len(), window.times.len()), (1000, 240_000, 240_000));
    }
}
