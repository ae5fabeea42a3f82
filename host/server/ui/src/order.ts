/**
 * Which alert stands where on the Board. Sorted by section, severity, then newest first; but while somebody reads
 * (`hold`), nothing moves: rows keep their place, new ones go to the end, those that vanished stay. Pure.
 */

import type { AlertRow, BoardSnapshot, Severity } from "./contract.ts";

/** Sections of the list, in order. */
export type Section = "firing" | "pending" | "held";

const SECTIONS: Section[] = ["firing", "pending", "held"];
const SEVERITIES: Severity[] = ["critical", "warning", "info"];

/** A row in its place. `gone`: the server no longer has it, and it stays only because somebody reads. */
export interface Placed {
  row: AlertRow;
  section: Section;
  gone: boolean;
}

/** Where a row belongs. A resolved alert stays where people look for it until the server lets it go. */
export function sectionOf(row: AlertRow): Section {
  if (row.state === "pending") return "pending";
  const kind = row.pipeline.kind;
  return kind === "silenced" || kind === "inhibited" || kind === "muted" ? "held" : "firing";
}

/** Puts rows into order, given what is on the screen now. */
export function arrange(shown: readonly Placed[], rows: readonly AlertRow[], hold: boolean): Placed[] {
  if (!hold || shown.length === 0) {
    return rows.map((row) => ({ row, section: sectionOf(row), gone: false })).sort(byRank);
  }
  const incoming = new Map(rows.map((row) => [row.fingerprint, row]));
  const kept = shown.map((placed) => {
    const row = incoming.get(placed.row.fingerprint);
    incoming.delete(placed.row.fingerprint);
    return { row: row ?? placed.row, section: placed.section, gone: row === undefined };
  });
  const added = [...incoming.values()].map((row) => ({ row, section: sectionOf(row), gone: false })).sort(byRank);
  return SECTIONS.flatMap((section) => [...kept, ...added].filter((placed) => placed.section === section));
}

function byRank(a: Placed, b: Placed): number {
  return (
    SECTIONS.indexOf(a.section) - SECTIONS.indexOf(b.section) ||
    Number(a.row.state === "resolved") - Number(b.row.state === "resolved") ||
    SEVERITIES.indexOf(a.row.severity) - SEVERITIES.indexOf(b.row.severity) ||
    b.row.startsAt - a.row.startsAt ||
    (a.row.fingerprint < b.row.fingerprint ? -1 : 1)
  );
}

/** Brings rows that share a value of `label` together, at the place of the first of them. */
export function groupBy(placed: readonly Placed[], label: string): { value: string; members: Placed[] }[] {
  const groups = new Map<string, Placed[]>();
  for (const one of placed) {
    const value = one.row.labels[label] ?? "";
    const members = groups.get(value);
    if (members) members.push(one);
    else groups.set(value, [one]);
  }
  return [...groups].map(([value, members]) => ({ value, members }));
}

/** The new snapshot, with signals and sparks that it left out taken over from the one before; fills `after` in place. */
export function merge(before: BoardSnapshot | null, after: BoardSnapshot): BoardSnapshot {
  if (!before) return after;
  const signals = new Map(before.alerts.map((row) => [row.fingerprint, row.signal]));
  const sparks = new Map(before.devices.map((device) => [device.id, device.spark]));
  for (const row of after.alerts) {
    if (row.signal === undefined) row.signal = signals.get(row.fingerprint) ?? null;
  }
  for (const device of after.devices) {
    if (device.spark === undefined) device.spark = sparks.get(device.id) ?? [];
  }
  return after;
}

/** Adds an entry at its place (newest first), or replaces the one with its id; keeps `limit`. */
export function insertNewest<T extends { id: string; at: number }>(list: readonly T[], entry: T, limit: number): T[] {
  const rest = list.filter((other) => other.id !== entry.id);
  const at = rest.findIndex((other) => other.at <= entry.at);
  rest.splice(at < 0 ? rest.length : at, 0, entry);
  return rest.slice(0, limit);
}
