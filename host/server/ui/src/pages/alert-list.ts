/** The list of alerts on the Board: rows that stay still, sections, groups, and the row that is open. */

import type { AlertRow } from "../contract.ts";
import { type About, formHref, inCharge } from "../acknowledging.ts";
import { invalidate, live, now } from "../app.ts";
import { type Child, h, type VNode } from "../dom.ts";
import { coarse } from "../duration.ts";
import { shows } from "../filter-box.ts";
import { holding, holdProps, release, touchHold } from "../hold.ts";
import { exactly } from "../moment.ts";
import { arrange, groupBy, type Placed, type Section } from "../order.ts";
import { signalPlot } from "../plot.ts";
import { quantity, setting } from "../quantity.ts";
import { go, hrefWith, route, setQuery } from "../router.ts";
import { type Item, windowed } from "../windowed.ts";
import { empty, severityClass, severityMark, standing, tellingChips } from "../words.ts";
import { openPanel } from "./alert-panel.ts";

/** Heights in `app.css`. */
const ROW_PX = 58;
const HEAD_PX = 33;

let placed: Placed[] = [];
/** What `placed` was made from; `null` before the first time. */
let madeFrom: { rows: readonly AlertRow[]; asked: string; hold: boolean } | null = null;
let panelPx = 220;

/** Labels that the row says elsewhere. */
const SAID = ["alertname", "severity"];

const HEADINGS: Record<Section, string> = {
  firing: "Firing",
  pending: "Pending: the hold time of the rule still runs",
  held: "Held back: firing, but nobody is told",
};

/** The fingerprint of the open row; empty for none. */
export function openAlert(): string {
  return route().query.get("alert") ?? "";
}

/** Rows as they are on the screen. */
function currentRows(): Placed[] {
  const rows = live.board?.alerts ?? [];
  const query = route().query;
  const asked = `${query.get("q") ?? ""}\n${query.get("by") ?? ""}`;
  const hold = holding();
  if (madeFrom?.rows === rows && madeFrom.asked === asked && madeFrom.hold === hold) return placed;
  const shown = rows.filter((row) => row.fingerprint === openAlert() || shows(row.labels, `${row.name} ${row.summary}`));
  // What the reader asked for may move rows even while he reads.
  placed = arrange(placed, shown, hold && madeFrom?.asked === asked);
  madeFrom = { rows, asked, hold };
  return placed;
}

/** What `Silence…` in the head and the key `s` take: the open row. */
export function openRow(): AlertRow | null {
  return live.board?.alerts.find((row) => row.fingerprint === openAlert()) ?? null;
}

/** Draws the card with all rows. */
export function alertList(): VNode {
  const rows = currentRows();
  const items = itemsOf(rows);
  requestAnimationFrame(measurePanel);
  return h("div", { class: "card alerts", id: "alerts", role: "list", "aria-label": "Alerts", ...holdProps }, windowed("alerts", items), items.length === 0 && nothingFits());
}

function nothingFits(): VNode {
  return empty("No alert fits the filter.", h("button", { type: "button", onclick: () => setQuery("q", "") }, "Show all"));
}

/** A word about rows that wait for the reader to be done. */
export function stillNote(): Child {
  if (!holding()) return null;
  const changed = placed.filter((one) => one.gone).length;
  if (changed === 0) return null;
  return h("button", { type: "button", class: "quiet", onclick: release }, `held still while you read: ${changed} gone · sort now`);
}

function measurePanel(): void {
  const height = document.querySelector(".why")?.getBoundingClientRect().height;
  if (height && Math.abs(height - panelPx) > 1) {
    panelPx = height;
    invalidate();
  }
}

/** Items of the last time: scrolling through ten thousand rows asks for them with every frame. */
let made: { rows: readonly Placed[]; asked: string; items: Item[] } | null = null;

function itemsOf(rows: readonly Placed[]): Item[] {
  const by = route().query.get("by") ?? "";
  const open = openAlert();
  const asked = `${by}\n${open}\n${panelPx}`;
  if (made?.rows !== rows || made.asked !== asked) made = { rows, asked, items: makeItems(rows, by, open) };
  return made.items;
}

function makeItems(rows: readonly Placed[], by: string, openId: string): Item[] {
  const items: Item[] = [];
  for (const section of ["firing", "pending", "held"] as const) {
    const members = rows.filter((one) => one.section === section);
    if (members.length === 0) continue;
    if (section !== "firing") items.push(heading(`section-${section}`, "sect", `${HEADINGS[section]} `, members.length));
    for (const group of by ? groupBy(members, by) : [{ value: "", members }]) {
      if (by) items.push(heading(`group-${section}-${group.value}`, "grp", `${by}=${group.value || '""'} `, group.members.length));
      for (const one of group.members) items.push(rowItem(one, one.row.fingerprint === openId));
    }
  }
  return items;
}

function heading(key: string, kind: string, text: string, members: number): Item {
  return {
    heightPx: HEAD_PX,
    draw: () => h("div", { key, class: kind, role: "presentation" }, text, h("em", null, `×${members}`)),
  };
}

function rowItem(one: Placed, open: boolean): Item {
  return {
    id: one.row.fingerprint,
    heightPx: ROW_PX + (open ? panelPx : 0),
    draw: () =>
      h(
        "div",
        { key: one.row.fingerprint, role: "listitem", class: `alert ${severityClass(one.row.severity)}${open ? " sel" : ""}${faded(one) ? " past" : ""}`, "data-alert": one.row.fingerprint },
        rowHead(one, open),
        open && openPanel(one.row),
      ),
  };
}

const faded = (one: Placed): boolean => one.gone || one.row.state === "resolved";

function rowHead(one: Placed, open: boolean): VNode {
  const { row } = one;
  return h(
    "div",
    { class: "al" },
    severityMark(row.severity),
    h(
      "div",
      { class: "what" },
      h("div", { class: "t" }, h("a", { href: hrefOf(open ? "" : row.fingerprint), class: "cover", "aria-expanded": String(open) }, row.name), one.gone ? h("span", { class: "pill x" }, "gone") : standing(row)),
      h("div", { class: "s" }, tellingChips(row.labels, 2, SAID), h("span", { class: "sum" }, row.summary)),
    ),
    row.signal ? signalPlot(row.signal, 150, 34, signalWords(row)) : h("span", { class: "nosignal" }),
    h("div", { class: "age" }, h("b", { title: exactly(row.startsAt) }, coarse((row.resolvedAt ?? now()) - row.startsAt)), h("span", { class: "val" }, row.value === null ? one.gone ? "gone" : row.state : `${quantity(row.value, row.unit)}`)),
  );
}

/** The same URL with another row open, or none; a form that was open in the one before is closed. */
function hrefOf(fingerprint: string): string {
  return hrefWith({ alert: fingerprint, do: "" });
}

/** Closes the open row. */
export function closeRow(): void {
  go(hrefOf(""), { replace: true });
}

/** Rows that pass the filter, fire, and that nobody is in charge of; none without a filter. */
export function freeRows(): AlertRow[] {
  if (!route().query.get("q")) return [];
  const rows = live.board?.alerts ?? [];
  return rows.filter((row) => row.state === "firing" && !inCharge(row) && shows(row.labels, `${row.name} ${row.summary}`));
}

/** `a`: the form for the open row, or for all that pass the filter. */
export function askToAcknowledge(): boolean {
  const row = openRow();
  const about: About | null = row?.state === "firing" ? "row" : !row && freeRows().length > 0 ? "shown" : null;
  if (about) go(formHref(about));
  return about !== null;
}

/** The picture in words. */
export function signalWords(row: AlertRow): string {
  const limit = row.signal?.threshold == null ? "" : `, limit ${setting(row.signal.threshold, row.unit)}`;
  return `${row.signal?.query ?? ""}, last hour, now ${quantity(row.value, row.unit)}${limit}`;
}

/** `j` and `k`: the next row opens, and is brought into view. */
export function moveRow(step: 1 | -1): void {
  touchHold();
  const order = itemOrder();
  const at = order.indexOf(openAlert());
  const next = order[at < 0 ? (step > 0 ? 0 : order.length - 1) : Math.max(0, Math.min(order.length - 1, at + step))];
  if (next === undefined) return;
  go(hrefOf(next), { replace: true });
  requestAnimationFrame(() => requestAnimationFrame(() => reveal(next)));
}

/** Fingerprints in the order of the screen. */
function itemOrder(): string[] {
  return itemsOf(currentRows()).flatMap((item) => item.id ?? []);
}

function reveal(fingerprint: string): void {
  const element = document.querySelector(`[data-alert="${CSS.escape(fingerprint)}"]`);
  if (element) {
    element.scrollIntoView({ block: "nearest" });
    return;
  }
  // Far away in a long list: its place follows from the heights.
  const list = document.getElementById("alerts");
  if (!list) return;
  let y = list.getBoundingClientRect().top + scrollY;
  for (const item of itemsOf(currentRows())) {
    if (item.id === fingerprint) break;
    y += item.heightPx;
  }
  scrollTo(0, y - innerHeight / 3);
}
