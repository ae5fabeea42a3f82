use super::*;
use bellwether_plugin_sdk::driver::{Driver, Failure, Frame, Info, Output, info, receive_all};

/// A driver that hands each frame on as facts of JSON, or as a log line.
struct Probe(Telemetry);

impl Driver for Probe {
    fn describe() -> Info {
        info("probe", "0.0.0", "")
    }
    fn open(device: Device) -> Result<Self, Problem> {
        Telemetry::open(&device).map(Self)
    }
    fn receive(&mut self, frame: &Frame, out: &mut Out) -> Result<(), Failure> {
        let text = String::from_utf8_lossy(&frame.data);
        match from_json(&text) {
            Ok(facts) => drop(self.0.facts(&facts, out)),
            Err(_) => self.0.log_line(&text, out),
        }
        Ok(())
    }
}

fn open(config: &str) -> Result<Probe, Problem> {
    Probe::open(Device {
        name: "d".into(),
        address: String::new(),
        config: config.into(),
        now: 0,
        extras: vec![],
    })
}

fn feed(probe: &mut Probe, lines: &[&str]) -> Output {
    let frames: Vec<Frame> =
        lines.iter().map(|line| Frame { at: 0, data: line.as_bytes().to_vec() }).collect();
    receive_all(probe, &frames).unwrap()
}

fn samples(config: &str, lines: &[&str]) -> Vec<String> {
    let output = feed(&mut open(config).unwrap(), lines);
    let print = |sample: bellwether_plugin_sdk::driver::Sample| {
        let labels: Vec<String> = sample.labels.iter().map(|l| format!("{}={}", l.name, l.value)).collect();
        format!("{}{{{}}} {}", sample.metric, labels.join(","), sample.value)
    };
    output.samples.into_iter().map(print).collect()
}

const DEFAULTS: &str = r#"{"map":{},"keep_unknown":false}"#;

#[test]
fn knows_the_usual_names() {
    let cases = [
        (r#"{"temp":41.5}"#, "device_temperature_celsius{} 41.5"),
        (r#"{"temp_c":"41.5","sensor":"soc"}"#, "device_temperature_celsius{sensor_location=soc} 41.5"),
        (r#"{"temp":{"cpu":50}}"#, "device_temperature_celsius{sensor_location=cpu} 50"),
        (r#"{"gpu_temp_c":50}"#, "device_temperature_celsius{sensor_location=gpu} 50"),
        (r#"{"power_w":1.5}"#, "device_power_consumption_mw{} 1500"),
        (r#"{"cpuPercent":12}"#, "device_cpu_utilization_percent{} 12"),
        (
            r#"{"tok_s":3.5,"model":"tinyllama","quantization":"int8"}"#,
            "model_tokens_per_second{model_name=tinyllama,quantization=int8} 3.5",
        ),
        (r#"{"latency_ms":12}"#, "inference_latency_ms{} 12"),
        (r#"{"errors":2}"#, "profiling_errors_total{} 2"),
        (
            r#"{"model_memory_usage_kb":512,"memory_type":"arena"}"#,
            "model_memory_usage_kb{memory_type=arena} 512",
        ),
    ];
    for (line, want) in cases {
        assert_eq!(samples(DEFAULTS, &[line]), [want], "{line}");
    }
}

#[test]
fn free_heap_becomes_usage_once_the_total_was_told() {
    assert_eq!(
        samples(DEFAULTS, &[r#"{"heap_free":100}"#]),
        ["device_memory_free_bytes{memory_type=heap} 100"]
    );
    assert_eq!(
        samples(DEFAULTS, &[r#"{"heap_total":1000}"#, r#"{"heap_free":100}"#]),
        [
            "device_memory_total_bytes{memory_type=heap} 1000",
            "device_memory_usage_bytes{memory_type=heap} 900",
            "device_memory_total_bytes{memory_type=heap} 1000",
        ]
    );
    assert_eq!(
        samples(DEFAULTS, &[r#"{"mem_used":7,"mem_total":9}"#]),
        ["device_memory_usage_bytes{memory_type=ram} 7", "device_memory_total_bytes{memory_type=ram} 9"]
    );
}

#[test]
fn json_becomes_a_flat_list_of_facts() {
    let facts = |text: &str| {
        let print = |fact: Fact<'_>| match fact.value {
            Value::Number(number) => format!("{}={number}", fact.key),
            Value::Text(text) => format!("{}:{text}", fact.key),
        };
        from_json(text).map(|facts| facts.into_iter().map(print).collect::<Vec<_>>().join(" "))
    };
    let cases = [
        (
            r#"{"temp":41.5,"n":-3,"on":true,"none":null,"heapFree":"12","id":"a\tb"}"#,
            "temp=41.5 n=-3 on=1 heap_free=12 id:a\tb",
        ),
        (
            r#"{"telemetry":{"Data":{"temp":1}},"imu":{"acc":[1,[2],{"z":3}]}}"#,
            "temp=1 imu_acc_0=1 imu_acc_1_0=2 imu_acc_2_z=3",
        ),
        (r#"{"h\u00f6he":1,"":{"x":2}}"#, "h_he=1 x=2"),
    ];
    for (text, want) in cases {
        assert_eq!(facts(text).unwrap(), want, "{text}");
    }
    for text in ["{\"a\":1} more", "{\"a\":", "[1]", "{\"a\":1e999}"] {
        facts(text).unwrap_err();
    }
    let long = format!("{{\"a\":[{}],\"b\":1}}", vec!["1"; 1000].join(","));
    assert_eq!(from_json(&long).unwrap().len(), 256);
}

#[test]
fn keys_that_are_too_many_to_remember_are_read_all_the_same() {
    let mut probe = open(r#"{"map":{"k999":"last"},"keep_unknown":true}"#).unwrap();
    for i in 0..1000 {
        let line = format!("{{\"k{i}\":1,\"temp{i}_temp\":2}}");
        let metrics = feed(&mut probe, &[&line]).samples.into_iter().map(|sample| sample.metric);
        let unknown = if i == 999 { "last" } else { "device_value" };
        assert_eq!(metrics.collect::<Vec<_>>(), [unknown, "device_temperature_celsius"], "{line}");
    }
}

#[test]
fn mapping_of_the_operator_goes_first() {
    let config = r#"{"map":{"temp":"room_celsius","v.bat":{"metric":"battery_volts","labels":{"cell":"1"},"scale":0.001}},
        "keep_unknown":true}"#;
    assert_eq!(
        samples(config, &[r#"{"temp":20,"v":{"bat":3700},"rssi":-60}"#]),
        ["room_celsius{} 20", "battery_volts{cell=1} 3.7", "device_value{name=rssi} -60"]
    );
    assert!(
        open(r#"{"map":{"x":"no name"},"keep_unknown":true}"#).err().unwrap().message.contains("no name")
    );
    assert_eq!(samples(DEFAULTS, &[r#"{"rssi":-60}"#]), Vec::<String>::new());
}

#[test]
fn reads_levels_and_tags_of_log_lines() {
    let lines = [
        ("E (1234) wifi: gone", Some("error"), Some("wifi"), "gone"),
        ("\u{1b}[0;33mW (9) heap: low\u{1b}[0m", Some("warning"), Some("heap"), "low"),
        ("[ERROR] gone", Some("error"), None, "gone"),
        ("[12:00:01][E][wifi:123]: gone", Some("error"), Some("wifi"), "gone"),
        ("[00:00:01.000,000] <err> wifi: gone", Some("error"), Some("wifi"), "gone"),
        ("WARNING: hot", Some("warning"), None, "hot"),
        ("Hello world", None, None, "Hello world"),
        (r#"{"level":"warn","msg":"hot","tag":"core"}"#, Some("warning"), Some("core"), "hot"),
    ];
    for (text, level, tag, message) in lines {
        let output = feed(&mut open(DEFAULTS).unwrap(), &[text]);
        let line = &output.logs[0];
        assert_eq!(
            (line.level.as_deref(), line.tag.as_deref(), line.message.as_str()),
            (level, tag, message),
            "{text}"
        );
    }
}

#[test]
fn finds_events_in_log_lines() {
    let events = [
        ("E (12) app: Memory allocation failed", "out_of_memory"),
        ("MemoryError: memory allocation failed, allocating 4096 bytes", "out_of_memory"),
        ("Guru Meditation Error: Core  0 panic'ed (LoadProhibited)", "panic"),
        ("rst:0xc (SW_CPU_RESET),boot:0x13 (SPI_FAST_FLASH_BOOT)", "restart"),
        ("Brownout detector was triggered", "brownout"),
    ];
    for (text, kind) in events {
        let output = feed(&mut open(DEFAULTS).unwrap(), &[text]);
        assert_eq!(output.events[0].kind, kind, "{text}");
    }
    let reset = feed(&mut open(DEFAULTS).unwrap(), &["rst:0xc (SW_CPU_RESET),boot:0x13"]);
    assert_eq!(reset.events[0].fields[0].value, "SW_CPU_RESET");
    assert!(feed(&mut open(DEFAULTS).unwrap(), &["all is well"]).events.is_empty());
}

#[test]
fn tells_the_identity_when_it_changes() {
    let mut probe = open(DEFAULTS).unwrap();
    let line = r#"{"firmware":"1.2.0","mac":"aa:bb","chip":"esp32s3","board":"devkit"}"#;
    let identity = feed(&mut probe, &[line]).identity.unwrap();
    assert_eq!((identity.id.as_deref(), identity.firmware.as_deref()), (Some("aa:bb"), Some("1.2.0")));
    assert_eq!((identity.model.as_deref(), identity.extras.len()), (Some("devkit"), 1));
    assert!(feed(&mut probe, &[line]).identity.is_none());
}
