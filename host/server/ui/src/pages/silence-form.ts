/** The form of a silence: matchers in one line, how long, who, why; what it would hide shows while one types. */

import type { GettableSilence } from "../contract.ts";
import { expireSilence, putSilence } from "../api.ts";
import { invalidate, live, now } from "../app.ts";
import { type Child, h, type VNode } from "../dom.ts";
import { exact, parse } from "../duration.ts";
import { field } from "../form.ts";
import { matchersFor, type Matcher, parseFilter, passes, writeMatcher } from "../matcher.ts";
import { recall, remember } from "../memory.ts";
import { clock, stamp } from "../moment.ts";
import { go, route } from "../router.ts";
import { fromPostable, postable } from "../silencing.ts";
import { toast } from "../toast.ts";
import { labelChips, severityMark, standing } from "../words.ts";

interface Form {
  /** URL that it was filled from. */
  from: string;
  matchers: string;
  duration: string;
  who: string;
  comment: string;
  problem: string;
  sending: boolean;
}

let form: Form | null = null;

const CHOICES = ["30m", "1h", "2h", "8h", "1d", "1w"];
const SHOWN = 8;

/** Forgets what was typed. */
export function resetForm(): void {
  form = null;
}

/** Draws the form: for a new silence, or to change one. */
export function silenceForm(silence: GettableSilence | null, saved: () => void): VNode[] {
  const state = (form = filled(silence));
  const checked = check(state.matchers);
  const length = parse(state.duration);
  const expired = silence?.status.state === "expired";
  const title = silence ? (expired ? "Silence again" : "Change silence") : "New silence";
  return [
    h("div", { class: "top" }, h("a", { class: "crumb", href: "/silences" }, "Silences"), h("h1", null, title)),
    h(
      "div",
      { class: "cols even" },
      h(
        "form",
        {
          class: "card pad form",
          onsubmit: (event: Event) => {
            event.preventDefault();
            void submit(state, silence, saved);
          },
        },
        field("silence-matchers", "Matchers", "all of them must match; a silence hides every alert that passes", input(state, "matchers", { class: "mono", placeholder: 'alertname="DeviceOverheating" site=~"north|south"' }), typeof checked === "string" && state.matchers && checked),
        chips(state, checked),
        field("silence-duration", "For", length ? `until ${stamp(now() + length, now())}, that is ${exact(length)} from now` : "", h("div", { class: "choice" }, input(state, "duration", { class: "short mono" }), CHOICES.map((choice) => h("button", { key: choice, type: "button", class: parse(state.duration) === parse(choice) ? "on" : null, onclick: () => set(state, { duration: choice }) }, exact(parse(choice) ?? 0)))), !length && "a length of time, such as 2h or 1d12h"),
        field("silence-who", "Who", "kept in this browser", input(state, "who", { autocomplete: "name" }), false),
        field("silence-comment", "Why", "for those who wonder why it is quiet", input(state, "comment", {}), false),
        state.problem && h("p", { class: "note bad", role: "alert" }, state.problem),
        h("div", { class: "acts" }, h("button", { type: "submit", class: "main", disabled: state.sending }, silence && !expired ? "Save" : "Silence"), silence && !expired && h("button", { type: "button", onclick: () => void end(silence, saved) }, "Expire now"), h("a", { class: "btn", href: "/silences" }, "Cancel")),
      ),
      preview(checked),
    ),
  ];
}

function filled(silence: GettableSilence | null): Form {
  const from = location.pathname + location.search;
  if (form?.from === from) return form;
  const query = route().query;
  const row = live.board?.alerts.find((alert) => alert.fingerprint === query.get("alert"));
  const matchers = silence ? fromPostable(silence.matchers) : row ? matchersFor(row.labels) : [];
  // An alert that is asked for but not here yet: fill again with the next snapshot.
  const later = query.has("alert") && !row && !live.board;
  return {
    from: later ? "" : from,
    matchers: query.get("matchers") ?? matchers.map(writeMatcher).join(" "),
    duration: query.get("duration") ?? (silence ? lengthOf(silence) : "2h"),
    who: recall("who") || (silence?.createdBy ?? ""),
    comment: silence?.comment ?? "",
    problem: "",
    sending: false,
  };
}

/** What is left of an active one; the whole length of one that is over. */
function lengthOf(silence: GettableSilence): string {
  const from = silence.status.state === "active" ? now() : Date.parse(silence.startsAt);
  return exact(Math.max(60_000, Math.round((Date.parse(silence.endsAt) - from) / 60_000) * 60_000)).replace(/ /g, "");
}

function set(state: Form, change: Partial<Form>): void {
  Object.assign(state, change);
  invalidate();
}

function input(state: Form, name: "matchers" | "duration" | "who" | "comment", props: Record<string, unknown>): VNode {
  return h("input", { id: `silence-${name}`, type: "text", spellcheck: "false", value: state[name], oninput: (event: Event) => set(state, { [name]: (event.target as HTMLInputElement).value }), ...props });
}

/** The matchers of a text, or what is wrong with it. */
function check(text: string): Matcher[] | string {
  const parsed = parseFilter(text);
  if (!parsed.ok) return parsed.error.message;
  if (parsed.filter.words.length > 0) return `${parsed.filter.words[0]} is no matcher: write name="value"`;
  if (parsed.filter.matchers.length === 0) return "at least one matcher";
  // As Alertmanager: one that every alert passes would silence the house.
  if (parsed.filter.matchers.every((matcher) => passes(matcher, {}))) return "at least one matcher must not match the empty text";
  return parsed.filter.matchers;
}

/** Each matcher with a way to leave it out: fewer matchers hide more. */
function chips(state: Form, checked: Matcher[] | string): Child {
  if (typeof checked === "string" || checked.length < 2) return null;
  return h(
    "div",
    { class: "chips", "aria-label": "Leave out a matcher" },
    checked.map((matcher, index) => {
      const rest = checked.filter((_, other) => other !== index).map(writeMatcher).join(" ");
      const text = writeMatcher(matcher);
      return h("button", { key: text, type: "button", "aria-label": `leave out ${text}`, onclick: () => set(state, { matchers: rest }) }, h("span", { class: "mono" }, text), " ✕");
    }),
  );
}

function preview(checked: Matcher[] | string): VNode {
  const alerts = live.board?.alerts.filter((alert) => alert.state !== "resolved") ?? [];
  const hit = typeof checked === "string" ? [] : alerts.filter((alert) => checked.every((matcher) => passes(matcher, alert.labels)));
  const head = h("h2", null, "Hides right now ", h("em", null, typeof checked === "string" ? "" : `${hit.length} of ${alerts.length} alerts`));
  const body =
    hit.length === 0
      ? h("p", { class: "note" }, typeof checked === "string" ? "Nothing: the matchers are not complete." : "Nothing yet. It will hide matching alerts that come while it lasts.")
      : h("ul", { class: "inner" }, hit.slice(0, SHOWN).map((alert) => h("li", { key: alert.fingerprint }, h("p", null, severityMark(alert.severity), " ", h("b", null, alert.name), " ", standing(alert)), h("div", null, labelChips(alert.labels, ["alertname", "severity"])))), hit.length > SHOWN && h("li", { key: "more" }, `and ${hit.length - SHOWN} more`));
  return h("section", { class: "panel", "aria-live": "polite" }, head, h("div", { class: "card pad" }, body));
}

async function submit(state: Form, silence: GettableSilence | null, saved: () => void): Promise<void> {
  const checked = check(state.matchers);
  const length = parse(state.duration);
  if (typeof checked === "string") return set(state, { problem: `Matchers: ${checked}.` });
  if (!length) return set(state, { problem: "For: a length of time, such as 2h or 1d12h." });
  if (!state.who.trim()) return set(state, { problem: "Who: your name, so that others know whom to ask." });
  remember("who", state.who.trim());
  set(state, { sending: true, problem: "" });
  const start = now();
  const keepStart = silence?.status.state === "active";
  const body = {
    ...(silence && silence.status.state !== "expired" ? { id: silence.id } : {}),
    matchers: postable(checked),
    startsAt: keepStart ? silence.startsAt : new Date(start).toISOString(),
    endsAt: new Date(start + length).toISOString(),
    createdBy: state.who.trim(),
    comment: state.comment.trim(),
  };
  try {
    await putSilence(body);
    toast(`Silenced until ${clock(start + length)}.`);
    saved();
    go("/silences");
  } catch (error) {
    set(state, { sending: false, problem: `Not silenced: ${(error as Error).message}.` });
  }
}

async function end(silence: GettableSilence, saved: () => void): Promise<void> {
  try {
    await expireSilence(silence.id);
    toast("The silence is over.");
    saved();
    go("/silences");
  } catch (error) {
    toast(`The silence is still there: ${(error as Error).message}.`);
  }
}
