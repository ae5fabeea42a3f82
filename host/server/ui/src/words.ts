/** Small pieces that every page speaks with: shapes, pills, labels, times, commands to copy, empty states. */

import type { Acknowledgement, AlertRow, DeviceState, Labels, Pipeline, Severity } from "./contract.ts";
import { inCharge, untilWords } from "./acknowledging.ts";
import { now } from "./app.ts";
import { type Child, h, type VNode } from "./dom.ts";
import { coarse, measured } from "./duration.ts";
import { exactly, relative, stamp } from "./moment.ts";

const SHAPES: Record<Severity, [string, string]> = { critical: ["■", "c"], warning: ["●", "w"], info: ["◆", "i"] };

/** Square, circle or diamond; the word is there for screen readers and on hover. */
export function severityMark(severity: Severity): VNode {
  const [shape, letter] = SHAPES[severity];
  return h("span", { class: `sev ${letter}`, role: "img", "aria-label": severity, title: severity }, shape);
}

/** Letter that picks the colour of a row. */
export function severityClass(severity: Severity): string {
  return SHAPES[severity][1];
}

/** `n` good, `p` under way or amber, `b` bad, `x` quiet. */
export type Tone = "n" | "p" | "b" | "x";

/** A short word in a coloured pill. */
export function pill(tone: Tone, title: string, ...children: Child[]): VNode {
  return h("span", { class: `pill ${tone}`, title: title || null }, ...children);
}

/** How an alert stands: who is in charge comes before how far it got; a message that failed is told all the same. */
export function standing(row: AlertRow): Child {
  const taken = inCharge(row);
  if (!taken) return pipelinePill(row.pipeline);
  return [acknowledgedPill(taken), row.pipeline.kind === "failed" && pipelinePill(row.pipeline)];
}

/** Who is in charge, or was. On a phone the first word is for screen readers only. */
export function acknowledgedPill(taken: Acknowledgement): VNode {
  const title = `acknowledged ${exactly(taken.at)}, ${untilWords(taken)}${taken.comment && `: ${taken.comment}`}`;
  return h("span", { class: "pill x who", title }, h("span", { class: "wide" }, "acknowledged "), `by ${taken.by}`);
}

/** Where an alert is on its way to a person, in a few words. */
function pipelinePill(pipeline: Pipeline): VNode {
  const left = (until: number): string => coarse(until - now());
  switch (pipeline.kind) {
    case "pending":
      return pill("p", `fires at ${exactly(pipeline.firesAt)} if it stays`, pipeline.firesAt > now() ? `pending ${left(pipeline.firesAt)}` : "pending");
    case "grouping":
      return pill("p", `${pipeline.receivers.join(", ")} at ${exactly(pipeline.until)}`, pipeline.until > now() ? `grouping ${left(pipeline.until)}` : "grouping");
    case "sending":
      return pill("p", pipeline.receivers.join(", "), "sending");
    case "sent":
      return pill("n", `${pipeline.receivers.join(", ")}, ${exactly(pipeline.at)}`, `sent ${measured(pipeline.tookMs)}`, repeats(pipeline));
    case "silenced":
      return pill("x", `by ${pipeline.by.join(", ")}`, "silenced");
    case "inhibited":
      return pill("x", `by ${pipeline.by.map((by) => by.name).join(", ")}`, `inhibited by ${pipeline.by[0]?.name ?? "another"}`, more(pipeline.by.length));
    case "muted":
      return pill("x", "", `muted: ${pipeline.by.join(", ")}`);
    case "unsent":
      return pill("x", "the receiver has no integrations", `not sent: ${pipeline.receiver} is empty`);
    case "failed":
      return pill("b", pipeline.error, `failed: ${pipeline.receiver}`, pipeline.nextAttempt === null ? ", given up" : `, again in ${left(pipeline.nextAttempt)}`);
    case "resolved":
      return pill("n", exactly(pipeline.at), "✓ resolved", pipeline.told === true ? ", told" : "");
  }
}

/** Only once the message is not news any more: before that the time it took is what matters. */
function repeats(sent: Extract<Pipeline, { kind: "sent" }>): string {
  if (sent.repeatAt === null || now() - sent.at < 600_000 || sent.repeatAt < now()) return "";
  return ` · repeat in ${coarse(sent.repeatAt - now())}`;
}

const more = (n: number): string => (n > 1 ? ` +${n - 1}` : "");

const DEVICE_WORDS: Record<DeviceState, [Tone, string]> = {
  connected: ["n", "connected"],
  silent: ["p", "silent"],
  gone: ["b", "gone"],
  "never-seen": ["x", "never seen"],
  quarantined: ["b", "quarantined"],
};

/** The state of a device as a pill. */
export function devicePill(state: DeviceState): VNode {
  const [tone, word] = DEVICE_WORDS[state];
  return pill(tone, "", word);
}

/** The state of a device in words. */
export function deviceWord(state: DeviceState): string {
  return DEVICE_WORDS[state][1];
}

/** `name=value` chips. `hide` leaves out what is said elsewhere. */
export function labelChips(labels: Labels, hide: readonly string[] = []): VNode[] {
  return Object.keys(labels)
    .filter((name) => !hide.includes(name))
    .sort()
    .map((name) => h("span", { class: "lb", key: name }, `${name}=${labels[name]}`));
}

/** Labels that say which thing an alert is about, most telling first. */
const TELLING = ["device_id", "device", "instance", "model_name", "model", "job", "service", "site", "platform"];

/** The most telling labels of a row, so that its summary has room; all of them stand in the panel. */
export function tellingChips(labels: Labels, most: number, hide: readonly string[] = []): VNode[] {
  const rank = (name: string): number => (TELLING.includes(name) ? TELLING.indexOf(name) : TELLING.length);
  const names = Object.keys(labels).filter((name) => !hide.includes(name));
  const shown = names.sort((a, b) => rank(a) - rank(b) || a.localeCompare(b)).slice(0, most);
  return shown.map((name) => h("span", { class: "lb", key: name }, `${name}=${labels[name]}`));
}

/** `41 s ago`, exact on hover. */
export function ago(at: number | null, never = "never"): VNode {
  if (at === null) return h("span", { class: "dim" }, never);
  return h("time", { datetime: new Date(at).toISOString(), title: exactly(at) }, relative(at, now()));
}

/** `10:42:07`, exact on hover. */
export function when(at: number): VNode {
  return h("time", { datetime: new Date(at).toISOString(), title: `${exactly(at)}, ${relative(at, now())}` }, stamp(at, now()));
}

/** A keyboard hint. */
export function kbd(keys: string): VNode {
  return h("kbd", { "aria-hidden": "true" }, keys);
}

/** A command with a button that copies it. */
export function command(text: string): VNode {
  const copy = async (event: Event): Promise<void> => {
    const button = event.currentTarget as HTMLButtonElement;
    button.textContent = (await copyText(text)) ? "Copied" : "Select it by hand";
    setTimeout(() => (button.textContent = "Copy"), 2000);
  };
  return h("div", { class: "cmd" }, h("pre", { tabindex: 0 }, text), h("button", { type: "button", onclick: copy }, "Copy"));
}

/** The clipboard needs a secure origin; the old way works on any. */
export async function copyText(text: string): Promise<boolean> {
  try {
    await navigator.clipboard.writeText(text);
    return true;
  } catch {
    const area = document.createElement("textarea");
    area.value = text;
    document.body.append(area);
    area.select();
    const done = document.execCommand("copy");
    area.remove();
    return done;
  }
}

/** Names and values in two columns. */
export function facts(rows: readonly (readonly [string, Child])[]): VNode {
  return h("dl", { class: "facts" }, rows.flatMap(([name, value]) => [h("dt", null, name), h("dd", null, value)]));
}

/** Where there is nothing, say what would be here and how to get it. */
export function empty(title: string, ...rest: Child[]): VNode {
  return h("div", { class: "empty" }, h("p", { class: "head" }, title), ...rest);
}

/** What to show instead of data that is not there (yet). Data of a moment ago stays: the bar says that it is not live. */
export function waiting(resource: { data: unknown; slow: boolean; error: string }): VNode | null {
  if (resource.data !== null) return null;
  if (resource.error) return h("p", { class: "note bad", role: "alert" }, `This could not be loaded: ${resource.error}.`);
  return resource.slow ? h("p", { class: "note" }, "Loading …") : null;
}
