//! One simulated board.

use std::collections::VecDeque;
use std::fmt::Write as _;
use std::time::Duration;

use serde::Deserialize;

use super::{MIN_INTERVAL, ScriptStep, SimAction};
use crate::config::SimConfig;
use crate::random::SplitMix64;

/// What a board that nobody reads can hold back, in bytes; older output is lost, as on a UART.
const MAX_PENDING_BYTES: usize = 64 << 10;
/// After a pause longer than so many lines the board goes on from there instead of catching up.
const MAX_CATCH_UP: u64 = 10_000;
/// How far measured values wander about the true ones, as a part of them.
const NOISE: f64 = 0.01;
/// How far a measured temperature wanders, in degrees: thermometers do not get worse with heat.
const NOISE_C: f64 = 0.2;

/// How a board writes its telemetry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WireFormat {
    /// `{"temp_c":61.2,"heap_free":182344,...}`
    JsonLines,
    /// The same behind the prefix of an ESP-IDF log: `I (1234) telemetry: {...}`
    TaggedJsonLines,
    /// `temp_c=61.2 heap_free=182344 ...`
    KeyValue,
}

/// What a board measures while nothing happens to it.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Baseline {
    /// Degrees Celsius.
    pub temp_c: f64,
    /// Bytes of heap altogether.
    pub heap_total: u64,
    /// Bytes of it that are free.
    pub heap_free: u64,
    /// Tokens a second of the model that runs on it.
    pub tok_s: f64,
    /// Milliwatts that it draws.
    pub power_mw: f64,
    /// Percent.
    pub cpu: f64,
}

impl Default for Baseline {
    fn default() -> Self {
        Self {
            temp_c: 48.0,
            heap_total: 327_680,
            heap_free: 182_000,
            tok_s: 12.0,
            power_mw: 420.0,
            cpu: 55.0,
        }
    }
}

/// What a board did since it was last polled.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SimStep {
    /// What it wrote.
    pub bytes: Vec<u8>,
    /// Whether the cable is in now.
    pub connected: bool,
}

/// A board: its script, and what it measures now.
#[derive(Debug, Clone)]
pub struct SimBoard {
    format: WireFormat,
    interval: Duration,
    script: VecDeque<ScriptStep>,
    rng: SplitMix64,
    now: Baseline,
    target_c: f64,
    change_per_s: f64,
    /// The line to be written next, counted from the start.
    next_line: u64,
    cable: Cable,
    hung: bool,
}

/// Whether the board is plugged in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Cable {
    /// Since this time; the board booted then.
    In(Duration),
    Out,
}

impl SimBoard {
    /// A board that is switched on at time zero. `name` makes boards with one seed differ.
    pub fn new(name: &str, config: &SimConfig) -> Self {
        Self {
            format: config.format,
            interval: config.interval.max(MIN_INTERVAL),
            script: config.script.iter().cloned().collect(),
            rng: SplitMix64::new(SplitMix64::seed_for(config.seed, name)),
            now: config.baseline.clone(),
            target_c: config.baseline.temp_c,
            change_per_s: 1.0,
            next_line: 0,
            cable: Cable::In(Duration::ZERO),
            hung: false,
        }
    }

    /// Runs the board up to `t` since its start and returns what it wrote on the way, the newest 64 KiB at most.
    /// An earlier `t` than before changes nothing.
    pub fn poll(&mut self, t: Duration) -> SimStep {
        let mut bytes = Vec::new();
        self.skip_long_pause(t);
        while self.next_due() <= t {
            let due = self.next_due();
            if self.script.front().is_some_and(|step| step.at <= self.line_due()) {
                let step = self.script.pop_front().expect("just seen");
                self.act(step.at, step.action, &mut bytes);
            } else {
                self.line(due, &mut bytes);
                self.next_line += 1;
            }
            if bytes.len() > MAX_PENDING_BYTES {
                bytes.drain(..bytes.len() - MAX_PENDING_BYTES);
            }
        }
        SimStep { bytes, connected: self.is_plugged() }
    }

    /// When something happens next: the next line or step of the script.
    pub fn next_due(&self) -> Duration {
        self.script.front().map_or_else(|| self.line_due(), |step| step.at.min(self.line_due()))
    }

    /// Whether the cable is in.
    pub fn is_plugged(&self) -> bool {
        matches!(self.cable, Cable::In(_))
    }

    fn line_due(&self) -> Duration {
        let nanos = self.interval.as_nanos().saturating_mul(u128::from(self.next_line));
        Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
    }

    fn skip_long_pause(&mut self, t: Duration) {
        let newest = u64::try_from(t.as_nanos() / self.interval.as_nanos()).unwrap_or(u64::MAX);
        self.next_line = self.next_line.max(newest.saturating_sub(MAX_CATCH_UP));
    }

    fn act(&mut self, at: Duration, action: SimAction, out: &mut Vec<u8>) {
        match action {
            SimAction::Temperature { to_c, per_s } => {
                (self.target_c, self.change_per_s) = (to_c, per_s.abs());
            }
            SimAction::TokensPerSecond(speed) => self.now.tok_s = speed,
            SimAction::HeapFree(bytes) => self.now.heap_free = bytes.min(self.now.heap_total),
            SimAction::Print(line) => self.write(&line, out),
            SimAction::Unplug => self.cable = Cable::Out,
            SimAction::Plug => self.boot(at, out),
            SimAction::Hang => self.hung = true,
            SimAction::Resume => self.hung = false,
        }
    }

    fn boot(&mut self, at: Duration, out: &mut Vec<u8>) {
        self.cable = Cable::In(at);
        self.hung = false;
        if self.format == WireFormat::TaggedJsonLines {
            self.write("I (27) boot: ESP-IDF v5.3 2nd stage bootloader", out);
        }
    }

    fn line(&mut self, due: Duration, out: &mut Vec<u8>) {
        let step = self.change_per_s * self.interval.as_secs_f64();
        self.now.temp_c += (self.target_c - self.now.temp_c).clamp(-step, step);
        // Drawn even when nothing is written, so that an unplugged board does not change what comes later.
        let measured = self.measure();
        let uptime = match self.cable {
            Cable::In(since) => due.saturating_sub(since),
            Cable::Out => return,
        };
        let line = match self.format {
            WireFormat::JsonLines => json(&measured),
            WireFormat::TaggedJsonLines => {
                format!("I ({}) telemetry: {}", uptime.as_millis(), json(&measured))
            }
            WireFormat::KeyValue => key_value(&measured),
        };
        self.write(&line, out);
    }

    fn write(&self, line: &str, out: &mut Vec<u8>) {
        if self.is_plugged() && !self.hung {
            out.extend_from_slice(line.as_bytes());
            out.extend_from_slice(b"\r\n");
        }
    }

    fn measure(&mut self) -> Baseline {
        let now = self.now.clone();
        let mut about = |value: f64| value * NOISE.mul_add(self.rng.signed_unit(), 1.0);
        let heap_free = about(now.heap_free as f64).round();
        Baseline {
            heap_total: now.heap_total,
            // `as` saturates, and the value is neither negative nor beyond the heap.
            heap_free: (heap_free as u64).min(now.heap_total),
            tok_s: about(now.tok_s),
            power_mw: about(now.power_mw),
            cpu: about(now.cpu).clamp(0.0, 100.0),
            temp_c: NOISE_C.mul_add(self.rng.signed_unit(), now.temp_c),
        }
    }
}

/// Names and values as text, in the order in which boards write them.
fn fields(m: &Baseline) -> [(&'static str, String); 6] {
    [
        ("temp_c", format!("{:.1}", m.temp_c)),
        ("heap_free", m.heap_free.to_string()),
        ("heap_total", m.heap_total.to_string()),
        ("tok_s", format!("{:.2}", m.tok_s)),
        ("power_mw", format!("{:.0}", m.power_mw)),
        ("cpu", format!("{:.1}", m.cpu)),
    ]
}

fn json(m: &Baseline) -> String {
    let mut line = String::from("{");
    for (i, (name, value)) in fields(m).iter().enumerate() {
        let comma = if i == 0 { "" } else { "," };
        let _ = write!(line, "{comma}\"{name}\":{value}");
    }
    line + "}"
}

fn key_value(m: &Baseline) -> String {
    let pairs: Vec<String> = fields(m).iter().map(|(name, value)| format!("{name}={value}")).collect();
    pairs.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(format: WireFormat, script: Vec<ScriptStep>) -> SimConfig {
        let interval = Duration::from_millis(500);
        SimConfig { format, interval, seed: 7, baseline: Baseline::default(), script }
    }

    const fn secs(n: u64) -> Duration {
        Duration::from_secs(n)
    }

    fn step(at: u64, action: SimAction) -> ScriptStep {
        ScriptStep { at: secs(at), action }
    }

    fn text(step: &SimStep) -> String {
        String::from_utf8(step.bytes.clone()).unwrap()
    }

    #[test]
    fn same_seed_gives_the_same_bytes_however_it_is_polled() {
        let config = config(WireFormat::TaggedJsonLines, vec![step(3, SimAction::Print("x".into()))]);
        let mut at_once = SimBoard::new("a", &config);
        let mut often = SimBoard::new("a", &config);
        let whole = at_once.poll(secs(10)).bytes;
        let pieces: Vec<u8> =
            (0..=1000).flat_map(|i| often.poll(Duration::from_millis(i * 10)).bytes).collect();
        assert_eq!(whole, pieces);
        assert_ne!(whole, SimBoard::new("b", &config).poll(secs(10)).bytes);
    }

    #[test]
    fn writes_one_line_every_interval_in_its_format() {
        let of = |format| text(&SimBoard::new("a", &config(format, vec![])).poll(secs(1)));
        let json = of(WireFormat::JsonLines);
        assert_eq!(json.lines().count(), 3, "{json}");
        let parsed: serde_json::Value = serde_json::from_str(json.lines().next().unwrap()).unwrap();
        assert_eq!(parsed["heap_total"], 327_680);
        assert!(
            of(WireFormat::TaggedJsonLines)
                .lines()
                .nth(2)
                .unwrap()
                .starts_with("I (1000) telemetry: {\"temp_c\":")
        );
        assert!(of(WireFormat::KeyValue).starts_with("temp_c="));
    }

    #[test]
    fn unplugged_board_is_mute_and_boots_when_it_is_back() {
        let script = vec![
            step(2, SimAction::Unplug),
            step(3, SimAction::Print("lost".into())),
            step(4, SimAction::Plug),
        ];
        let mut board = SimBoard::new("a", &config(WireFormat::TaggedJsonLines, script));
        let before = board.poll(secs(2));
        assert!(!before.connected);
        assert_eq!(text(&before).lines().count(), 4, "lines of 0 s to 1.5 s");
        assert_eq!(board.poll(Duration::from_millis(3900)), SimStep::default());
        let after = board.poll(Duration::from_millis(4500));
        assert!(after.connected);
        assert!(text(&after).starts_with("I (27) boot: "), "{}", text(&after));
        assert!(text(&after).contains("I (500) telemetry"), "uptime begins anew");
    }

    #[test]
    fn hung_board_stays_connected_and_writes_nothing() {
        let script = vec![step(1, SimAction::Hang), step(5, SimAction::Resume)];
        let mut board = SimBoard::new("a", &config(WireFormat::KeyValue, script));
        board.poll(Duration::from_millis(999));
        assert_eq!(board.poll(Duration::from_millis(4900)), SimStep { bytes: vec![], connected: true });
        assert!(!board.poll(secs(6)).bytes.is_empty());
    }

    #[test]
    fn output_that_nobody_reads_is_bounded() {
        let mut board = SimBoard::new("a", &config(WireFormat::JsonLines, vec![]));
        assert!(board.poll(secs(100 * 365 * 86_400)).bytes.len() <= MAX_PENDING_BYTES);
    }
}
