/** The Board: what is wrong, since when, did the message go out. */

import type { BoardSnapshot, DeviceTile, Happening } from "../contract.ts";
import { formHref, formOpen, inCharge } from "../acknowledging.ts";
import { live } from "../app.ts";
import { type Child, h, type VNode } from "../dom.ts";
import { measured } from "../duration.ts";
import { filterBox } from "../filter-box.ts";
import { bytes, count } from "../quantity.ts";
import { isInternal, route, setQuery } from "../router.ts";
import { ago, command, empty, kbd, when } from "../words.ts";
import { acknowledgeForm, resetAcknowledgeForm } from "./acknowledge-form.ts";
import { alertList, freeRows, openRow, stillNote } from "./alert-list.ts";
import { deviceTile, troubleFirst } from "./device-tile.ts";
import { livePill } from "../live-pill.ts";

/** Tiles and entries that the Board shows before it points to the rest. */
const MAX_TILES = 48;
const MAX_HAPPENED = 12;
/** With more alerts than this, what happened stands beside them: below nobody would find it. */
const LONG_LIST = 40;

/** Draws the page. */
export function boardPage(): VNode[] {
  const board = live.board;
  if (!formOpen("row") && !formOpen("shown")) resetAcknowledgeForm();
  const head = h(
    "div",
    { class: "top" },
    h("h1", null, "Board"),
    livePill(),
    filterBox(() => live.board?.alerts.map((row) => row.labels) ?? [], 'severity="critical" site=~"north|south"'),
  );
  if (!board) {
    const failed = live.loadError && h("p", { class: "note bad", role: "alert" }, `The Board could not be loaded: ${live.loadError}.`);
    return [head, h("div", { class: "blank" }, failed)];
  }
  return [
    head,
    nowStrip(board),
    columns(board),
    footer(board),
  ];
}

function columns(board: BoardSnapshot): VNode {
  const news = happened(board.happened);
  const long = board.alerts.length > LONG_LIST;
  return h("div", { class: "cols" }, h("div", null, firing(board), !long && news), h("div", null, long && news, devices(board)));
}

function nowStrip({ strip }: BoardSnapshot): VNode {
  const { critical, warning, info, heldBack, delivered } = strip;
  const held = heldBack.inhibited + heldBack.silenced + heldBack.muted;
  const fresh = (n: number): Child => n > 0 && `${n} new`;
  return h(
    "section",
    { class: "now", "aria-label": "Now" },
    cell("critical", critical.firing > 0 ? "crit" : "", critical.firing, fresh(critical.new)),
    cell("warning", warning.firing > 0 ? "warn" : "", warning.firing, joined([warning.new && `${warning.new} new`, info.firing && `${info.firing} info`, strip.pending && `${strip.pending} pending`])),
    cell("held back", "", held, joined([heldBack.inhibited && `${heldBack.inhibited} inhibited`, heldBack.silenced && `${heldBack.silenced} silenced`, heldBack.muted && `${heldBack.muted} muted`])),
    cell("devices", strip.devices.connected < strip.devices.total ? "amber" : "", strip.devices.connected, `of ${count(strip.devices.total)} connected`),
    cell("delivered, 1 h", "", delivered.lastHour, delivered.failing > 0 ? h("span", { class: "crit" }, `${delivered.failing} failing`) : `${delivered.waiting} waiting`),
    p99(strip.dataToMessageP99Ms),
  );
}

function cell(name: string, tone: string, value: number | string, small: Child): VNode {
  return h("div", { key: name }, h("span", { class: "name" }, name), h("b", { class: tone || null }, typeof value === "number" ? count(value) : value), " ", h("small", null, small));
}

function p99(ms: number | null): VNode {
  const [value, unit] = ms === null ? ["—", "no message yet"] : measured(ms).split(/ (?=\S+$)/);
  return cell("data to message, p99", "", value as string, unit);
}

const joined = (parts: readonly (string | number)[]): string => parts.filter(Boolean).join(" · ");

function firing(board: BoardSnapshot): VNode {
  const total = board.strip.critical.firing + board.strip.warning.firing + board.strip.info.firing;
  const open = openRow();
  const taken = board.alerts.filter((row) => inCharge(row)).length;
  const free = freeRows();
  return h(
    "section",
    { "aria-labelledby": "firing-head" },
    h(
      "h2",
      { id: "firing-head" },
      "Firing ",
      h("em", null, total === 0 ? "nothing" : `${count(total)} in ${board.groups} ${board.groups === 1 ? "group" : "groups"}${taken > 0 ? ` · ${count(taken)} acknowledged` : ""}`),
      h("span", { class: "r" }, stillNote(), board.alerts.length > 1 && groupSelect(board), free.length > 0 && h("a", { class: "btn", href: formHref("shown") }, `Acknowledge ${count(free.length)}… `, !open && kbd("a")), h("a", { class: "btn", href: silenceHref(open?.fingerprint) }, "Silence… ", kbd("s"))),
    ),
    formOpen("shown") && acknowledgeForm("shown", [h("b", null, free.length === 1 ? "1 alert" : `${count(free.length)} alerts`), " that pass the filter, fire, and that nobody is in charge of"], free),
    board.alerts.length === 0 ? quiet(board) : alertList(),
    board.alertsTotal > board.alerts.length &&
      h("p", { class: "note" }, `The ${count(board.alerts.length)} most severe and newest of ${count(board.alertsTotal)} are here.`),
  );
}

/** The form, filled from the open row. */
function silenceHref(fingerprint: string | undefined): string {
  return fingerprint ? `/silences/new?alert=${fingerprint}` : "/silences/new";
}

function groupSelect(board: BoardSnapshot): VNode {
  const names = new Set(board.alerts.slice(0, 500).flatMap((row) => Object.keys(row.labels)));
  const chosen = route().query.get("by") ?? "";
  if (chosen) names.add(chosen);
  return h(
    "select",
    { "aria-label": "Group alerts by", value: chosen, onchange: (event: Event) => setQuery("by", (event.target as HTMLSelectElement).value) },
    h("option", { value: "", key: "" }, "by severity"),
    [...names].sort().map((name) => h("option", { value: name, key: name }, name === "alertname" ? "by alert" : `by ${name}`)),
  );
}

/** A command that makes one. */
export function testAlert(): string {
  const body = '[{"labels":{"alertname":"TestAlert","severity":"warning"},"annotations":{"summary":"only a test"}}]';
  return `curl -H 'Content-Type: application/json' -d '${body}' ${location.origin}/api/v2/alerts`;
}

function quiet({ lastAlert }: BoardSnapshot): VNode {
  return h(
    "div",
    { class: "card" },
    empty(
      "Nothing is firing.",
      h("p", null, lastAlert ? ["The last alert was ", h("b", null, lastAlert.name), ", over ", ago(lastAlert.resolvedAt), "."] : "There has been no alert yet."),
      h("p", null, "A test alert goes the whole way to your receivers:"),
      command(testAlert()),
    ),
  );
}

const MARKS: Partial<Record<Happening["kind"], [string, string, string]>> = {
  resolved: ["✓", "ok", "resolved"],
  failed: ["✕", "crit", "failed"],
  delivered: ["→", "", "delivered"],
  silenced: ["–", "", "silenced"],
  inhibited: ["–", "", "inhibited"],
  pending: ["○", "", "pending"],
  acknowledged: ["@", "", "acknowledged"],
};

function mark({ kind, severity }: Happening): VNode {
  const bySeverity = { critical: ["■", "crit", "critical"], warning: ["●", "warn", "warning"], info: ["◇", "", "event"] } as const;
  const [shape, tone, word] = MARKS[kind] ?? bySeverity[severity];
  return h("span", { class: `mark ${tone}`, role: "img", "aria-label": word, title: word }, shape);
}

function happened(entries: readonly Happening[]): VNode {
  const all = route().query.get("happened") === "all";
  const shown = all ? entries : entries.slice(0, MAX_HAPPENED);
  return h(
    "section",
    { class: "happened", "aria-labelledby": "happened-head" },
    h("h2", { id: "happened-head" }, "What happened ", h("em", null, "newest first")),
    entries.length === 0
      ? h("div", { class: "card" }, empty("Nothing yet.", h("p", null, "Alerts that fire and resolve, messages, devices that come and go appear here as they happen.")))
      : h("ol", { class: "card log" }, shown.map((entry) => h("li", { key: entry.id }, when(entry.at), mark(entry), h("span", null, sentence(entry))))),
    entries.length > MAX_HAPPENED &&
      h("button", { type: "button", class: "quiet more", onclick: () => setQuery("happened", all ? "" : "all") }, all ? "Fewer" : `${entries.length - MAX_HAPPENED} more`),
  );
}

function sentence(entry: Happening): Child[] {
  return entry.parts.map((part) => {
    const inner = part.bold ? h("b", null, part.text) : part.text;
    return part.href && isInternal(part.href) ? h("a", { class: "link", href: part.href }, inner) : inner;
  });
}

function devices(board: BoardSnapshot): VNode {
  const tiles: DeviceTile[] = board.devices.length > MAX_TILES ? troubleFirst(board.devices).slice(0, MAX_TILES) : board.devices;
  return h(
    "aside",
    { "aria-labelledby": "devices-head" },
    h("h2", { id: "devices-head" }, "Devices ", h("em", null, "boards by last word")),
    board.devices.length === 0 ? noDevices(board) : h("div", { class: "card dev" }, tiles.map(deviceTile)),
    board.devices.length > MAX_TILES && h("a", { class: "link more", href: "/devices" }, `All ${count(board.devices.length)} devices`),
  );
}

/** The ways to add one. */
export function noDevices(board: BoardSnapshot): VNode {
  return h("div", { class: "card" }, empty("No devices yet.", board.addDevice.map((way) => h("div", { key: way.title }, h("p", null, way.title), command(way.command)))));
}

function footer({ foot }: BoardSnapshot): VNode {
  const { plugins } = foot;
  const perSample = foot.samples > 0 ? `${(foot.storageBytes / foot.samples).toFixed(2)} B/sample · ` : "";
  return h(
    "footer",
    { class: "foot" },
    h("span", null, `storage ${perSample}${bytes(foot.storageBytes)}`),
    h("span", null, `${bytes(foot.residentBytes)} of memory`),
    foot.lastRuleTickMs !== null && h("span", null, `last rule tick ${measured(foot.lastRuleTickMs)}`),
    h("a", { class: plugins.healthy < plugins.total ? "crit" : null, href: "/plugins" }, plugins.healthy < plugins.total ? `${plugins.total - plugins.healthy} of ${plugins.total} plugins need a look` : `all ${plugins.total} plugins healthy`),
  );
}
