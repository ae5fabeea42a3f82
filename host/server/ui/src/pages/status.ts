/** Status: the build, what is listened on, storage, queues, targets, receivers, and the configuration in force. */

import type { StatusReport } from "../contract.ts";
import { OWN, request } from "../api.ts";
import { now, Resource } from "../app.ts";
import { type Child, h, type VNode } from "../dom.ts";
import { coarse, exact, measured } from "../duration.ts";
import { livePill } from "../live-pill.ts";
import { bytes, count } from "../quantity.ts";
import { ago, facts, pill, waiting, when } from "../words.ts";

const report = new Resource<StatusReport>(() => request(`${OWN}/status`), 5_000);

/** Draws the page. */
export function statusPage(): VNode[] {
  const status = report.get();
  const head = h("div", { class: "top" }, h("h1", null, "Status"), livePill());
  if (!status) return [head, h("div", { class: "blank" }, waiting(report))];
  return [
    head,
    h("div", { class: "cols even" }, h("div", null, build(status), storage(status)), h("div", null, queues(status), receivers(status))),
    targets(status),
    configuration(status),
  ];
}

function panel(title: string, hint: string, ...children: Child[]): VNode {
  return h("section", { class: "panel", key: title }, h("h2", null, `${title} `, hint && h("em", null, hint)), h("div", { class: "card pad" }, ...children));
}

function build({ build: made, startedAt, listeners, dataDir, residentBytes }: StatusReport): VNode {
  return panel(
    "This process",
    "",
    facts([
      ["version", `${made.version} (${made.revision || "no revision"})`],
      ["built with", `rustc ${made.rustc}, for ${made.target}`],
      ["up", h("span", null, coarse(now() - startedAt), " since ", when(startedAt))],
      ["memory", bytes(residentBytes)],
      ["data", h("code", null, dataDir)],
      ...listeners.map((listener) => [listener.serves, h("code", null, listener.address)] as const),
    ]),
  );
}

function storage({ storage: store }: StatusReport): VNode {
  return panel(
    "Storage",
    "",
    facts([
      ["samples", count(store.samples)],
      ["series", count(store.series)],
      ["on disk", `${bytes(store.bytes)}${store.samples > 0 ? `, ${(store.bytes / store.samples).toFixed(2)} B/sample` : ""}`],
      ["log", bytes(store.logBytes)],
      ["oldest", ago(store.oldestSample, "none yet")],
      ["kept for", exact(store.retentionMs)],
    ]),
  );
}

function queues({ queues: rows }: StatusReport): VNode {
  const line = (row: StatusReport["queues"][number]): VNode =>
    h("tr", { key: row.name }, h("td", null, row.name), h("td", { class: "num" }, `${count(row.length)} of ${count(row.capacity)}`), h("td", { class: row.dropped > 0 ? "num crit" : "num dim" }, row.dropped > 0 ? `${count(row.dropped)} dropped` : "none dropped"));
  return panel("Queues", "each has a bound", h("table", null, h("tbody", null, rows.map(line))));
}

function receivers({ receivers: rows }: StatusReport): VNode {
  const line = (row: StatusReport["receivers"][number]): VNode =>
    h("li", { key: row.name }, h("p", null, h("b", null, row.name), " ", row.integrations.length > 0 ? row.integrations.join(", ") : h("span", { class: "dim" }, "tells nobody"), h("span", { class: "dim" }, " · last message ", ago(row.lastDelivery))), row.lastError && h("p", { class: "note bad" }, ago(row.lastError.at), `: ${row.lastError.text}`));
  return panel("Receivers", "", rows.length > 0 ? h("ul", { class: "inner" }, rows.map(line)) : h("p", { class: "note" }, "None is configured: alerts show here only."));
}

function targets({ targets: rows }: StatusReport): VNode {
  const line = (row: StatusReport["targets"][number]): VNode =>
    h(
      "tr",
      { key: `${row.job} ${row.url}` },
      h("td", null, pill(row.health === "up" ? "n" : row.health === "down" ? "b" : "x", "", row.health), " ", h("b", null, row.job)),
      h("td", null, h("code", null, row.url), row.error && h("p", { class: "note bad" }, row.error)),
      h("td", { class: "num" }, `${count(row.samples)} samples`),
      h("td", { class: "num dim" }, row.tookMs === null ? "" : measured(row.tookMs)),
      h("td", { class: "num dim" }, ago(row.lastScrape)),
    );
  return panel("Targets", "scraped", rows.length > 0 ? h("div", { class: "scroll" }, h("table", null, h("tbody", null, rows.map(line)))) : h("p", { class: "note" }, "Nothing is scraped: there is no scrape_configs section."));
}

function configuration({ config }: StatusReport): VNode {
  const file = (one: StatusReport["config"][number]): VNode => h("details", { key: one.file }, h("summary", null, h("code", null, one.file), h("span", { class: "dim" }, " loaded ", ago(one.loadedAt))), h("pre", { class: "raw tall", tabindex: 0 }, one.text));
  return panel("Configuration", "as it is in force, secrets masked", config.length > 0 ? config.map(file) : h("p", { class: "note" }, "None: built-in defaults."));
}
