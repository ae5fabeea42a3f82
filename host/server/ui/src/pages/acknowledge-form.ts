/** The small form with which somebody takes alerts on: who, a word to the others, until when. */

import type { AlertRow } from "../contract.ts";
import { acknowledge } from "../api.ts";
import { closeForm, handBack, inCharge, named, untilWords } from "../acknowledging.ts";
import { invalidate, now } from "../app.ts";
import { type Child, h, type VNode } from "../dom.ts";
import { exact, parse } from "../duration.ts";
import { field } from "../form.ts";
import { recall, remember } from "../memory.ts";
import { toast } from "../toast.ts";

interface Form {
  /** What it was opened for; another one begins anew. */
  about: string;
  who: string;
  comment: string;
  /** Empty: until it is over. */
  span: string;
  problem: string;
  sending: boolean;
}

let form: Form | null = null;

const SPANS = ["", "1h", "4h", "1d"];

/** Forgets what was typed, once the form is not on the screen any more. */
export function resetAcknowledgeForm(): void {
  form = null;
}

/** Draws it. `rows` are what is taken on when it is sent. */
export function acknowledgeForm(about: string, title: Child, rows: readonly AlertRow[]): VNode {
  const state = (form = begun(about));
  const until = state.span ? now() + (parse(state.span) ?? 0) : null;
  const then = until === null ? "nobody is reminded until it is over" : `nobody is reminded ${untilWords({ until })}; then it is anybody's again`;
  return h(
    "form",
    {
      class: "card pad form take",
      key: "take",
      "aria-label": "Acknowledge",
      onsubmit: (event: Event) => {
        event.preventDefault();
        void submit(state, rows);
      },
    },
    title && h("p", { class: "whole" }, title),
    field("acknowledge-who", "Who", "kept in this browser", input(state, "who", { autocomplete: "name" }), false),
    field("acknowledge-comment", "Comment", "a word to the others; may be empty", input(state, "comment", {}), false),
    h("div", { class: "field whole" }, h("span", { class: "label", id: "acknowledge-for" }, "For"), h("div", { class: "choice", role: "group", "aria-labelledby": "acknowledge-for" }, SPANS.map((span) => spanButton(state, span))), h("p", { class: "hint" }, then)),
    state.problem && h("p", { class: "note bad whole", role: "alert" }, state.problem),
    h("div", { class: "acts whole" }, h("button", { type: "submit", class: "main", disabled: state.sending }, "Acknowledge"), h("button", { type: "button", onclick: closeForm }, "Cancel")),
  );
}

function begun(about: string): Form {
  if (form?.about === about) return form;
  const who = recall("who");
  requestAnimationFrame(() => document.getElementById(who ? "acknowledge-comment" : "acknowledge-who")?.focus());
  return { about, who, comment: "", span: "", problem: "", sending: false };
}

function set(state: Form, patch: Partial<Form>): void {
  Object.assign(state, patch);
  invalidate();
}

function input(state: Form, name: "who" | "comment", props: Record<string, unknown>): VNode {
  return h("input", { id: `acknowledge-${name}`, type: "text", maxlength: 1000, value: state[name], oninput: (event: Event) => set(state, { [name]: (event.target as HTMLInputElement).value }), ...props });
}

function spanButton(state: Form, span: string): VNode {
  const on = state.span === span;
  return h("button", { key: span, type: "button", class: on ? "on" : null, "aria-pressed": String(on), onclick: () => set(state, { span }) }, span ? exact(parse(span) ?? 0) : "until it is over");
}

async function submit(state: Form, rows: readonly AlertRow[]): Promise<void> {
  const by = state.who.trim();
  if (!by) return set(state, { problem: "Who: your name, so that others know whom to ask." });
  if (rows.length === 0) return set(state, { problem: "There is nothing left that fires and that nobody has taken on." });
  remember("who", by);
  // Giving back would not bring an earlier one back.
  const undo = rows.some((row) => inCharge(row)) ? null : { label: "Undo", act: () => void handBack(rows) };
  set(state, { sending: true, problem: "" });
  try {
    await acknowledge({ fingerprints: rows.map((row) => row.fingerprint), by, comment: state.comment.trim(), ...(state.span ? { for: state.span } : {}) });
    const until = state.span ? now() + (parse(state.span) ?? 0) : null;
    toast(`${named(rows)}: acknowledged by ${by} ${rows.length > 1 && until === null ? "until they are over" : untilWords({ until })}.`, undo);
    form = null;
    closeForm();
  } catch (error) {
    set(state, { sending: false, problem: `Not acknowledged: ${(error as Error).message}.` });
  }
}
