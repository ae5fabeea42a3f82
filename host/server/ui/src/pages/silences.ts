/** Silences: what each one hides right now, and since the form shows that while one types, no surprise afterwards. */

import type { GettableSilence } from "../contract.ts";
import { expireSilence, fetchSilences } from "../api.ts";
import { invalidate, live, now, Resource } from "../app.ts";
import { type Child, h, type VNode } from "../dom.ts";
import { coarse } from "../duration.ts";
import { livePill } from "../live-pill.ts";
import { type Matcher, passes, writeMatcher } from "../matcher.ts";
import { exactly } from "../moment.ts";
import { fromPostable } from "../silencing.ts";
import { route, setQuery } from "../router.ts";
import { toast } from "../toast.ts";
import { command, empty, kbd, pill, severityMark, type Tone, waiting } from "../words.ts";
import { resetForm, silenceForm } from "./silence-form.ts";

const list = new Resource<GettableSilence[]>(fetchSilences, 3_000);

type State = GettableSilence["status"]["state"];
const STATES: State[] = ["active", "pending", "expired"];
const TONES: Record<State, Tone> = { active: "p", pending: "x", expired: "x" };

/** Draws the list, the form, or one silence. */
export function silencesPage(): VNode[] {
  const id = route().id;
  if (id === "new") return silenceForm(null, afterSaving);
  if (id) return existing(id);
  resetForm();
  return listPage();
}

function afterSaving(): void {
  void list.refresh();
}

function existing(id: string): VNode[] {
  const silence = list.get()?.find((one) => one.id === id);
  if (silence) return silenceForm(silence, afterSaving);
  const note = list.data ? h("p", { class: "note bad", role: "alert" }, "There is no silence with this id; it may have been forgotten.") : waiting(list);
  return [h("div", { class: "top" }, h("a", { class: "crumb", href: "/silences" }, "Silences"), h("h1", null, "Silence")), h("div", { class: "blank" }, note)];
}

function listPage(): VNode[] {
  const silences = list.get() ?? [];
  const wanted = (route().query.get("state") as State | null) ?? "active";
  const shown = silences.filter((silence) => silence.status.state === wanted).sort((a, b) => (a.endsAt < b.endsAt ? -1 : 1));
  const tabs = STATES.map((state) => {
    const n = silences.filter((silence) => silence.status.state === state).length;
    return h("button", { key: state, type: "button", class: state === wanted ? "on" : null, "aria-pressed": String(state === wanted), onclick: () => setQuery("state", state === "active" ? "" : state) }, `${state} `, h("em", null, n));
  });
  return [
    h("div", { class: "top" }, h("h1", null, "Silences"), livePill(), h("div", { class: "tabs", role: "group", "aria-label": "State" }, tabs), h("a", { class: "btn main end", href: "/silences/new" }, "New silence ", kbd("s"))),
    waiting(list) ?? h("div", { class: "card rows" }, shown.map(row), list.data && shown.length === 0 && nothing(wanted)),
  ];
}

function nothing(wanted: State): VNode {
  if (wanted !== "active") return empty(`No ${wanted} silence.`);
  return empty(
    "Nothing is silenced.",
    h("p", null, "Open an alert on the Board and press ", h("kbd", null, "s"), ", or from a shell:"),
    command(`amtool --alertmanager.url=${location.origin} silence add alertname=DeviceOverheating device_id=esp32-03 --duration=2h --comment="on it"`),
  );
}

/** Alerts of now that pass all matchers. */
export function hidden(matchers: readonly Matcher[]): { name: string; severity: "critical" | "warning" | "info"; fingerprint: string; labels: Record<string, string> }[] {
  const alerts = live.board?.alerts ?? [];
  return alerts.filter((alert) => alert.state !== "resolved" && matchers.every((matcher) => passes(matcher, alert.labels)));
}

function row(silence: GettableSilence): VNode {
  const { state } = silence.status;
  const hides = state === "expired" ? [] : hidden(fromPostable(silence.matchers));
  return h(
    "div",
    { key: silence.id, class: "alert sl" },
    h(
      "div",
      { class: "what" },
      h("div", { class: "t" }, pill(TONES[state], "", state), fromPostable(silence.matchers).map((matcher, index) => h("span", { class: "lb", key: String(index) }, writeMatcher(matcher))), h("a", { class: "cover", href: `/silences/${silence.id}`, "aria-label": `Change the silence by ${silence.createdBy}` })),
      h("div", { class: "s" }, h("b", null, silence.createdBy), silence.comment && `: ${silence.comment}`),
      h("div", { class: "s" }, hides.length === 0 ? (state === "expired" ? "" : "hides nothing right now") : ["hides ", hides.slice(0, 4).map((alert) => h("span", { key: alert.fingerprint, class: "hid" }, severityMark(alert.severity), ` ${alert.name}`)), hides.length > 4 && ` and ${hides.length - 4} more`]),
    ),
    h("div", { class: "age" }, span(silence)),
    state !== "expired" && h("button", { type: "button", class: "above", onclick: () => expire(silence.id) }, "Expire"),
  );
}

function span(silence: GettableSilence): Child {
  const [from, to] = [Date.parse(silence.startsAt), Date.parse(silence.endsAt)];
  const title = `${exactly(from)} to ${exactly(to)}`;
  if (silence.status.state === "pending") return [h("b", { title }, `in ${coarse(from - now())}`), `for ${coarse(to - from)}`];
  if (silence.status.state === "active") return [h("b", { title }, coarse(to - now())), "left"];
  return [h("b", { title }, coarse(now() - to)), "ago"];
}

async function expire(id: string): Promise<void> {
  try {
    await expireSilence(id);
    toast("The silence is over.");
  } catch (error) {
    toast(`The silence is still there: ${(error as Error).message}.`);
  }
  await list.refresh();
  invalidate();
}
