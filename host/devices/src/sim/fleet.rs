//! The fleet of the demo: twelve boards, and what happens to them within a minute.

use std::time::Duration;

use bellwether_model::device::Severity;

use super::board::{Baseline, WireFormat};
use super::{ScriptStep, SimAction};
use crate::config::{DeviceConfig, SimConfig, TransportConfig};
use crate::log_rules::LogRuleConfig;

/// Boards of one kind.
struct Kind {
    platform: &'static str,
    driver: &'static str,
    format: WireFormat,
    model: &'static str,
    baseline: Baseline,
    boards: &'static [&'static str],
}

/// The twelve boards of the demo with their script:
///
/// | at | what happens |
/// |---|---|
/// | 8 s | `esp32-03` heats by 3 °C a second from 61 °C, passes 85 °C at 16 s, stays at 92 °C |
/// | 24.5 s | the model on `rp2040-02` slows down to 3 tokens a second |
/// | 25 s | `rp2040-02` is unplugged |
/// | 35 s | `stm32-01` runs out of memory and says so in its log |
/// | 40 s | `esp32-03` cools by 6 °C a second |
/// | 50 s | `rp2040-02` is back, as fast as before |
pub fn demo_fleet() -> Vec<DeviceConfig> {
    kinds().iter().flat_map(|kind| kind.boards.iter().map(|id| device(kind, id))).collect()
}

/// The log rule of the demo: running out of memory, as several firmwares word it.
pub fn demo_log_rules() -> Vec<LogRuleConfig> {
    vec![LogRuleConfig {
        name: "oom".to_owned(),
        r#match: r"(Memory allocation failed|Mem alloc fail\.|MemoryError)".to_owned(),
        level: Some("error".to_owned()),
        kind: Some("oom".to_owned()),
        severity: Severity::Critical,
    }]
}

fn kinds() -> [Kind; 6] {
    use WireFormat::{JsonLines, KeyValue, TaggedJsonLines};
    let of = |platform, driver, format, model, baseline, boards| Kind {
        platform,
        driver,
        format,
        model,
        baseline,
        boards,
    };
    let esp32 = board(52.0, (512 << 10, 201_000), 11.0, 480.0, 62.0);
    let stm32 = board(44.0, (256 << 10, 96_000), 8.2, 310.0, 58.0);
    let rp2040 = board(41.0, (264 << 10, 121_000), 8.6, 240.0, 66.0);
    let riscv = board(49.0, (64 << 20, 31 << 20), 14.5, 900.0, 51.0);
    let jetson = board(56.0, (8 << 30, 3 << 30), 38.0, 9_800.0, 47.0);
    let rpi = board(53.0, (4 << 30, 2 << 30), 16.0, 5_100.0, 39.0);
    [
        of(
            "esp32",
            "jsonl",
            TaggedJsonLines,
            "stories260k",
            esp32,
            &["esp32-01", "esp32-02", "esp32-03", "esp32-04"],
        ),
        of("stm32", "kv", KeyValue, "stories260k", stm32, &["stm32-01", "stm32-02"]),
        of("rp2040", "kv", KeyValue, "stories260k", rp2040, &["rp2040-01", "rp2040-02"]),
        of("riscv", "jsonl", JsonLines, "stories15m", riscv, &["riscv-01", "riscv-02"]),
        of("jetson", "jsonl", JsonLines, "tinyllama-1.1b", jetson, &["jetson-01"]),
        of("rpi", "jsonl", JsonLines, "tinyllama-1.1b", rpi, &["rpi-01"]),
    ]
}

const fn board(temp_c: f64, heap: (u64, u64), tok_s: f64, power_mw: f64, cpu: f64) -> Baseline {
    Baseline { temp_c, heap_total: heap.0, heap_free: heap.1, tok_s, power_mw, cpu }
}

fn device(kind: &Kind, id: &str) -> DeviceConfig {
    let mut baseline = kind.baseline.clone();
    if id == "esp32-03" {
        baseline.temp_c = 61.0;
    }
    let sim = SimConfig {
        format: kind.format,
        interval: Duration::from_millis(500),
        seed: 1,
        script: script(id, &baseline),
        baseline,
    };
    DeviceConfig {
        id: id.to_owned(),
        platform: kind.platform.to_owned(),
        driver: kind.driver.to_owned(),
        transport: TransportConfig::Sim(sim),
        labels: [("model_name".to_owned(), kind.model.to_owned())].into(),
        settings: serde_json::Map::new(),
        silence_timeout: Duration::from_secs(30),
        stale_after: Duration::from_secs(60),
        enabled: true,
        allow_writes: false,
    }
}

fn script(id: &str, baseline: &Baseline) -> Vec<ScriptStep> {
    let at = |millis, action| ScriptStep { at: Duration::from_millis(millis), action };
    match id {
        "esp32-03" => vec![
            at(8_000, SimAction::Temperature { to_c: 92.0, per_s: 3.0 }),
            at(40_000, SimAction::Temperature { to_c: baseline.temp_c, per_s: 6.0 }),
        ],
        "stm32-01" => {
            let line = "E (35000) llm: Memory allocation failed: requested 65536 bytes";
            vec![at(35_000, SimAction::Print(line.to_owned()))]
        }
        "rp2040-02" => vec![
            // Within one line of the unplugging, so that the slow model is seen and then explained.
            at(24_500, SimAction::TokensPerSecond(3.0)),
            at(25_000, SimAction::Unplug),
            at(50_000, SimAction::TokensPerSecond(baseline.tok_s)),
            at(50_000, SimAction::Plug),
        ],
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::DeviceSet;
    use crate::sim::SimBoard;

    fn simulated(id: &str) -> SimBoard {
        let device = demo_fleet().into_iter().find(|device| device.id == id).unwrap();
        let TransportConfig::Sim(sim) = &device.transport else { panic!("the demo needs no hardware") };
        SimBoard::new(id, sim)
    }

    fn value(line: &str, name: &str) -> f64 {
        let at = line.find(name).unwrap() + name.len();
        let rest = line[at..].trim_start_matches(['"', ':', '=']);
        rest[..rest.find([',', ' ', '}']).unwrap_or(rest.len())].parse().unwrap()
    }

    fn last_line(board: &mut SimBoard, millis: u64) -> String {
        let bytes = board.poll(Duration::from_millis(millis)).bytes;
        String::from_utf8(bytes).unwrap().lines().last().unwrap_or_default().to_owned()
    }

    #[test]
    fn twelve_boards_pass_the_checks() {
        let set = DeviceSet::from_configs(demo_fleet(), &demo_log_rules()).unwrap();
        assert_eq!(set.devices().count(), 12);
    }

    #[test]
    fn only_one_board_overheats_and_only_when_scripted() {
        for device in demo_fleet() {
            let mut board = simulated(&device.id);
            for millis in (0..60_000).step_by(500) {
                let line = last_line(&mut board, millis);
                if !line.contains("temp_c") {
                    continue;
                }
                let hot = value(&line, "temp_c") > 85.0;
                // 61 °C + 3 °C/s from 8 s on crosses 85 °C at 16 s, and 92 °C - 6 °C/s from 40 s on at 41.2 s.
                let expected = device.id == "esp32-03" && (16_500..=40_500).contains(&millis);
                let border = device.id == "esp32-03" && matches!(millis, 15_500..=16_500 | 40_500..=41_500);
                assert!(hot == expected || border, "{} at {millis} ms: {line}", device.id);
            }
        }
    }

    #[test]
    fn slow_model_is_seen_before_the_cable_is_pulled() {
        let mut board = simulated("rp2040-02");
        assert!(value(&last_line(&mut board, 24_000), "tok_s") > 5.0);
        assert!(value(&last_line(&mut board, 24_500), "tok_s") < 5.0);
        assert!(!board.poll(Duration::from_secs(25)).connected);
        assert!(!board.poll(Duration::from_millis(49_999)).connected);
        let back = board.poll(Duration::from_millis(50_500));
        assert!(back.connected);
        assert!(value(&String::from_utf8(back.bytes).unwrap(), "tok_s") > 5.0);
    }

    #[test]
    fn out_of_memory_line_comes_at_35_s() {
        let mut board = simulated("stm32-01");
        let early = String::from_utf8(board.poll(Duration::from_millis(34_999)).bytes).unwrap();
        assert!(!early.contains("Memory"));
        let then = String::from_utf8(board.poll(Duration::from_secs(35)).bytes).unwrap();
        assert!(
            then.contains("E (35000) llm: Memory allocation failed: requested 65536 bytes\r\n"),
            "{then}"
        );
    }
}
