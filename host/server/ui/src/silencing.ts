/** Silences from anywhere on the page: the quick one from a row, and the words about how it went. */

import type { Labels } from "./contract.ts";
import { expireSilence, putSilence } from "./api.ts";
import { now } from "./app.ts";
import { exact, parse } from "./duration.ts";
import { type Matcher, matchersFor, writeMatcher } from "./matcher.ts";
import { recall } from "./memory.ts";
import { go } from "./router.ts";
import { toast } from "./toast.ts";

/** In Alertmanager's words. */
export function postable(matchers: readonly Matcher[]): { name: string; value: string; isRegex: boolean; isEqual: boolean }[] {
  return matchers.map(({ name, op, value }) => ({ name, value, isRegex: op.endsWith("~"), isEqual: op.startsWith("=") }));
}

/** And back. */
export function fromPostable(matchers: readonly { name: string; value: string; isRegex: boolean; isEqual?: boolean }[]): Matcher[] {
  return matchers.map(({ name, value, isRegex, isEqual = true }) => ({ name, value, op: isRegex ? (isEqual ? "=~" : "!~") : isEqual ? "=" : "!=" }));
}

/** Silences exactly this alert, at once. Who does it must be known; else the form asks. */
export async function quickSilence(labels: Labels, duration: string): Promise<void> {
  const who = recall("who");
  const matchers = matchersFor(labels);
  const written = matchers.map(writeMatcher).join(" ");
  if (!who) {
    go(`/silences/new?matchers=${encodeURIComponent(written)}&duration=${duration}`);
    return;
  }
  const from = now();
  const length = parse(duration) ?? 7_200_000;
  const silence = {
    matchers: postable(matchers),
    startsAt: new Date(from).toISOString(),
    endsAt: new Date(from + length).toISOString(),
    createdBy: who,
    comment: "from the Board",
  };
  try {
    const id = await putSilence(silence);
    toast(`${labels["alertname"] ?? "Alert"} is silenced for ${exact(length)}.`, { label: "Undo", act: () => undo(id) });
  } catch (error) {
    toast(`Not silenced: ${(error as Error).message}.`);
  }
}

async function undo(id: string): Promise<void> {
  try {
    await expireSilence(id);
    toast("The silence is gone.");
  } catch (error) {
    toast(`The silence is still there: ${(error as Error).message}.`);
  }
}
