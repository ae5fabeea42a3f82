/** The history: every episode of every alert, newest first, page by page, with the messages about each. */

import type { Episode, EpisodePage, Happening, Labels } from "../contract.ts";
import { fetchHistory } from "../api.ts";
import { invalidate, live, now, Resource } from "../app.ts";
import { type Child, h, type VNode } from "../dom.ts";
import { byDay, filterParams, keyOf, readKey, severityOf } from "../episodes.ts";
import { currentFilter, filterBox } from "../filter-box.ts";
import { holding, holdProps, release, touchHold } from "../hold.ts";
import { livePill } from "../live-pill.ts";
import { matchersFor, writeMatcher } from "../matcher.ts";
import { calendarDay, clock, exactly } from "../moment.ts";
import { go, hrefWith, route } from "../router.ts";
import { acknowledgedPill, command, empty, labelChips, severityClass, severityMark, tellingChips, waiting, when } from "../words.ts";
import { testAlert } from "./board.ts";
import { acknowledged, lengthOf, messages, toldPill } from "./episode.ts";

/** Episodes of a page. */
const PAGE = 50;
/** Messages of one episode that are drawn. */
const MESSAGES = 100;
/** While somebody types, the server is not asked with each letter. */
const TYPING_MS = 250;
/** The newest page is asked for again so often; what happens asks at once. */
const EVERY_MS = 30_000;
/** Labels that the row says elsewhere. */
const SAID = ["alertname", "severity"];

/** Colour of the word. */
const FIRING = { critical: "crit", warning: "warn", info: null } as const;

/** The page that is on the screen, or asked for. `before` stays until it is there. */
let shown: { asked: string; resource: Resource<EpisodePage>; before: EpisodePage | null; seen: string } | null = null;
/** What will be asked for in a moment. */
let next = "";
let timer = 0;
/** Something happened that is not on the screen yet, since somebody reads. */
let behind = false;
/** The episode that the URL names, where the page does not have it. */
let alone: { key: string; resource: Resource<EpisodePage> } | null = null;

/** Draws the page. */
export function historyPage(): VNode[] {
  const current = pageNow();
  const { resource } = current;
  const page = resource.data ?? (resource.error ? null : current.before);
  return [
    h("div", { class: "top" }, h("h1", null, "History"), livePill(), filterBox(() => labelSets(page), "alertname=…, or a part of the name", ["cursor", "episode"])),
    resource.error && page && h("p", { class: "note bad", role: "alert", key: "old" }, `This is not of now: ${resource.error}.`),
    page && open(page),
    page ? h("div", { class: "card rows", id: "episodes", key: "episodes", role: "list", "aria-label": "Episodes", ...holdProps }, list(page)) : h("div", { class: "blank", key: "blank" }, waiting(resource)),
    page && paging(page),
  ].filter((one): one is VNode => Boolean(one));
}

function labelSets(page: EpisodePage | null): Labels[] {
  return [...(page?.episodes ?? []), ...(live.board?.alerts ?? [])].map((one) => one.labels);
}

/** What the URL asks for. */
function queryNow(): URLSearchParams {
  const query = new URLSearchParams({ limit: String(PAGE) });
  for (const filter of filterParams(currentFilter())) query.append("filter", filter);
  const cursor = route().query.get("cursor");
  if (cursor) query.set("cursor", cursor);
  return query;
}

function pageNow(): NonNullable<typeof shown> {
  const query = queryNow();
  const asked = query.toString();
  if (shown === null) return start(query);
  if (asked !== shown.asked) {
    if (asked !== next) {
      next = asked;
      clearTimeout(timer);
      const typing = document.activeElement?.id === "filter";
      timer = window.setTimeout(() => (start(query), invalidate()), typing ? TYPING_MS : 0);
    }
    return shown;
  }
  clearTimeout(timer);
  next = "";
  if (!query.has("cursor")) keepUp(shown);
  return shown;
}

function start(query: URLSearchParams): NonNullable<typeof shown> {
  const before = shown && (shown.resource.data ?? shown.before);
  const resource = new Resource(() => fetchHistory(query), EVERY_MS);
  void resource.refresh();
  behind = false;
  return (shown = { asked: query.toString(), resource, before, seen: lastHappening() });
}

/** The newest page follows what happens, unless somebody reads it. */
function keepUp(page: NonNullable<typeof shown>): void {
  const seen = lastHappening();
  behind = page.seen !== seen && holding();
  if (holding()) return;
  if (page.seen !== seen) void page.resource.refresh();
  else page.resource.get();
  page.seen = seen;
}

const TELLING: Happening["kind"][] = ["fired", "resolved", "acknowledged", "delivered", "failed"];

function lastHappening(): string {
  return live.board?.happened.find((entry) => TELLING.includes(entry.kind))?.id ?? "";
}

function list(page: EpisodePage): Child {
  if (page.episodes.length === 0) return nothing();
  const days = byDay(page.episodes, (episode) => calendarDay(episode.startsAt, now()));
  const note = behind && h("button", { type: "button", class: "quiet end", onclick: release }, "held still while you read · show what is new");
  return days.map(({ day, items }, index) => [h("div", { key: day, class: "sect", role: "presentation" }, day, index === 0 && note), items.map(row)]);
}

function nothing(): Child {
  if (route().query.get("cursor")) return empty("Nothing is older.", h("a", { class: "link", href: hrefWith({ cursor: "" }) }, "To the newest"));
  if (route().query.get("q")) return empty("No episode fits the filter.", h("button", { type: "button", onclick: () => go("/history", { replace: true }) }, "Show all"));
  return empty("No alert has fired yet.", h("p", null, "Each time that an alert fires is kept here, with who took it on and what became of each message about it. A test alert goes the whole way to your receivers:"), command(testAlert()));
}

/** The same URL with another episode open, or none. */
function hrefOf(key: string): string {
  return hrefWith({ episode: key });
}

function row(episode: Episode): VNode {
  const { labels, annotations, startsAt, endsAt, acknowledgement } = episode;
  const key = keyOf(episode);
  const severity = severityOf(labels);
  const isOpen = route().query.get("episode") === key;
  const ended = endsAt === null ? "still fires" : `until ${exactly(endsAt)}`;
  return h(
    "div",
    { key, role: "listitem", class: `alert ${severityClass(severity)}${isOpen ? " sel" : ""}`, "data-episode": key },
    h(
      "div",
      { class: "al ep" },
      severityMark(severity),
      h(
        "div",
        { class: "what" },
        h("div", { class: "t" }, h("a", { href: hrefOf(isOpen ? "" : key), class: "cover", "aria-expanded": String(isOpen) }, labels["alertname"] ?? "(no name)"), toldPill(episode), acknowledgement && acknowledgedPill(acknowledgement)),
        h("div", { class: "s" }, tellingChips(labels, 2, SAID), h("span", { class: "sum" }, annotations["summary"] ?? annotations["description"] ?? "")),
      ),
      h("div", { class: "age" }, h("b", { title: `${exactly(startsAt)}, ${ended}` }, lengthOf(episode)), endsAt === null ? h("span", { class: FIRING[severity] }, "firing") : h("span", null, `from ${clock(startsAt)}`)),
    ),
    isOpen && panel(episode),
  );
}

function panel(episode: Episode): VNode {
  const { labels, annotations, startsAt, endsAt, acknowledgement, fingerprint } = episode;
  const here = live.board?.alerts.some((alert) => alert.fingerprint === fingerprint);
  const same = matchersFor(labels).map(writeMatcher).join(" ");
  return h(
    "div",
    { class: "why" },
    h("p", null, "fired ", when(startsAt), endsAt === null ? " and still does" : [", over ", when(endsAt)]),
    acknowledgement && h("p", null, acknowledged(acknowledgement)),
    annotations["description"] && annotations["summary"] && h("p", { class: "desc" }, annotations["description"]),
    messages(episode, MESSAGES, (more) => h("p", { class: "note" }, `${more} earlier ones are not shown.`)),
    h("div", { class: "labels" }, labelChips(labels)),
    h("div", { class: "acts" }, here && h("a", { class: "btn", href: `/?alert=${fingerprint}` }, "On the Board"), h("a", { class: "btn", href: `/history?q=${encodeURIComponent(same)}` }, "Only this alert")),
  );
}

/** A link to an episode works however old it is. */
function open(page: EpisodePage): Child {
  const key = route().query.get("episode") ?? "";
  const named = readKey(key);
  if (!named || page.episodes.some((episode) => keyOf(episode) === key)) return null;
  if (alone?.key !== key) {
    const query = new URLSearchParams({ fingerprint: named.fingerprint, until: new Date(named.startsAt).toISOString(), limit: "1" });
    alone = { key, resource: new Resource(() => fetchHistory(query), EVERY_MS) };
  }
  const { resource } = alone;
  const episode = resource.get()?.episodes.find((one) => keyOf(one) === key);
  if (episode) return h("div", { class: "card rows alone", key: "alone", role: "list", "aria-label": "The episode of this link" }, row(episode));
  return resource.data ? h("p", { class: "note bad", role: "alert", key: "alone" }, "The episode of this link is not kept any more.") : waiting(resource);
}

function paging({ next: older }: EpisodePage): VNode {
  const cursor = route().query.get("cursor");
  return h("div", { class: "paging", key: "paging" }, cursor && h("a", { class: "btn", href: hrefWith({ cursor: "", episode: "" }) }, "To the newest"), older && h("a", { class: "btn", href: hrefWith({ cursor: older, episode: "" }) }, "Older"));
}

/** `j` and `k`. */
export function moveEpisode(step: 1 | -1): void {
  const keys = shown?.resource.data?.episodes.map(keyOf) ?? [];
  const at = keys.indexOf(route().query.get("episode") ?? "");
  const key = keys[at < 0 ? 0 : Math.max(0, Math.min(keys.length - 1, at + step))];
  if (key === undefined) return;
  touchHold();
  go(hrefOf(key), { replace: true });
  requestAnimationFrame(() => requestAnimationFrame(() => document.querySelector(`[data-episode="${CSS.escape(key)}"]`)?.scrollIntoView({ block: "nearest" })));
}
