/** Plugins: what runs in the sandbox, what it may do, and how it behaves. */

import type { PluginRow, PluginState } from "../contract.ts";
import { OWN, request } from "../api.ts";
import { now, Resource } from "../app.ts";
import { type Child, h, type VNode } from "../dom.ts";
import { coarse, measured } from "../duration.ts";
import { livePill } from "../live-pill.ts";
import { bytes, count } from "../quantity.ts";
import { ago, empty, pill, waiting } from "../words.ts";

const list = new Resource<PluginRow[]>(() => request(`${OWN}/plugins`), 5_000);

const KINDS: [PluginRow["kind"], string, string][] = [
  ["driver", "Drivers", "turn the bytes of a device into samples"],
  ["detector", "Detectors", "are functions in any expression"],
  ["receiver", "Receivers", "carry messages to where people are"],
];

/** Draws the page. */
export function pluginsPage(): VNode[] {
  const rows = list.get() ?? [];
  return [
    h("div", { class: "top" }, h("h1", null, "Plugins"), livePill()),
    waiting(list) ?? h("div", null, unknown(rows), KINDS.map(([kind, title, what]) => section(title, what, rows.filter((row) => row.kind === kind)))),
  ];
}

/** Files that are not loaded yet, or cannot be. */
function unknown(rows: readonly PluginRow[]): Child {
  const files = rows.filter((row) => row.kind === null);
  return files.length > 0 && section("Files", "of a kind that is not known yet", files);
}

function section(title: string, what: string, rows: readonly PluginRow[]): VNode {
  const body = rows.length > 0 ? rows.map(pluginRow) : list.data && empty(`No ${title.toLowerCase()}.`, h("p", null, "Drop a component (.wasm) into the folder of plugins; it shows here at once."));
  return h("section", { class: "panel", key: title }, h("h2", null, `${title} `, h("em", null, what)), h("div", { class: "card rows" }, body));
}

function statePill(state: PluginState): VNode {
  switch (state.kind) {
    case "loading":
      return pill("x", "", `being loaded: ${state.reached}`);
    case "ready":
      return pill("n", "", "ready");
    case "active":
      return pill("n", "", "active");
    case "degraded":
      return pill("p", "", "degraded");
    case "waiting":
      return pill("p", "", "waits for a decision");
    case "failed":
      return pill("b", "", "failed to load");
    case "quarantined":
      return pill("b", "", state.until === null ? "quarantined" : `quarantined, again in ${coarse(state.until - now())}`);
  }
}

function trouble(state: PluginState): Child {
  switch (state.kind) {
    case "loading":
    case "ready":
    case "active":
      return null;
    case "waiting":
      return h("p", { class: "note" }, state.needs);
    case "failed":
      return h("p", { class: "note bad" }, state.error);
    case "degraded":
      return h("p", { class: "note" }, `not called for ${state.blamed} for a while: ${state.error}`);
    case "quarantined":
      return h("p", { class: "note bad" }, `${state.error}, with ${state.blamed}`);
  }
}

function pluginRow(row: PluginRow): VNode {
  return h(
    "div",
    { key: `${row.kind} ${row.name}`, class: "alert pl" },
    h(
      "div",
      { class: "what" },
      h("div", { class: "t" }, h("b", { class: "mono" }, row.name), h("span", { class: "dim" }, ` ${row.version} `), statePill(row.state)),
      h("div", { class: "s wrap" }, row.grants.length > 0 ? ["may ", row.grants.join(", ")] : "may do nothing but compute", h("span", { class: "dim", title: row.sha256 }, ` · ${row.origin}${row.sha256 ? ` · ${row.sha256.slice(0, 12)}` : ""}`)),
      row.usedBy.length > 0 && h("div", { class: "s wrap" }, "used by ", row.usedBy.map((name, index) => h("span", { class: "lb", key: String(index) }, name))),
      trouble(row.state),
      row.lastError && (row.state.kind === "ready" || row.state.kind === "active") && h("p", { class: "note" }, "last error ", ago(row.lastError.at), `: ${row.lastError.text}`),
    ),
    h(
      "div",
      { class: "age" },
      h("b", null, `${count(row.calls)} calls`),
      h("span", { class: row.errors > 0 ? "crit" : null }, `${count(row.errors)} errors`),
      row.callP99Ms !== null && h("span", { class: "block", title: "99 of 100 calls took no longer" }, `p99 ${measured(row.callP99Ms)}`),
      row.memoryBytes !== null && h("span", { class: "block" }, bytes(row.memoryBytes)),
    ),
  );
}
