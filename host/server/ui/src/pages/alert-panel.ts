/** What an alert's row shows when it is open: the way it took, the signal, what the rule's author wrote, what to do. */

import type { AlertRow, WhyStep } from "../contract.ts";
import { formHref, formOpen, handBack, inCharge, untilWords } from "../acknowledging.ts";
import { now } from "../app.ts";
import { type Child, h, type VNode } from "../dom.ts";
import { coarse } from "../duration.ts";
import { matchersFor, writeMatcher } from "../matcher.ts";
import { clock } from "../moment.ts";
import { geometry } from "../plot.ts";
import { quantity, setting } from "../quantity.ts";
import { quickSilence } from "../silencing.ts";
import { ago, copyText, kbd, labelChips, pill, type Tone, when } from "../words.ts";
import { acknowledgeForm } from "./acknowledge-form.ts";
import { alertHistory } from "./alert-history.ts";

/** Draws the panel below the row. */
export function openPanel(row: AlertRow): VNode {
  return h(
    "div",
    { class: "why" },
    h("ol", { class: "way", "aria-label": "The way of this alert" }, row.why.map((step, index) => whyStep(row, step, index))),
    charge(row),
    progress(row),
    row.signal && bigPlot(row),
    row.description && row.description !== row.summary && h("p", { class: "desc" }, row.description),
    h("div", { class: "labels" }, labelChips(row.labels)),
    h("div", { class: "since" }, row.state === "pending" ? "condition holds since " : "firing since ", when(row.startsAt), row.resolvedAt !== null && [", resolved ", when(row.resolvedAt)]),
    actions(row),
    formOpen("row") && (row.state === "firing" ? acknowledgeForm(row.fingerprint, null, [row]) : h("p", { class: "note" }, "It does not fire: there is nothing to acknowledge.")),
    alertHistory(row),
  );
}

/** Who has taken it on. */
function charge(row: AlertRow): Child {
  const taken = inCharge(row);
  return taken && h("p", { class: "note" }, "acknowledged by ", h("b", null, taken.by), " ", ago(taken.at), `, ${untilWords(taken)}`, taken.comment && `: ${taken.comment}`);
}

const TONES: Record<WhyStep["state"], Tone> = { passed: "n", waiting: "p", blocked: "x", failed: "b" };
const STATE_WORDS: Record<WhyStep["state"], string> = { passed: "", waiting: "waiting", blocked: "stops here", failed: "failed" };

function whyStep(row: AlertRow, step: WhyStep, index: number): VNode {
  const note = step.note ?? STATE_WORDS[step.state];
  return h("li", { key: String(index), class: step.state }, `${step.label} `, h("b", null, step.text), note && pill(TONES[step.state], "", `${note}${remaining(row, step)}`));
}

function remaining(row: AlertRow, step: WhyStep): string {
  if (step.state !== "waiting") return "";
  const until = row.pipeline.kind === "pending" ? row.pipeline.firesAt : row.pipeline.kind === "grouping" ? row.pipeline.until : 0;
  return until > now() ? ` ${coarse(until - now())}` : "";
}

/** What the receiver said, in its own words; who holds it back. */
function progress(row: AlertRow): Child {
  const { pipeline } = row;
  switch (pipeline.kind) {
    case "failed":
      return h("p", { class: "note bad" }, `${pipeline.receiver} refused, ${pipeline.attempts} ${pipeline.attempts === 1 ? "attempt" : "attempts"}: ${pipeline.error}`);
    case "silenced":
      return h("p", { class: "note" }, "silenced by ", pipeline.by.map((id, index) => [index > 0 && ", ", h("a", { class: "link", href: `/silences/${id}`, key: id }, id.slice(0, 8))]));
    case "inhibited":
      return h("p", { class: "note" }, "inhibited by ", pipeline.by.map((by, index) => [index > 0 && ", ", h("a", { class: "link", href: `/?alert=${by.fingerprint}`, key: by.fingerprint }, by.name)]));
    default:
      return null;
  }
}

const WIDE = 640;
const HIGH = 96;

function bigPlot(row: AlertRow): Child {
  const signal = row.signal;
  const shape = signal && geometry(signal.points, signal.threshold, WIDE, HIGH);
  if (!signal || !shape) return null;
  const first = signal.points[0]?.[0] ?? now();
  const value = (v: number): string => quantity(v, row.unit);
  return h(
    "figure",
    { class: "big" },
    h("div", { class: "y", "aria-hidden": "true" }, h("span", null, value(shape.high)), h("span", null, value(shape.low))),
    h(
      "svg",
      { class: "plot", viewBox: `0 0 ${WIDE} ${HIGH}`, preserveAspectRatio: "none", role: "img", "aria-label": `from ${value(shape.low)} to ${value(shape.high)}, now ${value(row.value ?? shape.high)}` },
      shape.threshold !== null && h("line", { class: "limit", x1: 0, x2: WIDE, y1: shape.threshold, y2: shape.threshold }),
      row.startsAt > first && startLine(row, first),
      shape.lines.map((points) => h("polyline", { points })),
    ),
    h(
      "figcaption",
      null,
      h("span", null, clock(first)),
      h("code", null, signal.query),
      signal.threshold !== null && h("span", { class: "crit" }, `limit ${setting(signal.threshold, row.unit)}`),
      h("span", { class: "end" }, "now"),
    ),
  );
}

/** Where it began to fire. */
function startLine(row: AlertRow, first: number): VNode {
  const last = row.signal?.points[row.signal.points.length - 1]?.[0] ?? now();
  const x = ((row.startsAt - first) / Math.max(1, last - first)) * WIDE;
  return h("line", { class: "start", x1: x, x2: x, y1: 0, y2: HIGH }, h("title", null, `${row.state} since ${clock(row.startsAt)}`));
}

function actions(row: AlertRow): VNode {
  const matchers = matchersFor(row.labels).map(writeMatcher).join(" ");
  return h(
    "div",
    { class: "acts" },
    row.state === "firing" && h("a", { class: "btn", href: formHref("row") }, inCharge(row) ? "Take over… " : "Acknowledge… ", kbd("a")),
    inCharge(row) && h("button", { type: "button", onclick: () => void handBack([row]) }, "Give back"),
    h("a", { class: "btn", href: `/silences/new?matchers=${encodeURIComponent(matchers)}` }, "Silence… ", kbd("s")),
    h("button", { type: "button", onclick: () => quickSilence(row.labels, "2h") }, "Silence 2 h"),
    h("button", { type: "button", onclick: () => void copyText(`{${matchersFor(row.labels).map(writeMatcher).join(",")}}`) }, "Copy matchers"),
    row.runbookUrl && /^https?:\/\//.test(row.runbookUrl) && h("a", { class: "btn", href: row.runbookUrl, target: "_blank", rel: "noopener noreferrer" }, "Runbook ↗"),
  );
}
