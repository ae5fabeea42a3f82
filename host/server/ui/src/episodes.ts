/** What the history says of an episode: its key, how bad it was, whether people were told; and how to ask for it. Pure. */

import type { Delivery, Episode, Labels, Severity } from "./contract.ts";
import { measured } from "./duration.ts";
import { type Filter, writeMatcher } from "./matcher.ts";

/** `FINGERPRINT-STARTSAT`. */
export function keyOf(episode: Episode): string {
  return `${episode.fingerprint}-${episode.startsAt}`;
}

/** And back; `null` for what is no key. */
export function readKey(text: string): { fingerprint: string; startsAt: number } | null {
  const parts = /^([0-9a-f]{16})-(\d{1,15})$/.exec(text);
  return parts ? { fingerprint: parts[1] as string, startsAt: Number(parts[2]) } : null;
}

const CRITICAL = ["critical", "page", "fatal", "emergency", "error", "high"];
const WARNING = ["warning", "warn", "medium", "minor"];

/** By the label, as the server does it for the Board. */
export function severityOf(labels: Labels): Severity {
  const word = (labels["severity"] ?? "").toLowerCase();
  return CRITICAL.includes(word) ? "critical" : WARNING.includes(word) ? "warning" : "info";
}

/** A filter in the words of the server, which knows matchers only: a bare word is a part of the alert's name. */
export function filterParams({ matchers, words }: Filter): string[] {
  const escaped = (word: string): string => word.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
  const names = words.map((word) => ({ name: "alertname", op: "=~" as const, value: `(?i).*${escaped(word)}.*` }));
  return [...matchers, ...names].map(writeMatcher);
}

/** `n` good, `p` under way, `b` bad, `x` nothing. */
export interface Standing {
  tone: "n" | "p" | "b" | "x";
  text: string;
}

/** How a message stands. */
export function messageStanding({ state, at, attempts }: Delivery): Standing {
  const last = attempts[attempts.length - 1];
  switch (state) {
    case "delivered":
      return { tone: "n", text: last ? `delivered, ${measured(last.at - at)}` : "delivered" };
    case "dead":
      return { tone: "b", text: "given up" };
    case "pending":
      return last?.error ? { tone: "b", text: "failed, will try again" } : { tone: "p", text: "under way" };
  }
}

/** Whether people were told, in two words: what went wrong comes first. */
export function told(deliveries: readonly Delivery[]): Standing {
  const count = (pass: (one: Delivery) => boolean): number => deliveries.filter(pass).length;
  const dead = count((one) => one.state === "dead");
  const failing = count((one) => messageStanding(one).tone === "b") - dead;
  const sent = count((one) => one.state === "delivered");
  if (dead > 0) return { tone: "b", text: `${dead} given up` };
  if (failing > 0) return { tone: "b", text: `${failing} failing` };
  if (deliveries.length === 0) return { tone: "x", text: "not told" };
  return sent < deliveries.length ? { tone: "p", text: "under way" } : { tone: "n", text: `${sent} sent` };
}

/** Brings neighbours of the same day together. */
export function byDay<T>(items: readonly T[], dayOf: (item: T) => string): { day: string; items: T[] }[] {
  const days: { day: string; items: T[] }[] = [];
  for (const item of items) {
    const day = dayOf(item);
    const last = days[days.length - 1];
    if (last?.day === day) last.items.push(item);
    else days.push({ day, items: [item] });
  }
  return days;
}
