use bellwether_model::yaml;

use super::*;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    devices: Vec<Spanned<DeviceConfig>>,
    #[serde(default)]
    log_rules: Vec<Spanned<LogRuleConfig>>,
}

fn load(text: &str) -> Result<DeviceSet, YamlError> {
    let file: File = yaml::parse("bellwether.yaml", text)?;
    DeviceSet::check(&file.devices, &file.log_rules).map_err(|error| error.in_file("bellwether.yaml", text))
}

const FULL: &str = r#"
devices:
  - id: esp32-lab-1
    platform: esp32
    driver: esp-idf
    transport:
      serial: {usb: {vid: 0x303a, pid: 0x1001, serial: "F4:12:FA:AA:BB:CC"}, baud: 921600, dtr: off, rts: off}
    labels: {site: lab-a, model_name: tinyllama}
    settings: {telemetry: jsonl, poll: {free: 10s}}
    silence_timeout: 1m30s
  - id: meter-1
    platform: power
    driver: modbus-rtu
    transport: {tcp: {connect: "10.0.0.9:4001"}}
    settings: {unit: 1, registers: [{metric: device_power_consumption_mw, scale: 1000}]}
    allow_writes: true
  - id: pico
    platform: rp2040
    driver: kv
    transport: {serial: {path: /dev/ttyACM0, dtr: on}}
    stale_after: 0s
  - id: board
    platform: esp32
    driver: jsonl
    transport:
      sim:
        format: json_lines
        seed: 3
        script: [{at: 8s, action: {temperature: {to_c: 92, per_s: 3}}}, {at: 25s, action: unplug}]
log_rules:
  - {name: oom, match: '(Memory allocation failed|MemoryError)', kind: oom, severity: critical}
"#;

#[test]
fn reads_all_transports_and_settings() {
    let set = load(FULL).unwrap_or_else(|error| panic!("{error}"));
    let devices: Vec<_> = set.devices().collect();
    let addresses: Vec<_> = devices.iter().map(|device| device.address()).collect();
    assert_eq!(
        addresses,
        ["serial:usb:303a:1001:F4:12:FA:AA:BB:CC", "tcp://10.0.0.9:4001", "serial:/dev/ttyACM0", "sim:board"]
    );
    assert_eq!(devices[0].silence_timeout, Duration::from_secs(90));
    assert_eq!(devices[0].settings["poll"]["free"], "10s");
    assert_eq!(devices[1].settings["registers"][0]["scale"], 1000);
    assert_eq!(devices[1].stale_after, Duration::from_secs(60));
    assert_eq!(devices[2].port(), "/dev/ttyACM0");
    let TransportConfig::Serial(pico) = &devices[2].transport else { panic!("serial expected") };
    assert_eq!((pico.dtr, pico.rts), (Signal::On, Signal::Keep));
}

fn device(id: &str, rest: &str) -> String {
    format!("  - {{id: {id}, platform: p, driver: d, {rest}}}\n")
}

#[test]
fn problems_name_place_and_remedy() {
    let sim = "transport: {sim: {format: json_lines}}";
    let tty = "transport: {serial: {path: /dev/ttyUSB0}}";
    let cases = [
        (device("a", sim) + &device("a", sim), 3, "`a` is used twice"),
        (device("a", tty) + &device("b", tty), 3, "same serial port"),
        (device("'a b'", sim), 2, "no device id"),
        (device("a", "transport: {serial: {baud: 9600}}"), 2, "named in one way"),
        (device("a", "transport: {serial: {path: x, dtr: off}}"), 2, "holds an ESP32 in reset"),
        (device("a", "transport: {serial: {path: x, baud: 1200}}"), 2, "boot loader"),
        (device("a", "transport: {tcp: {connect: localhost}}"), 2, "no address"),
        (device("a", &format!("{sim}, labels: {{device_id: x}}")), 2, "cannot have the label"),
        (device("a", &format!("{sim}, labels: {{__x: x}}")), 2, "cannot have the label"),
        (device("a", &format!("{sim}, silence_timeout: 5")), 2, "duration"),
        (device("a", &format!("{sim}, colour: red")), 2, "unknown key `colour`"),
        (device("a", "transport: {serail: {path: x}}"), 2, "unknown value `serail`"),
        (device("a", "transport: {replay: {path: x, speed: 0}}"), 2, "speed 0"),
    ];
    for (devices, line, message) in cases {
        let error = load(&format!("devices:\n{devices}")).unwrap_err();
        assert!(error.message.contains(message), "{error}\nfor {devices}");
        assert_eq!(error.line, line, "{error}");
    }
}

#[test]
fn bad_log_rule_is_named_with_its_place() {
    let text = "devices: []\nlog_rules:\n  - {name: oom, match: '(', severity: critical}\n";
    let error = load(text).unwrap_err();
    assert_eq!(error.line, 3, "{error}");
    assert!(error.message.contains("oom"), "{error}");
}
