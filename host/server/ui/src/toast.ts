/** One line about what was just done, with a way back; it leaves by itself. */

import { invalidate } from "./app.ts";
import { h, type VNode } from "./dom.ts";

const SHOWN_MS = 10_000;

let current: { text: string; action: { label: string; act: () => void } | null } | null = null;
let timer = 0;

/** Says something. */
export function toast(text: string, action: { label: string; act: () => void } | null = null): void {
  current = { text, action };
  clearTimeout(timer);
  timer = window.setTimeout(dismiss, SHOWN_MS);
  invalidate();
}

function dismiss(): void {
  current = null;
  invalidate();
}

/** The region is always there, so that screen readers notice its text. */
export function toastRegion(): VNode {
  const shown = current;
  return h(
    "div",
    { class: shown ? "toast on" : "toast", role: "status" },
    shown && h("span", null, shown.text),
    shown?.action && h("button", { type: "button", onclick: () => (dismiss(), shown.action?.act()) }, shown.action.label),
    shown && h("button", { type: "button", class: "quiet", "aria-label": "Dismiss", onclick: dismiss }, "✕"),
  );
}
