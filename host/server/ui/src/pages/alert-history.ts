/** The last episodes of an alert, in its panel. */

import type { AlertRow, Episode, EpisodePage } from "../contract.ts";
import { fetchHistory } from "../api.ts";
import { live, Resource } from "../app.ts";
import { type Child, h, type VNode } from "../dom.ts";
import { keyOf } from "../episodes.ts";
import { matchersFor, writeMatcher } from "../matcher.ts";
import { waiting, when } from "../words.ts";
import { acknowledged, lengthOf, messages, toldPill } from "./episode.ts";

/** Episodes, and messages of each, that the panel shows before it points to the rest. */
const EPISODES = 5;
const MESSAGES = 4;
/** Also asked for again so often while it is open. */
const EVERY_MS = 30_000;

let shown: { fingerprint: string; seen: string; resource: Resource<EpisodePage> } | null = null;

/** Draws the section. */
export function alertHistory(row: AlertRow): VNode {
  const resource = resourceFor(row);
  const page = resource.get();
  return h("section", { class: "past", "aria-label": "History" }, h("h3", null, "History ", h("a", { class: "link", href: allOf(row) }, "all of it")), waiting(resource) ?? (page && list(page.episodes)));
}

/** Asks anew when another row is open, and when something happened to this one. */
function resourceFor(row: AlertRow): Resource<EpisodePage> {
  const { fingerprint } = row;
  const seen = stateOf(row);
  if (shown?.fingerprint !== fingerprint) {
    const query = new URLSearchParams({ fingerprint, limit: String(EPISODES) });
    shown = { fingerprint, seen, resource: new Resource(() => fetchHistory(query), EVERY_MS) };
  } else if (shown.seen !== seen) {
    shown.seen = seen;
    void shown.resource.refresh();
  }
  return shown.resource;
}

/** A text that changes with the alert: its way, who is in charge, the last thing that happened to one of its name. */
function stateOf(row: AlertRow): string {
  const last = live.board?.happened.find((entry) => entry.parts.some((part) => part.text === row.name));
  return JSON.stringify([row.state, row.startsAt, row.pipeline, row.acknowledgement, last?.id]);
}

function allOf(row: AlertRow): string {
  return `/history?q=${encodeURIComponent(matchersFor(row.labels).map(writeMatcher).join(" "))}`;
}

function list(episodes: readonly Episode[]): Child {
  const [newest, ...before] = episodes;
  if (!newest) return h("p", { class: "note" }, "It has not fired before.");
  return [
    h("div", { key: keyOf(newest), class: "episode" }, line(newest), messagesOf(newest)),
    before.map((episode) => h("details", { key: keyOf(episode) }, h("summary", null, line(episode)), messagesOf(episode))),
  ];
}

function line(episode: Episode): VNode {
  const { startsAt, endsAt, acknowledgement } = episode;
  return h("span", { class: "line" }, when(startsAt), endsAt === null ? `, ${lengthOf(episode)} so far ` : `, for ${lengthOf(episode)} `, toldPill(episode), acknowledgement && [" ", acknowledged(acknowledgement)]);
}

function messagesOf(episode: Episode): Child {
  return messages(episode, MESSAGES, (more) => h("a", { class: "link", href: `/history?episode=${keyOf(episode)}` }, `${more} earlier`));
}
