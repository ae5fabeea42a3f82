/** Whether what is on the screen is of now: a pill beside each title, and a bar when it is not. */

import { connection } from "./app.ts";
import { h, type VNode } from "./dom.ts";
import { coarse } from "./duration.ts";
import { clock } from "./moment.ts";
import { pill } from "./words.ts";

/** `live`, or not. */
export function livePill(): VNode {
  const state = connection()?.state;
  if (!state || state.kind === "connecting") return pill("x", "", "connecting");
  return state.kind === "live" ? pill("n", "changes arrive as they happen", "live") : pill("b", "", "not live");
}

/** The bar. It lies over the page, so that nothing moves. */
export function brokenBar(): VNode {
  const stream = connection();
  const state = stream?.state;
  const shown = state?.kind === "broken" ? state : null;
  const wait = shown ? Math.ceil((shown.retryAt - Date.now()) / 1000) : 0;
  return h(
    "div",
    { class: shown ? "broken on" : "broken", role: "alert" },
    shown && [
      h("span", null, h("b", null, "Not live"), ` since ${clock(shown.since)}, ${coarse(Date.now() - shown.since)}. What you see may be over.`),
      h("button", { type: "button", onclick: () => stream?.retryNow() }, wait > 0 ? `Try now (else in ${wait} s)` : "Trying …"),
    ],
  );
}
