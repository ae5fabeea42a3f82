/** An episode of an alert: how long it fired, who took it on, and what became of each message about it. */

import type { Acknowledgement, Delivery, Episode } from "../contract.ts";
import { now } from "../app.ts";
import { type Child, h, type VNode } from "../dom.ts";
import { coarse } from "../duration.ts";
import { messageStanding, told } from "../episodes.ts";
import { exactly } from "../moment.ts";
import { pill, when } from "../words.ts";

/** Attempts of one message that are shown, the last ones. */
const MAX_ATTEMPTS = 5;

/** How long it fired, or fires. */
export function lengthOf({ startsAt, endsAt }: Episode): string {
  return coarse((endsAt ?? now()) - startsAt);
}

/** Whether people were told. */
export function toldPill({ deliveries }: Episode): VNode {
  const { tone, text } = told(deliveries);
  const title = deliveries.length === 0 ? "no message went out" : `messages: ${deliveries.length}, delivered: ${deliveries.filter((one) => one.state === "delivered").length}`;
  return pill(tone, title, text);
}

/** `acknowledged by ann, 10:42:07: a loose fan`. */
export function acknowledged({ by, comment, at, until }: Acknowledgement): Child[] {
  return ["acknowledged by ", h("b", null, by), ", ", when(at), until !== null && h("span", { title: exactly(until) }, ", for ", coarse(until - at)), comment && `: ${comment}`];
}

/** The newest `most` messages; `rest` says what to do about the others. */
export function messages({ deliveries }: Episode, most: number, rest: (more: number) => Child): Child {
  if (deliveries.length === 0) return h("p", { class: "note" }, "No message went out about it.");
  const more = deliveries.length - most;
  return [h("ol", { class: "log msgs", "aria-label": "Messages, newest first" }, deliveries.slice(-most).reverse().map(message)), more > 0 && rest(more)];
}

const MARKS = { n: ["→", "", "delivered"], p: ["○", "", "under way"], b: ["✕", "crit", "failed"], x: ["–", "", ""] } as const;

function message(delivery: Delivery): VNode {
  const { tone, text } = messageStanding(delivery);
  const [shape, colour, word] = MARKS[tone];
  return h(
    "li",
    { key: delivery.id },
    when(delivery.at),
    h("span", { class: `mark ${colour}`, role: "img", "aria-label": word, title: word }, shape),
    h("div", null, delivery.status === "resolved" ? "over, to " : "firing, to ", h("b", null, delivery.receiver), h("span", { title: `integration ${delivery.integration + 1} of ${delivery.receiver}` }, ` by ${delivery.kind}`), ` (${delivery.reason}) `, pill(tone, "", text), attempts(delivery)),
  );
}

/** One that worked at once needs no words. */
function attempts(delivery: Delivery): Child {
  const all = delivery.attempts;
  if (!all.some((attempt) => attempt.error)) return null;
  const hidden = Math.max(0, all.length - MAX_ATTEMPTS);
  const line = (attempt: Delivery["attempts"][number]): VNode => h("li", { key: String(attempt.number) }, `attempt ${attempt.number}, `, when(attempt.at), ": ", attempt.error ? h("span", { class: "crit" }, attempt.error) : "accepted");
  return h("ul", { class: "tries" }, hidden > 0 && h("li", { key: "before" }, `${hidden} failed before`), all.slice(hidden).map(line));
}
