// Made-up answers for the pages besides the Board. Follows src/contract.ts.

const iso = (at) => new Date(at).toISOString();

export function rules(now) {
  const common = { health: "ok", lastEvaluation: iso(now - 3000), evaluationTime: 0.000_21 };
  const alerting = (name, query, duration, state, n, extra = {}) => ({ type: "alerting", name, query, duration, keepFiringFor: 0, labels: { severity: "critical", team: "edge" }, annotations: {}, state, alerts: Array.from({ length: n }, () => ({ state, activeAt: iso(now - 90_000), value: "87.4", labels: {} })), ...common, ...extra });
  const group = (name, file, list) => ({ name, file, interval: 15, lastEvaluation: iso(now - 3000), evaluationTime: 0.000_8, rules: list });
  return {
    status: "success",
    data: {
      groups: [
        group("device_alerts", "rules/device.yml", [
          alerting("DeviceOverheating", "device_temperature_celsius > 85", 120, "firing", 1),
          alerting("DeviceDisconnected", "device_connection_status == 0", 30, "firing", 1),
          alerting("HighCPU", "avg_over_time(cpu_usage_percent[5m]) > 80", 60, "pending", 1, { labels: { severity: "warning" } }),
          alerting("LowDisk", "disk_free_bytes / disk_size_bytes < 0.1", 600, "inactive", 0, { health: "err", lastError: "many-to-many matching not allowed: matching labels must be unique on one side" }),
        ]),
        group("recordings", "rules/recordings.yml", [{ type: "recording", name: "site:temperature:avg", query: "avg by (site) (device_temperature_celsius)", labels: {}, ...common }]),
      ],
    },
  };
}

export function plugins(now) {
  const row = (kind, name, extra) => ({ name, kind, version: "0.1.0", state: { kind: "ready" }, origin: "embedded", sha256: "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08", grants: [], usedBy: [], calls: 48_210, errors: 0, lastError: null, callP99Ms: 0.04, memoryBytes: 1_179_648, ...extra });
  return [
    row(null, "half", { version: "", origin: "/etc/bellwether/plugins/half.wasm", calls: 0, callP99Ms: null, memoryBytes: 0, state: { kind: "failed", error: "cannot be compiled; the file is damaged, or not complete yet" } }),
    row("driver", "jsonl", { usedBy: ["esp32-01", "esp32-02", "stm32-01"] }),
    row("driver", "kv", { usedBy: ["rp2040-01"] }),
    row("driver", "nvidia-smi-text", { version: "0.3.1", origin: "/etc/bellwether/plugins/nvidia-smi-text.wasm", errors: 3, state: { kind: "quarantined", error: "trapped: unreachable executed", blamed: "device jetson-01", until: now + 300_000 } }),
    row("detector", "zscore", { usedBy: ["device_alerts"], callP99Ms: 0.8 }),
    row("receiver", "slack", { grants: ["send requests to the URL of each integration"], usedBy: ["team-edge"], errors: 4, lastError: { at: now - 52_000, text: "429 rate limited" }, callP99Ms: 210 }),
    row("receiver", "webhook", { grants: ["send requests to the URL of each integration"], usedBy: ["team-ops"] }),
    row("receiver", "inbox", { origin: "built in", sha256: null, memoryBytes: null, callP99Ms: 0.3 }),
    row("receiver", "matrix", { origin: "/etc/bellwether/plugins/matrix.wasm", calls: 0, callP99Ms: null, memoryBytes: null, state: { kind: "waiting", needs: "grant hosts https://matrix.example.org in /etc/bellwether/plugins/matrix.toml" } }),
  ];
}

export function status(now, started) {
  return {
    build: { version: "0.1.0", revision: "4f2a91c", rustc: "1.95.0", target: "x86_64-unknown-linux-gnu" },
    startedAt: started - 7_200_000,
    listeners: [
      { address: "http://127.0.0.1:9090", serves: "Prometheus API and this page" },
      { address: "http://127.0.0.1:9093", serves: "Alertmanager API" },
    ],
    dataDir: "/var/lib/bellwether",
    storage: { bytes: 224_395_264, samples: 171_000_000, series: 4_212, logBytes: 9_437_184, oldestSample: now - 15 * 86_400_000, retentionMs: 15 * 86_400_000 },
    residentBytes: 39_845_888,
    queues: [
      { name: "outbox", length: 1, capacity: 10_000, dropped: 0 },
      { name: "appends", length: 0, capacity: 1024, dropped: 0 },
      { name: "device frames", length: 3, capacity: 256, dropped: 12 },
    ],
    targets: [
      { job: "node", url: "http://127.0.0.1:9100/metrics", health: "up", lastScrape: now - 4000, tookMs: 12.4, samples: 1432, error: null },
      { job: "llm-gateway", url: "http://10.0.0.12:8000/metrics", health: "down", lastScrape: now - 9000, tookMs: 10_000, samples: 0, error: "connection refused" },
    ],
    receivers: [
      { name: "team-edge", integrations: ["slack", "inbox"], lastDelivery: now - 12_000, lastError: { at: now - 52_000, text: "429 rate limited" } },
      { name: "blackhole", integrations: [], lastDelivery: null, lastError: null },
    ],
    config: [{ file: "/etc/bellwether/alertmanager.yml", loadedAt: started, text: "route:\n  receiver: team-edge\n  group_by: [alertname, site]\nreceivers:\n  - name: team-edge\n    slack_configs:\n      - api_url: <secret>\n        channel: '#edge'\n" }],
  };
}
