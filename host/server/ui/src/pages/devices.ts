/** Devices: the table of all of them, and the page of one. */

import type { DeviceDetail, DeviceRow } from "../contract.ts";
import { OWN, request } from "../api.ts";
import { live, now, Resource } from "../app.ts";
import { type Child, h, type VNode } from "../dom.ts";
import { coarse } from "../duration.ts";
import { filterBox, shows } from "../filter-box.ts";
import { livePill } from "../live-pill.ts";
import { clock, exactly } from "../moment.ts";
import { sparkline } from "../plot.ts";
import { bytes, count, quantity } from "../quantity.ts";
import { pathTo, route } from "../router.ts";
import { type Item, windowed } from "../windowed.ts";
import { ago, devicePill, deviceWord, empty, facts, labelChips, severityMark, waiting } from "../words.ts";
import { noDevices } from "./board.ts";
import { look, troubleFirst } from "./device-tile.ts";

/** Height in `app.css`. */
const ROW_PX = 54;

const list = new Resource<DeviceRow[]>(() => request(`${OWN}/devices`), 5_000);
let detail: { id: string; resource: Resource<DeviceDetail> } | null = null;

/** Draws the list, or the device that the URL names. */
export function devicesPage(): VNode[] {
  return route().id ? devicePage(route().id) : listPage();
}

function listPage(): VNode[] {
  const rows = merged();
  const shown = troubleFirst(rows.filter((row) => shows(filterLabels(row), `${row.model} ${row.address}`)));
  return [
    h("div", { class: "top" }, h("h1", null, "Devices"), livePill(), filterBox(() => rows.map(filterLabels), 'state="gone" platform=~"esp32|stm32"')),
    waiting(list) ??
      (list.data && rows.length === 0 && live.board
        ? noDevices(live.board)
        : h("div", { class: "card rows", id: "devices", role: "list", "aria-label": "Devices" }, windowed("devices", shown.map(rowItem)), list.data && shown.length === 0 && empty("No device fits the filter."))),
  ];
}

/** The slow facts of the list with the live state of the Board. */
function merged(): DeviceRow[] {
  const rows = list.get() ?? [];
  const fresh = new Map(live.board?.devices.map((device) => [device.id, device]));
  return rows.map((row) => ({ ...row, ...fresh.get(row.id) }));
}

/** What a device can be found by. */
function filterLabels(row: DeviceRow): Record<string, string> {
  return { ...row.labels, device: row.id, device_id: row.id, platform: row.platform, state: row.state, driver: row.driver?.name ?? "" };
}

function rowItem(row: DeviceRow): Item {
  return {
    heightPx: ROW_PX,
    draw: () =>
      h(
        "div",
        { key: row.id, role: "listitem", class: `alert dv ${look(row)}`, "data-row": row.id },
        h("i", { class: "shape" }),
        h(
          "div",
          { class: "what" },
          h("div", { class: "t" }, h("a", { class: "cover mono", href: pathTo("devices", row.id) }, row.id), devicePill(row.state), row.alert && h("span", { class: `pill ${row.alert === "critical" ? "b" : "p"}` }, `${row.alert} alert`)),
          h("div", { class: "s" }, [row.platform, row.model, row.driver ? `${row.driver.name} ${row.driver.version}` : "no driver", row.address].filter(Boolean).join(" · "), row.lastError && h("span", { class: "crit" }, ` · ${row.lastError.text}`)),
        ),
        sparkline(row.spark ?? [], 120, 26, row.metric ?? "no signal"),
        h("div", { class: "age" }, h("b", null, quantity(row.value, row.unit)), row.state === "connected" ? ago(row.lastSeen) : h("span", { title: exactly(row.since) }, coarse(now() - row.since))),
      ),
  };
}

function devicePage(id: string): VNode[] {
  if (detail?.id !== id) detail = { id, resource: new Resource<DeviceDetail>(() => request(`${OWN}/devices/${encodeURIComponent(id)}`), 2_000) };
  const data = detail.resource.get();
  const head = h("div", { class: "top" }, h("a", { class: "crumb", href: "/devices" }, "Devices"), h("h1", { class: "mono" }, id), data && devicePill(data.state), livePill());
  if (!data) return [head, h("div", { class: "blank" }, waiting(detail.resource))];
  return [
    head,
    detail.resource.error ? h("p", { class: "note bad", role: "alert" }, `This is not of now: ${detail.resource.error}.`) : h("span"),
    h(
      "div",
      { class: "cols even" },
      h("div", null, identity(data), connection(data), alertsOf(data)),
      h("div", null, seriesTable(data), rawLines(data)),
    ),
  ];
}

function panel(title: string, hint: Child, ...children: Child[]): VNode {
  return h("section", { class: "panel" }, h("h2", null, `${title} `, hint && h("em", null, hint)), h("div", { class: "card pad" }, ...children));
}

function identity(device: DeviceDetail): VNode {
  return panel(
    "Identity",
    "what it says of itself",
    facts([
      ["platform", device.platform || "unknown"],
      ["model", device.model || "not said"],
      ["firmware", device.firmware || "not said"],
      ...device.identity,
      ["address", h("code", null, device.address)],
      ["driver", device.driver ? h("a", { class: "link", href: "/plugins" }, `${device.driver.name} ${device.driver.version}`) : "none fits"],
      ["labels", labelChips(device.labels)],
    ]),
  );
}

function connection(device: DeviceDetail): VNode {
  const { counters } = device;
  return panel(
    "Connection",
    "last hour",
    historyStrip(device),
    facts([
      ["state", h("span", null, `${deviceWord(device.state)} for ${coarse(now() - device.since)}`)],
      ["last word", ago(device.lastSeen)],
      ["connected", `${count(counters.connects)} ${counters.connects === 1 ? "time" : "times"}`],
      ["received", `${count(counters.frames)} frames, ${bytes(counters.bytes)}, ${count(counters.samples)} samples`],
      ["skipped", counters.skippedFrames > 0 ? h("span", { class: "warn" }, `${count(counters.skippedFrames)} frames made no sense`) : "none"],
      ...(device.lastError ? [["last error", h("span", null, h("span", { class: "crit" }, device.lastError.text), " ", ago(device.lastError.at))] as const] : []),
    ]),
  );
}

const HOUR_MS = 3_600_000;

function historyStrip(device: DeviceDetail): VNode {
  const end = now();
  const begin = end - HOUR_MS;
  const stretches = device.history.map((entry, index) => ({
    state: entry.state,
    from: Math.max(begin, entry.since),
    to: device.history[index + 1]?.since ?? end,
  }));
  const width = (from: number, to: number): number => ((to - from) / HOUR_MS) * 600;
  return h(
    "svg",
    { class: "strip", viewBox: "0 0 600 12", preserveAspectRatio: "none", role: "img", "aria-label": stretches.map((s) => `${deviceWord(s.state)} from ${clock(s.from)}`).join(", ") },
    stretches
      .filter((stretch) => stretch.to > stretch.from)
      .map((stretch) =>
        h("rect", { class: stretch.state, x: width(begin, stretch.from), y: stretch.state === "connected" ? 0 : 3, width: Math.max(1.5, width(stretch.from, stretch.to)), height: stretch.state === "connected" ? 12 : 6 }, h("title", null, `${deviceWord(stretch.state)} ${clock(stretch.from)} to ${clock(stretch.to)}`)),
      ),
  );
}

function alertsOf(device: DeviceDetail): Child {
  const alerts = live.board?.alerts.filter((row) => row.labels["device_id"] === device.id || row.labels["device"] === device.id) ?? [];
  if (alerts.length === 0) return null;
  return panel(
    "Alerts",
    "",
    h("ul", { class: "inner" }, alerts.map((row) => h("li", { key: row.fingerprint }, severityMark(row.severity), " ", h("a", { class: "link", href: `/?alert=${row.fingerprint}` }, h("b", null, row.name)), ` ${row.state} ${coarse(now() - row.startsAt)}`))),
  );
}

function seriesTable(device: DeviceDetail): VNode {
  const rows = device.series.map((series) =>
    h(
      "tr",
      { key: `${series.name}${JSON.stringify(series.labels)}` },
      h("td", null, h("code", null, series.name), " ", labelChips(series.labels, Object.keys(device.labels))),
      h("td", { class: "spark" }, sparkline(series.spark, 92, 18, series.name)),
      h("td", { class: "num" }, quantity(series.value, series.unit)),
      h("td", { class: "num dim" }, ago(series.at)),
    ),
  );
  return panel("Series", String(device.series.length), rows.length > 0 ? h("table", null, h("tbody", null, rows)) : h("p", { class: "note" }, "It has sent no sample yet."));
}

function rawLines(device: DeviceDetail): VNode {
  const lines = device.lines.map((line, index) => h("div", { key: `${line.at}-${index}`, class: line.direction }, h("time", { title: exactly(line.at) }, clock(line.at)), ` ${line.direction === "out" ? "»" : " "} `, line.text));
  const recording = h("a", { href: `${OWN}/devices/${encodeURIComponent(device.id)}/capture`, download: `${device.id}.cap.jsonl` }, "as a recording");
  return panel("Last lines", ["as they came, or ", recording], lines.length > 0 ? h("div", { class: "raw", tabindex: 0, role: "log", "aria-live": "off" }, lines) : h("p", { class: "note" }, "Nothing came yet."));
}
