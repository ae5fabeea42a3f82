/** Taking alerts on: where the form is in the URL, who is in charge, and giving alerts back. */

import type { Acknowledgement, AlertRow } from "./contract.ts";
import { giveBack } from "./api.ts";
import { now } from "./app.ts";
import { stamp } from "./moment.ts";
import { go, hrefWith, route } from "./router.ts";
import { toast } from "./toast.ts";

/** Whom the form is about: the open row, or all rows that pass the filter. */
export type About = "row" | "shown";

const WORDS: Record<About, string> = { row: "acknowledge", shown: "acknowledge-shown" };

/** Whether the form is open. */
export function formOpen(about: About): boolean {
  return route().query.get("do") === WORDS[about];
}

/** The URL with the form. */
export function formHref(about: About): string {
  return hrefWith({ do: WORDS[about] });
}

/** Closes the form; whether one was open. */
export function closeForm(): boolean {
  if (!route().query.has("do")) return false;
  go(hrefWith({ do: "" }), { replace: true });
  return true;
}

/** Who is in charge of an alert that fires; the server's last word may have run out since. */
export function inCharge(row: AlertRow): Acknowledgement | null {
  const taken = row.state === "firing" ? row.acknowledgement : null;
  return taken && (taken.until === null || taken.until > now()) ? taken : null;
}

/** `until it is over`, `until 10:42:07`. */
export function untilWords({ until }: { until: number | null }): string {
  return until === null ? "until it is over" : `until ${stamp(until, now())}`;
}

/** Of these the one that is named, or how many there are. */
export function named(rows: readonly AlertRow[]): string {
  return rows.length === 1 ? (rows[0]?.name ?? "Alert") : `${rows.length} alerts`;
}

/** Gives alerts back, and says so. */
export async function handBack(rows: readonly AlertRow[]): Promise<void> {
  try {
    await giveBack(rows.map((row) => row.fingerprint));
    toast(`${named(rows)}: given back. Nobody is in charge of ${rows.length === 1 ? "it" : "them"}.`);
  } catch (error) {
    toast(`Not given back: ${(error as Error).message}.`);
  }
}
