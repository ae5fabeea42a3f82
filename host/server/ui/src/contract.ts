/**
 * What the page and the server say to each other. The server follows this file to the letter.
 *
 * Conventions for every body below:
 * - UTF-8 JSON, `camelCase` keys. A key may be missing only where its type says `?`; "there is none" is `null`.
 * - Times are Unix milliseconds (`UnixMs`), lengths of time are milliseconds (`DurationMs`); both may have fractions.
 * - Floats that JSON cannot hold (NaN, ±Inf) are sent as `null`.
 * - Texts are plain; the page escapes all of them and interprets no markup.
 * - Errors: a status >= 400 with `ApiError`.
 *
 * Own endpoints, GET, all under `/api/bellwether/v1`:
 *
 *   /board               BoardSnapshot
 *   /events              text/event-stream, see `StreamEvents`
 *   /inbox?limit=200     InboxMessage[]   newest first; limit 1 to 1000, 200 where it is missing
 *   /inbox/{id}          InboxMessage     404 once it is forgotten
 *   /devices             DeviceRow[]      by id
 *   /devices/{id}        DeviceDetail     404 for an unknown id; the id is percent-encoded
 *   /plugins             PluginRow[]      by kind, then name
 *   /status              StatusReport
 *   /history             EpisodePage      newest first; `limit` 1 to 1000, 100 where it is missing; `cursor` is the `next` of
 *                                         the page before; `filter` (a matcher, repeated) and `fingerprint` say of which
 *                                         alerts; `since` and `until` (Unix seconds or RFC 3339) say when
 *
 * and two that change something; both take JSON and answer with TakenOn, all of the alerts or none:
 *
 *   POST   /acknowledgements   TakeOn     400 where one of the alerts does not fire, 404 where no alert matches
 *   DELETE /acknowledgements   WhichAlerts
 *
 * The same origin also serves:
 *
 *   /api/v1/rules                   as Prometheus
 *   /api/v2/alerts, /api/v2/silences, /api/v2/silence/{id}
 *                                   as Alertmanager, with all methods: what the Alertmanager listener has under `/api/v2/`
 *                                   is mounted here a second time, so that the page needs one origin only
 *   /app.js /app.css /favicon.svg   the files of `dist`
 *   any other path whose last segment has no dot and that is not below /api, /metrics or /-:
 *                                   `index.html` with status 200 (the page routes by path). Ids with dots come
 *                                   percent-encoded as %2E, so look at the raw path, before decoding.
 *
 * Headers for `index.html` (the page runs under it):
 *   Content-Security-Policy: default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self';
 *                            base-uri 'none'; form-action 'none'; frame-ancestors 'none'
 *   Cache-Control: no-cache  (also for app.js and app.css: their names never change; an ETag saves the bytes)
 */

/** Unix time in milliseconds. */
export type UnixMs = number;
/** A length of time in milliseconds. */
export type DurationMs = number;
/** Label names and values, `alertname` included. */
export type Labels = Record<string, string>;

/** Body of an error. */
export interface ApiError {
  /** One sentence, lower case, for a person. */
  error: string;
}

// ---------------------------------------------------------------------------------------------------------------- board

/**
 * How bad. From the label `severity`, without regard to case: `critical`, `page`, `fatal`, `emergency`, `error` and `high`
 * are critical; `warning`, `warn`, `medium` and `minor` are warning; all else, and none, is info.
 */
export type Severity = "critical" | "warning" | "info";

/** Everything on the Board at one moment. */
export interface BoardSnapshot {
  /** The server's clock when it made this. The page counts ages with it, so a wrong clock of a phone does no harm. */
  now: UnixMs;
  /** The strip of numbers. */
  strip: NowStrip;
  /**
   * Alerts that are pending or firing, and those resolved within the last minute. Any order: the page sorts. At most
   * 10,000; the most severe and newest are kept.
   */
  alerts: AlertRow[];
  /** How many there are, with the ones that did not fit. */
  alertsTotal: number;
  /** How many notification groups the firing alerts are in. */
  groups: number;
  /** The last alert that was resolved, for a quiet board; `null` when there never was one. */
  lastAlert: { name: string; fingerprint: string; resolvedAt: UnixMs } | null;
  /** Newest first, at most 100. */
  happened: Happening[];
  /** Every device, by id; at most 10,000. */
  devices: DeviceTile[];
  /** How to add a device, each with a command that works as it stands. Empty while there are devices. */
  addDevice: AddDevice[];
  /** The small print. */
  foot: Foot;
}

/** The strip of numbers. */
export interface NowStrip {
  /** Firing alerts that are not held back, and how many of them began to fire in the last 5 minutes. */
  critical: { firing: number; new: number };
  /** Same. */
  warning: { firing: number; new: number };
  /** Same. */
  info: { firing: number; new: number };
  /** Alerts whose hold time still runs. */
  pending: number;
  /** Firing alerts that nobody is told about, by reason; each alert counts once, in this order. */
  heldBack: { silenced: number; inhibited: number; muted: number };
  /** Devices configured, and those in state `connected`. */
  devices: { total: number; connected: number };
  /** Messages handed over in the last hour; in the outbox now; in the outbox after at least one failed attempt. */
  delivered: { lastHour: number; waiting: number; failing: number };
  /**
   * From the arrival of the sample that completed a condition to the receiver's acceptance, without the time that `for`,
   * `group_wait` and `group_interval` ask for. 99th percentile of the last hour; `null` without messages.
   */
  dataToMessageP99Ms: DurationMs | null;
}

/** Somebody has taken an alert on: nobody is reminded of it until it is over, or until a time. */
export interface Acknowledgement {
  by: string;
  /** May be empty. */
  comment: string;
  at: UnixMs;
  /** `null`: until the alert is over. */
  until: UnixMs | null;
}

/** One alert. The key is the fingerprint. */
export interface AlertRow {
  /** 16 hex digits, as Alertmanager prints it. */
  fingerprint: string;
  /** The label `alertname`. */
  name: string;
  severity: Severity;
  /** All labels. */
  labels: Labels;
  /** Annotation `summary`, else `description`, else empty. */
  summary: string;
  /** Annotation `description`, else empty. */
  description: string;
  /** Annotation `runbook_url`, if it is http or https. */
  runbookUrl: string | null;
  state: "pending" | "firing" | "resolved";
  /** Pending: since the condition holds. Firing and resolved: when it began to fire. */
  startsAt: UnixMs;
  /** Only when resolved. */
  resolvedAt: UnixMs | null;
  /** How far it got on its way to a person. */
  pipeline: Pipeline;
  /** The same way step by step, from the rule to the receivers. */
  why: WhyStep[];
  /** Value of the rule's left side at the last evaluation: what `signal` plots. */
  value: number | null;
  /** Unit of `value`, `signal.points` and `signal.threshold`. */
  unit: Unit;
  /**
   * The last hour. `null`: there is none. MISSING in an event of the stream: unchanged, the page keeps what it has.
   * (So the server may leave it out of most events; with more than 200 alerts only the 200 that sort first need one.)
   */
  signal?: Signal | null;
  /** `null` while nobody is in charge of it. */
  acknowledgement: Acknowledgement | null;
}

/**
 * Unit, derived by the server from the metric's name: `_celsius` °C, `_bytes` B, `_seconds` s, `_percent` %, `_ratio` ratio
 * (0 to 1, shown in percent), `_volts` V, `_amperes` A, `_watts` W, `_hertz` Hz, `_pascals` Pa, else "". Others are printed as they are.
 */
export type Unit = string;

/** What a rule's expression looked like. */
export interface Signal {
  /** PromQL of the plotted side, for a tooltip. */
  query: string;
  /** At most 60 `[time, value]`, oldest first, evenly spaced over the last hour; a `null` value is a gap. */
  points: [UnixMs, number | null][];
  /** The number on the other side of the comparison, if it is a constant. */
  threshold: number | null;
}

/** How far an alert got. Exactly one applies; the first in this order that is true. */
export type Pipeline =
  /** Over. `told`: whether the resolved message went out, or `null` when nobody had been told that it fired. */
  | { kind: "resolved"; at: UnixMs; told: boolean | null }
  /** The hold time of the rule (`for`) runs. */
  | { kind: "pending"; firesAt: UnixMs }
  /** By silences; ids. */
  | { kind: "silenced"; by: string[] }
  /** By alerts that are more important. */
  | { kind: "inhibited"; by: { fingerprint: string; name: string }[] }
  /** By time intervals of the route; their names. */
  | { kind: "muted"; by: string[] }
  /** The receiver has no integrations: nobody is told, on purpose. */
  | { kind: "unsent"; receiver: string }
  /** The last attempt failed. `nextAttempt` is `null` when it was given up. */
  | { kind: "failed"; receiver: string; error: string; attempts: number; nextAttempt: UnixMs | null }
  /** Being handed over now. */
  | { kind: "sending"; receivers: string[] }
  /** Told. `tookMs`: from flush to acceptance, the slowest receiver. `repeatAt`: when it is told again if it stays. */
  | { kind: "sent"; receivers: string[]; at: UnixMs; tookMs: DurationMs; repeatAt: UnixMs | null }
  /** Waits for its group's `group_wait` or `group_interval`. */
  | { kind: "grouping"; until: UnixMs; receivers: string[] };

/** One step of the way. Shown as `label` dim, `text` strong: `rule device_alerts`, `held 2 m`, `route team="edge"`. */
export interface WhyStep {
  kind: "rule" | "held" | "silence" | "inhibition" | "route" | "group" | "mute" | "receiver";
  /** One or two words: `rule`, `held`, `route`, `group by`, `slack`. */
  label: string;
  /** The thing itself: the group of the rule, the matchers, the labels, the receiver's name. */
  text: string;
  /** Short state word where there is more to say: `delivered`, `19 s left` is NOT sent (the page counts), `refused`. */
  note: string | null;
  state: "passed" | "waiting" | "blocked" | "failed";
}

/** One thing that happened. The key is the id. */
export interface Happening {
  /** Unique, ordered by time. */
  id: string;
  at: UnixMs;
  kind: "pending" | "fired" | "resolved" | "silenced" | "inhibited" | "acknowledged" | "delivered" | "failed" | "device" | "plugin" | "config";
  /** Of the alert; `critical` or `warning` also for a device or plugin that went bad; else `info`. */
  severity: Severity;
  /** The sentence in pieces, spaces included: `[{text: "DeviceOverheating", bold: true}, {text: " esp32-03 fired"}]`. */
  parts: { text: string; bold?: boolean; href?: string }[];
}

/** Link for an alert inside `Happening.parts[].href` (must begin with one `/`): `/?alert=FINGERPRINT`; a device: `/devices/ID`. */

/** One device on the Board. The key is the id. */
export interface DeviceTile {
  id: string;
  /** `esp32`, `stm32`, `jetson`, …; empty when unknown. */
  platform: string;
  state: DeviceState;
  /** Since when it is in that state. */
  since: UnixMs;
  /** When the last frame came; `null` for never. */
  lastSeen: UnixMs | null;
  /** Its main number: a temperature if it has one, else its first gauge. */
  value: number | null;
  unit: Unit;
  /** Metric of that number. */
  metric: string | null;
  /** At most 30 values of it over the last 10 minutes, oldest first; `null` is a gap. MISSING in an event: unchanged. */
  spark?: (number | null)[];
  /** Firing alerts that carry this device's id. `critical` marks the tile like `gone`, `warning` marks it amber. */
  alert: Severity | null;
}

/**
 * connected: frames come. silent: the connection stands but nothing came for longer than usual. gone: the connection is lost.
 * never-seen: configured, but it never spoke. quarantined: its driver failed too often.
 */
export type DeviceState = "connected" | "silent" | "gone" | "never-seen" | "quarantined";

/** A way to add a device. */
export interface AddDevice {
  /** `A board on a serial port`. */
  title: string;
  /** What to paste into a shell. */
  command: string;
}

/** The small print below the Board. */
export interface Foot {
  storageBytes: number;
  /** Samples stored; with `storageBytes` gives bytes a sample. */
  samples: number;
  residentBytes: number;
  /** How long the last evaluation of all due groups took. */
  lastRuleTickMs: DurationMs | null;
  plugins: { total: number; healthy: number };
}

// --------------------------------------------------------------------------------------------------------------- stream

/**
 * Events of `/events`, `event:` is the key, `data:` one line of JSON.
 * - Right after the connection stands: one `board`.
 * - `board`: at most one a second, with more than 1,000 alerts at most one in 5 s; only when something but `now` changed.
 *   (A device's `lastSeen` alone, or the `foot`, is no change worth an event more often than every 5 s.)
 * - `happened`, `inbox`: at once.
 * - `beat`: every 10 s. The page takes a stream that says nothing for 30 s as broken and connects again.
 * A client that reads too slowly is cut off; it comes back by itself. While 64 streams are open, more get status 503.
 */
export interface StreamEvents {
  board: BoardSnapshot;
  happened: Happening;
  inbox: InboxMessage;
  beat: { now: UnixMs };
}

// ---------------------------------------------------------------------------------------------------------------- inbox

/** A message as it was sent to the native `inbox` receiver. The key is the id. */
export interface InboxMessage {
  id: string;
  at: UnixMs;
  /** Name of the receiver in the configuration. */
  receiver: string;
  status: "firing" | "resolved";
  /** Worst of its alerts. */
  severity: Severity;
  /** The rendered subject. */
  title: string;
  /** The rendered text. */
  body: string;
  /** Why it was sent now: `first notification`, `new alerts added`, … */
  reason: string;
  groupLabels: Labels;
  alerts: {
    fingerprint: string;
    status: "firing" | "resolved";
    labels: Labels;
    annotations: Labels;
    startsAt: UnixMs;
    endsAt: UnixMs | null;
    value: number | null;
  }[];
  /** Alerts left out to bound the size. */
  truncatedAlerts: number;
}

// -------------------------------------------------------------------------------------------------------------- history

/** A page of `/history`. */
export interface EpisodePage {
  /** Newest first. */
  episodes: Episode[];
  /** The `cursor` of the next page; missing on the last one. */
  next?: string;
}

/** One time that an alert fired. The key is fingerprint and start. */
export interface Episode {
  fingerprint: string;
  labels: Labels;
  annotations: Labels;
  startsAt: UnixMs;
  /** `null` while it fires. */
  endsAt: UnixMs | null;
  generatorURL: string;
  /** Who had taken it on last. */
  acknowledgement: Acknowledgement | null;
  /** Messages about it, oldest first. */
  deliveries: Delivery[];
}

/** A message about an alert, by one integration of a receiver. The key is the id. */
export interface Delivery {
  id: string;
  receiver: string;
  /** `slack`, `inbox`, … */
  kind: string;
  /** Which of the receiver's integrations, from 0. */
  integration: number;
  /** When it was decided. */
  at: UnixMs;
  /** `first notification`, `new alerts added`, … */
  reason: string;
  /** What it said of its group. */
  status: "firing" | "resolved";
  /** dead: given up. */
  state: "pending" | "delivered" | "dead";
  /** Oldest first. */
  attempts: { number: number; at: UnixMs; error: string | null }[];
}

/** Alerts by fingerprint, or all that fire and pass the matchers; one of both. */
export interface WhichAlerts {
  fingerprints?: string[];
  matchers?: string[];
}

/** Takes alerts on; the last one to do so counts. */
export interface TakeOn extends WhichAlerts {
  by: string;
  comment?: string;
  /** `2h`; without `for` and `until` (RFC 3339) it holds until the alert is over. */
  for?: string;
  until?: string;
}

/** Which alerts it was. */
export interface TakenOn {
  fingerprints: string[];
}

// -------------------------------------------------------------------------------------------------------------- devices

/** One line of the list of devices. */
export interface DeviceRow extends DeviceTile {
  /** `serial:/dev/ttyUSB0`, `tcp://10.0.0.7:9000`, `sim`. */
  address: string;
  driver: { name: string; version: string } | null;
  /** What the device says of itself; empty strings where it said nothing. */
  model: string;
  firmware: string;
  /** Labels that its series carry. */
  labels: Labels;
  /** Why it is not connected, or what its driver complained about last. */
  lastError: { at: UnixMs; text: string } | null;
  counters: { connects: number; frames: number; skippedFrames: number; bytes: number; samples: number };
}

/** The page of one device. */
export interface DeviceDetail extends DeviceRow {
  /** Stable identity (serial number, MAC) and further facts, as names and values in order. */
  identity: [string, string][];
  /** Up to 50 frames as they came, newest last. Bytes that are no UTF-8 are shown as `\xNN`, long lines are cut at 512. */
  lines: { at: UnixMs; text: string; direction: "in" | "out" }[];
  /** Its series, by name; at most 200. */
  series: { name: string; labels: Labels; value: number | null; unit: Unit; at: UnixMs; spark: (number | null)[] }[];
  /** When it was in which state, oldest first, the last hour; the last one still goes on. */
  history: { state: DeviceState; since: UnixMs }[];
}

// -------------------------------------------------------------------------------------------------------------- plugins

/** A plugin. The key is kind and name. */
export interface PluginRow {
  name: string;
  /** `null` while it is being loaded, and for a file of which no more was found out. */
  kind: "driver" | "detector" | "receiver" | null;
  version: string;
  state: PluginState;
  /** `built in` (native code), `embedded` (a component in the binary), or the path of the file. */
  origin: string;
  /** SHA-256 of the component in hex; `null` for native code. */
  sha256: string | null;
  /** What it may do, each a phrase: `send requests to https://hooks.slack.com`. Empty: nothing. */
  grants: string[];
  /** Who uses it: devices, rule groups or receivers by name; at most 20. */
  usedBy: string[];
  calls: number;
  errors: number;
  lastError: { at: UnixMs; text: string } | null;
  /** The time that 99 of 100 calls kept since it was loaded; null before the first. */
  callP99Ms: DurationMs | null;
  memoryBytes: number | null;
}

/** loading: how far. ready: works, and nobody uses it. active: serves somebody. degraded: not called for some, for a while. waiting: needs a decision or grant, in words. failed: did not load. quarantined: trapped too often. */
export type PluginState =
  | { kind: "loading"; reached: string }
  | { kind: "ready" }
  | { kind: "active" }
  | { kind: "degraded"; error: string; blamed: string }
  | { kind: "waiting"; needs: string }
  | { kind: "failed"; error: string }
  | { kind: "quarantined"; error: string; blamed: string; until: UnixMs | null };

// --------------------------------------------------------------------------------------------------------------- status

/** The page Status. */
export interface StatusReport {
  /** `rustc` and `version` are bare versions (`1.95.0`), `revision` is empty when unknown, `target` the triple. */
  build: { version: string; revision: string; rustc: string; target: string };
  startedAt: UnixMs;
  /** `http://127.0.0.1:9090` and what it serves. */
  listeners: { address: string; serves: string }[];
  dataDir: string;
  storage: { bytes: number; samples: number; series: number; logBytes: number; oldestSample: UnixMs | null; retentionMs: DurationMs };
  residentBytes: number;
  /** Bounded queues: outbox, appends, evaluations, … */
  queues: { name: string; length: number; capacity: number; dropped: number }[];
  /** Scrape targets. */
  targets: {
    job: string;
    url: string;
    health: "up" | "down" | "unknown";
    lastScrape: UnixMs | null;
    tookMs: DurationMs | null;
    samples: number;
    error: string | null;
  }[];
  /** Receivers of the configuration with what each one tells. */
  receivers: { name: string; integrations: string[]; lastDelivery: UnixMs | null; lastError: { at: UnixMs; text: string } | null }[];
  /** Files as they are in force, secrets masked by the server. */
  config: { file: string; loadedAt: UnixMs; text: string }[];
}

// -------------------------------------------------------------------------------------- as Prometheus and Alertmanager

/** `GET /api/v1/rules`, the parts that the page reads. Times are RFC 3339, lengths of time seconds, as Prometheus. */
export interface PrometheusRules {
  status: "success" | "error";
  error?: string;
  data: { groups: RuleGroup[] };
}

/** A rule group. */
export interface RuleGroup {
  name: string;
  file: string;
  interval: number;
  lastEvaluation: string;
  evaluationTime: number;
  rules: Rule[];
}

/** A rule. */
export interface Rule {
  type: "alerting" | "recording";
  name: string;
  query: string;
  health: "ok" | "err" | "unknown";
  lastError?: string;
  lastEvaluation: string;
  evaluationTime: number;
  labels?: Labels;
  // Alerting rules only.
  state?: "inactive" | "pending" | "firing" | "unknown";
  duration?: number;
  keepFiringFor?: number;
  annotations?: Labels;
  alerts?: { state: string; activeAt: string; value: string; labels: Labels }[];
}

/** `GET /api/v2/silences`. */
export interface GettableSilence extends PostableSilence {
  id: string;
  status: { state: "active" | "pending" | "expired" };
  updatedAt: string;
}

/** `POST /api/v2/silences`; answers `{"silenceID": "…"}`. With an id it changes that silence. */
export interface PostableSilence {
  id?: string;
  matchers: { name: string; value: string; isRegex: boolean; isEqual: boolean }[];
  startsAt: string;
  endsAt: string;
  createdBy: string;
  comment: string;
}
