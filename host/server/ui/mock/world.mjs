// A made-up fleet that lives: boards that heat up and fall silent, alerts that go their way, messages. Follows src/contract.ts.

const HOUR = 3_600_000;
const PLATFORMS = { esp32: "ESP32-S3", stm32: "STM32F407", rp2040: "Pico W", riscv: "CH32V307", jetson: "Orin Nano", pi5: "Raspberry Pi 5" };
const IDS = ["esp32-01", "esp32-02", "esp32-03", "esp32-04", "stm32-01", "stm32-02", "stm32-03", "rp2040-01", "rp2040-02", "riscv-01", "jetson-01", "pi5-01"];

/** Numbers that look random and are the same in each run. */
function randomFrom(seed) {
  let state = seed;
  return () => (state = (state * 16807) % 2147483647) / 2147483647;
}

function walk(seed, length, from, step) {
  const random = randomFrom(seed);
  let value = from;
  return Array.from({ length }, () => Math.round((value += (random() - 0.49) * step) * 100) / 100);
}

/** `many` alerts of a flood beside the handful; `empty`: no device; `quiet`: no alert. */
export function makeWorld({ many = 0, manyDevices = 0, empty = false, quiet = false } = {}) {
  const started = Date.now();
  const world = { started, devices: [], alerts: [], happened: [], inbox: [], silences: [], sequence: 0, many };
  if (!empty) world.devices = makeDevices(started, manyDevices);
  if (!quiet && !empty) world.alerts = makeAlerts(started, many);
  if (!empty) {
    world.happened = makeHappened(started);
    world.inbox = makeInbox(started);
  }
  return world;
}

function makeDevices(now, extra) {
  const ids = [...IDS, ...Array.from({ length: extra }, (_, n) => `edge-${String(n + 1).padStart(4, "0")}`)];
  return ids.map((id, n) => {
    const gone = id === "jetson-01";
    const spark = walk(100 + n * 7, 30, 41 + ((n * 3.7) % 40), 2);
    return {
      id,
      platform: id.split("-")[0],
      state: gone ? "gone" : "connected",
      since: gone ? now - 41_000 : now - 2 * HOUR - n * 61_000,
      lastSeen: gone ? now - 41_000 : now - (n % 5) * 1000,
      value: gone ? null : spark[29],
      unit: "°C",
      metric: "device_temperature_celsius",
      spark,
      alert: id === "esp32-03" ? "critical" : null,
    };
  });
}

function signal(now, seed, from, threshold, rising, query) {
  const values = walk(seed, 60, from, threshold ? (threshold - from) / 12 || 2 : 3);
  const points = values.map((v, n) => {
    const climb = rising && n > 44 ? ((n - 44) / 15) * (threshold * 1.03 - values[44]) : 0;
    return [now - (59 - n) * 60_000, Math.round((n > 44 && rising ? values[44] + climb + (v - values[44]) * 0.1 : v) * 100) / 100];
  });
  return { query, points, threshold };
}

function alert(now, n, fields) {
  const labels = { alertname: fields.name, ...fields.labels, severity: fields.severity };
  const last = fields.signal?.points.at(-1)[1] ?? null;
  return {
    fingerprint: (0x1a2b3c4d00000000n + BigInt(n)).toString(16).padStart(16, "0"),
    description: "",
    runbookUrl: null,
    state: "firing",
    resolvedAt: null,
    unit: "",
    signal: null,
    acknowledgement: null,
    value: last,
    ...fields,
    labels,
    startsAt: now - fields.age,
    why: fields.why ?? way(fields),
    age: undefined,
  };
}

function way({ group = "device_alerts", held = "2 m", pipeline, labels }) {
  const steps = [
    { kind: "rule", label: "rule", text: group, note: null, state: "passed" },
    { kind: "held", label: "held", text: held, note: null, state: pipeline.kind === "pending" ? "waiting" : "passed" },
  ];
  if (pipeline.kind === "pending") return steps;
  steps.push({ kind: "route", label: "route", text: 'team="edge"', note: null, state: "passed" });
  steps.push({ kind: "group", label: "group by", text: "alertname, site", note: null, state: pipeline.kind === "grouping" ? "waiting" : "passed" });
  if (pipeline.kind === "inhibited") return [...steps.slice(0, 2), { kind: "inhibition", label: "inhibited by", text: pipeline.by[0].name, note: null, state: "blocked" }];
  if (pipeline.kind === "silenced") return [...steps.slice(0, 2), { kind: "silence", label: "silence", text: `device_id="${labels.device_id}"`, note: null, state: "blocked" }];
  if (pipeline.kind === "failed") steps.push({ kind: "receiver", label: "slack", text: "#edge", note: "refused", state: "failed" });
  if (pipeline.kind === "sent") steps.push({ kind: "receiver", label: "slack", text: "#edge", note: "delivered", state: "passed" });
  return steps;
}

function makeAlerts(now, many) {
  const sent = (tookMs, ago) => ({ kind: "sent", receivers: ["team-edge"], at: now - ago, tookMs, repeatAt: now - ago + 4 * HOUR });
  const rows = [
    alert(now, 1, { name: "DeviceOverheating", severity: "critical", labels: { device_id: "esp32-03", site: "north" }, summary: "esp32-03 is at 87.4 °C, limit 85 °C, for 2 m", description: "The board throttles at 90 °C and switches itself off at 105 °C. Look at the fan first.", runbookUrl: "https://example.com/runbooks/overheating", age: 126_000, unit: "°C", signal: signal(now, 11, 62, 85, true, 'device_temperature_celsius{device_id="esp32-03"}'), pipeline: sent(6, 120_000) }),
    alert(now, 2, { name: "DeviceDisconnected", severity: "critical", labels: { device_id: "jetson-01", site: "south" }, summary: "jetson-01 sent nothing for 41 s", age: 41_000, held: "30 s", signal: { ...signal(now, 5, 1, null, false, "device_connection_status"), points: Array.from({ length: 60 }, (_, n) => [now - (59 - n) * 60_000, n < 59 ? 1 : 0]), threshold: 0.5 }, pipeline: { kind: "grouping", until: now + 19_000, receivers: ["team-edge"] } }),
    alert(now, 3, { name: "TemperatureDrift", severity: "warning", labels: { device_id: "stm32-02", site: "north" }, summary: "zscore 4.1 against the last hour", age: 17_000, held: "0 s", signal: signal(now, 23, 0.8, 3, true, 'zscore(device_temperature_celsius{device_id="stm32-02"}[1h])'), pipeline: sent(9, 12_000) }),
    alert(now, 4, { name: "HighMemoryUsage", severity: "warning", labels: { device_id: "pi5-01", site: "south" }, summary: "memory is 93 % full", age: 720_000, unit: "ratio", signal: signal(now, 31, 0.55, 0.9, true, "1 - memory_free_bytes / memory_total_bytes"), pipeline: { kind: "failed", receiver: "team-edge", error: "slack answered 429: rate limited, retry after 30 s", attempts: 3, nextAttempt: now + 27_000 } }),
    alert(now, 5, { name: "ModelAccuracyDrop", severity: "warning", labels: { model: "vibration-v3" }, summary: "detector psi() = 0.27 on the input distribution", age: 64 * 60_000, acknowledgement: { by: "ann", comment: "retraining runs, done at noon", at: now - 50 * 60_000, until: null }, signal: signal(now, 47, 0.05, 0.25, true, "psi(model_input[1h], model_input[1h] offset 1d)"), pipeline: sent(7, 62 * 60_000) }),
    alert(now, 6, { name: "CertificateExpiresSoon", severity: "info", labels: { instance: "gateway:8443" }, summary: "13 days left", age: 26 * HOUR, unit: "s", signal: signal(now, 3, 1.17e6, null, false, "probe_ssl_earliest_cert_expiry - time()"), pipeline: sent(11, 2 * HOUR) }),
    alert(now, 7, { name: "HighCPU", severity: "warning", labels: { device_id: "riscv-01", site: "north" }, summary: "busy for 40 s, alerts after 1 m", age: 40_000, state: "pending", held: "1 m", unit: "%", signal: signal(now, 71, 40, 80, true, "cpu_usage_percent"), pipeline: { kind: "pending", firesAt: now + 20_000 } }),
    ...["HighLatency", "LowThroughput", "SensorStale", "HighTemperature"].map((name, n) =>
      alert(now, 8 + n, { name, severity: "warning", labels: { device_id: "jetson-01", site: "south" }, summary: "the board is gone, this follows from it", age: 35_000 - n * 3000, pipeline: { kind: "inhibited", by: [{ fingerprint: "1a2b3c4d00000002", name: "DeviceDisconnected" }] } }),
    ),
    alert(now, 12, { name: "DeviceRebooted", severity: "info", labels: { device_id: "esp32-04", site: "north" }, summary: "<b>rebooted</b> 3 times & counting", age: 500_000, pipeline: { kind: "silenced", by: ["8f14e45f-ceea-467f-a0e6-0f1b2c3d4e5f"] } }),
  ];
  for (let n = 0; n < many; n++) {
    const severity = ["critical", "warning", "info"][n % 3];
    rows.push(alert(now, 1000 + n, { name: ["DeviceOverheating", "PacketLoss", "SensorStale"][n % 3], severity, labels: { device_id: `edge-${String(n).padStart(5, "0")}`, site: `site-${n % 40}` }, summary: `made up alert number ${n}`, age: 1000 * (n + 5), unit: "°C", signal: n < 200 ? signal(now, n + 3, 60, 85, true, "device_temperature_celsius") : null, pipeline: sent(5 + (n % 20), 1000 * n) }));
  }
  return rows;
}

const bold = (text, href) => ({ text, bold: true, ...(href ? { href } : {}) });

function makeHappened(now) {
  const rows = [
    [3_000, "fired", "critical", [bold("DeviceOverheating", "/?alert=1a2b3c4d00000001"), { text: " esp32-03 fired, sent to slack #edge in 6 ms" }]],
    [20_000, "fired", "warning", [bold("TemperatureDrift", "/?alert=1a2b3c4d00000003"), { text: " zscore(temperature[1h]) = 4.1 on stm32-02" }]],
    [39_000, "resolved", "critical", [bold("DeviceDisconnected"), { text: " rp2040-01 resolved after 2 m 10 s, 2 messages" }]],
    [41_000, "device", "critical", [{ text: "board " }, bold("jetson-01", "/devices/jetson-01"), { text: " is gone: connection closed by peer" }]],
    [52_000, "failed", "warning", [{ text: "message about " }, bold("HighMemoryUsage"), { text: " refused by slack: 429 rate limited" }]],
    [60_000, "inhibited", "warning", [bold("HighLatency"), { text: " jetson-01 held back by DeviceDisconnected" }]],
    [118_000, "plugin", "info", [{ text: "driver " }, bold("nvidia-smi-text", "/plugins"), { text: " 0.3.1 swapped in, smoke test on 500 captured lines passed" }]],
    [300_000, "config", "info", [{ text: "configuration read again, 27 rules in 6 groups" }]],
  ];
  return rows.map(([ago, kind, severity, parts], n) => ({ id: `h-${String(1000 - n)}`, at: now - ago, kind, severity, parts }));
}

export function message(world, at, status, severity, name, device, text) {
  const labels = { alertname: name, device_id: device, severity, site: "north" };
  world.sequence++;
  return {
    id: `m.${at}-${world.sequence}`,
    at,
    receiver: "team-edge",
    status,
    severity,
    title: `[${status === "firing" ? "FIRING:1" : "RESOLVED"}] ${name} ${device}`,
    body: `${text}\n\ndevice: ${device}\nsite: north\nrunbook: https://example.com/runbooks/${name}`,
    reason: status === "firing" ? "first notification" : "all alerts resolved",
    groupLabels: { alertname: name, site: "north" },
    alerts: [{ fingerprint: "1a2b3c4d00000001", status, labels, annotations: { summary: text }, startsAt: at - 126_000, endsAt: status === "firing" ? null : at - 500, value: 87.4 }],
    truncatedAlerts: 0,
  };
}

function makeInbox(now) {
  const world = { sequence: 0 };
  return [
    message(world, now - 120_000, "firing", "critical", "DeviceOverheating", "esp32-03", "esp32-03 is at 87.4 °C, limit 85 °C, for 2 m"),
    message(world, now - 39_000, "resolved", "critical", "DeviceDisconnected", "rp2040-01", "rp2040-01 is back after 2 m 10 s"),
    message(world, now - 17_000, "firing", "warning", "TemperatureDrift", "stm32-02", "zscore 4.1 against the last hour"),
    message(world, now - 169_000, "firing", "critical", "DeviceDisconnected", "rp2040-01", "rp2040-01 sent nothing for 30 s"),
    message(world, now - 62 * 60_000, "firing", "warning", "ModelAccuracyDrop", "vibration-v3", "detector psi() = 0.27 on the input distribution"),
    message(world, now - 26 * HOUR, "firing", "info", "CertificateExpiresSoon", "gateway", "13 days left"),
  ].sort((a, b) => b.at - a.at);
}

/** One second of life. Gives what the stream should say. */
export function tick(world, now) {
  const events = [];
  const second = Math.round((now - world.started) / 1000);
  for (const [n, device] of world.devices.entries()) {
    if (device.state !== "connected") continue;
    device.value = Math.round((device.value + Math.sin(second / 7 + n) * 0.15) * 100) / 100;
    if ((second + n) % (1 + (n % 5)) === 0) device.lastSeen = now;
    if (second % 20 === 0) device.spark = [...device.spark.slice(1), device.value];
  }
  for (const row of world.alerts) step(row, now, events, world);
  if (!world.many && world.alerts.length > 0 && second % 25 === 12) events.push(...newAlert(world, now));
  world.alerts = world.alerts.filter((row) => row.state !== "resolved" || now - row.resolvedAt < 60_000);
  return events;
}

function step(row, now, events, world) {
  const { pipeline } = row;
  if (pipeline.kind === "pending" && now > pipeline.firesAt) {
    Object.assign(row, { state: "firing", startsAt: now, pipeline: { kind: "grouping", until: now + 10_000, receivers: ["team-edge"] } });
    row.why = way({ pipeline: row.pipeline, labels: row.labels });
  } else if (pipeline.kind === "grouping" && now > pipeline.until) {
    row.pipeline = { kind: "sent", receivers: ["team-edge"], at: now, tookMs: 6.3, repeatAt: now + 4 * HOUR };
    row.why = way({ pipeline: row.pipeline, labels: row.labels });
    const arrived = message(world, now, "firing", row.severity, row.name, row.labels.device_id ?? "", row.summary);
    world.inbox.unshift(arrived);
    events.push(["inbox", arrived], ["happened", note(world, now, "delivered", row.severity, [bold(row.name), { text: ` ${row.labels.device_id ?? ""} sent to slack #edge in 6 ms` }])]);
  } else if (pipeline.kind === "failed" && pipeline.nextAttempt && now > pipeline.nextAttempt) {
    row.pipeline = { ...pipeline, attempts: pipeline.attempts + 1, nextAttempt: now + 30_000 };
  } else if (row.flash && row.state === "firing" && now - row.startsAt > 35_000) {
    Object.assign(row, { state: "resolved", resolvedAt: now, pipeline: { kind: "resolved", at: now, told: true } });
    events.push(["happened", note(world, now, "resolved", row.severity, [bold(row.name), { text: ` ${row.labels.device_id} resolved after 35 s, 2 messages` }])]);
  }
}

function note(world, at, kind, severity, parts) {
  const entry = { id: `h-${at}-${++world.sequence}`, at, kind, severity, parts };
  world.happened = [entry, ...world.happened].slice(0, 100);
  return entry;
}

function newAlert(world, now) {
  const device = IDS[world.sequence % IDS.length];
  const pipeline = { kind: "grouping", until: now + 10_000, receivers: ["team-edge"] };
  const row = alert(now, 5000 + world.sequence, { name: "OutOfMemory", severity: world.sequence % 2 ? "critical" : "warning", labels: { device_id: device, site: "north" }, summary: `${device} logged an out-of-memory line`, age: 0, pipeline });
  row.flash = true;
  world.alerts.push(row);
  return [["happened", note(world, now, "fired", row.severity, [bold(row.name, `/?alert=${row.fingerprint}`), { text: ` ${device} fired` }])]];
}

/** Silences take effect at once, as in the host. */
export function applySilences(world, now) {
  const active = world.silences.filter((silence) => Date.parse(silence.endsAt) > now && Date.parse(silence.startsAt) <= now);
  for (const row of world.alerts) {
    if (row.state !== "firing") continue;
    const by = active.filter((silence) => silence.matchers.every((m) => matches(m, row.labels))).map((silence) => silence.id);
    if (by.length > 0 && row.pipeline.kind !== "silenced") {
      row.before = row.pipeline;
      row.pipeline = { kind: "silenced", by };
    } else if (by.length === 0 && row.before) {
      row.pipeline = row.before;
      row.before = undefined;
    }
  }
}

/** Takes alerts on, or gives them back (`taken` is null). Gives an error in words, or what the stream should say. */
export function take(world, fingerprints, taken, now) {
  const rows = fingerprints.map((fingerprint) => world.alerts.find((row) => row.fingerprint === fingerprint && row.state === "firing"));
  const lost = rows.indexOf(undefined);
  if (taken && lost >= 0) return { error: `no alert with fingerprint ${fingerprints[lost]} fires` };
  if (taken && !taken.by?.trim()) return { error: "an author is required" };
  const events = [];
  for (const row of rows.filter(Boolean)) {
    row.acknowledgement = taken && { by: taken.by, comment: taken.comment ?? "", at: now, until: taken.for ? now + { h: HOUR, d: 24 * HOUR }[taken.for.at(-1)] * parseInt(taken.for) : null };
    if (taken) events.push(["happened", note(world, now, "acknowledged", row.severity, [bold(row.name), { text: ` taken on by ${taken.by}${taken.comment ? `: ${taken.comment}` : ""}` }])]);
  }
  return { events };
}

/** EpisodePage: what fires now, and 160 made-up episodes before. Only `fingerprint` and `a="b"` are understood. */
export function history(world, query) {
  const delivery = (at, status, reason, failures = 0, state = "delivered") => ({
    id: `d${at}-${status}`,
    receiver: "team-edge",
    kind: failures > 0 ? "slack" : "inbox",
    integration: failures > 0 ? 0 : 1,
    at,
    reason,
    status,
    state,
    attempts: Array.from({ length: failures + (state === "delivered" ? 1 : 0) }, (_, n) => ({ number: n + 1, at: at + 6 + n * 30_000, error: n < failures ? "slack answered 429: rate limited, retry after 30 s" : null })),
  });
  const first = (at, row) => delivery(at, "firing", "first notification", row?.pipeline.kind === "failed" ? 3 : 0, row?.pipeline.kind === "failed" ? "pending" : "delivered");
  const current = world.alerts
    .filter((row) => row.state === "firing")
    .map((row) => ({ fingerprint: row.fingerprint, labels: row.labels, annotations: { summary: row.summary, description: row.description }, startsAt: row.startsAt, endsAt: null, generatorURL: "", acknowledgement: row.acknowledgement, deliveries: ["sent", "failed"].includes(row.pipeline.kind) ? [first(row.startsAt + 5000, row)] : [] }));
  const past = Array.from({ length: world.alerts.length > 0 ? 160 : 0 }, (_, n) => {
    const row = world.alerts[n % 6];
    const startsAt = world.started - HOUR * 2 - n * 1_900_000;
    const endsAt = startsAt + 60_000 + (n % 7) * 130_000;
    const deliveries = n % 9 === 4 ? [] : [delivery(startsAt + 5000, "firing", "first notification", n % 5 === 3 ? 2 : 0, n % 10 === 3 ? "dead" : "delivered"), delivery(endsAt + 5000, "resolved", "all alerts resolved")];
    return { fingerprint: row.fingerprint, labels: row.labels, annotations: { summary: row.summary, description: row.description }, startsAt, endsAt, generatorURL: "", acknowledgement: n % 4 === 1 ? { by: "maria", comment: n % 8 === 1 ? "a loose fan" : "", at: startsAt + 40_000, until: null } : null, deliveries };
  });
  const filters = query.getAll("filter").map((text) => /^(\w+)="(.*)"$/.exec(text));
  const all = [...current, ...past]
    .sort((a, b) => b.startsAt - a.startsAt)
    .filter((one) => (query.get("fingerprint") ?? one.fingerprint) === one.fingerprint && filters.every((f) => !f || one.labels[f[1]] === f[2]) && one.startsAt <= Date.parse(query.get("until") ?? "9999-12-31"));
  const keys = all.map((one) => `${one.startsAt}-${one.fingerprint}`);
  const from = query.get("cursor") ? keys.indexOf(query.get("cursor")) + 1 : 0;
  const to = from + Number(query.get("limit") ?? 100);
  return { episodes: all.slice(from, to), ...(to < all.length ? { next: keys[to - 1] } : {}) };
}

function matches(m, labels) {
  const value = labels[m.name] ?? "";
  const hit = m.isRegex ? new RegExp(`^(?:${m.value})$`).test(value) : value === m.value;
  return hit === (m.isEqual ?? true);
}

/** BoardSnapshot. */
export function board(world, now) {
  const told = world.alerts.filter((row) => row.state === "firing" && !["silenced", "inhibited", "muted"].includes(row.pipeline.kind));
  const of = (severity) => {
    const rows = told.filter((row) => row.severity === severity);
    return { firing: rows.length, new: rows.filter((row) => now - row.startsAt < 300_000).length };
  };
  const held = (kind) => world.alerts.filter((row) => row.state === "firing" && row.pipeline.kind === kind).length;
  return {
    now,
    strip: {
      critical: of("critical"),
      warning: of("warning"),
      info: of("info"),
      pending: world.alerts.filter((row) => row.state === "pending").length,
      heldBack: { silenced: held("silenced"), inhibited: held("inhibited"), muted: 0 },
      devices: { total: world.devices.length, connected: world.devices.filter((device) => device.state === "connected").length },
      delivered: { lastHour: world.inbox.filter((one) => now - one.at < HOUR).length, waiting: 0, failing: world.alerts.filter((row) => row.pipeline.kind === "failed").length },
      dataToMessageP99Ms: world.inbox.length > 0 ? 6.2 : null,
    },
    alerts: world.alerts.slice(0, 10_000),
    alertsTotal: world.alerts.length,
    groups: new Set(told.map((row) => row.name)).size,
    lastAlert: world.happened.length > 0 ? { name: "DeviceDisconnected", fingerprint: "1a2b3c4d00000099", resolvedAt: world.started - 2 * HOUR } : null,
    happened: world.happened,
    devices: world.devices,
    addDevice: world.devices.length > 0 ? [] : ADD_DEVICE,
    foot: { storageBytes: 224_395_264, samples: 171_000_000, residentBytes: 39_845_888, lastRuleTickMs: 0.8, plugins: { total: 9, healthy: world.devices.length > 0 ? 8 : 9 } },
  };
}

const ADD_DEVICE = [
  { title: "A simulated fleet, to look around:", command: "bellwether demo" },
  { title: "A board on a serial port:", command: "bellwether device add esp32-01 --serial /dev/ttyUSB0 --driver jsonl" },
  { title: "A board that sends lines over TCP:", command: "bellwether device add esp32-02 --tcp 10.0.0.7:9000 --driver kv" },
];

/** DeviceRow. */
export function deviceRow(device) {
  const gone = device.state === "gone";
  return {
    ...device,
    address: device.platform === "jetson" ? "tcp://10.0.0.7:9000" : "serial:/dev/ttyUSB0",
    driver: { name: device.platform === "jetson" ? "nvidia-smi-text" : "jsonl", version: "0.3.1" },
    model: PLATFORMS[device.platform] ?? "",
    firmware: "v1.4.2",
    labels: { device_id: device.id, site: "north" },
    lastError: gone ? { at: device.since, text: "connection closed by peer" } : null,
    counters: { connects: gone ? 4 : 1, frames: 48_210, skippedFrames: gone ? 12 : 0, bytes: 5_120_400, samples: 192_840 },
  };
}

/** DeviceDetail. */
export function deviceDetail(device, now) {
  const lines = Array.from({ length: 20 }, (_, n) => ({ at: device.lastSeen - (19 - n) * 1000, text: `{"t":${(41 + n * 0.2).toFixed(1)},"v":3.29,"free_heap":${120_000 - n * 31}}`, direction: n === 3 ? "out" : "in" }));
  const series = [["device_temperature_celsius", "°C", 43.1], ["device_voltage_volts", "V", 3.29], ["device_free_heap_bytes", "B", 119_411], ["device_uptime_seconds", "s", 7331], ["device_connection_status", "", device.state === "connected" ? 1 : 0]];
  return {
    ...deviceRow(device),
    identity: [["serial", "7C:DF:A1:00:42:17"], ["chip", "revision 3"]],
    lines,
    series: series.map(([name, unit, value], n) => ({ name, labels: { device_id: device.id }, value, unit, at: device.lastSeen, spark: walk(n + 9, 30, value, value / 20 || 0.1) })),
    history: device.state === "gone" ? [{ state: "connected", since: now - 2 * HOUR }, { state: "gone", since: now - 1_500_000 }, { state: "connected", since: now - 1_300_000 }, { state: "gone", since: device.since }] : [{ state: "connected", since: device.since }],
  };
}
