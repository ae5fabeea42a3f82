/** Points in time for people: local clock, exact time with the zone's name for the tooltip. Pure but for the zone. */

import { coarse } from "./duration.ts";

const pad = (n: number, width = 2): string => String(n).padStart(width, "0");
const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;

/** `10:42:07`, local. */
export function clock(at: number): string {
  const d = new Date(at);
  return `${pad(d.getHours())}:${pad(d.getMinutes())}:${pad(d.getSeconds())}`;
}

/** `10:42:07` today, `20 Nov 10:42` within half a year, else `2025-11-20`. */
export function stamp(at: number, now: number): string {
  const d = new Date(at);
  if (d.toDateString() === new Date(now).toDateString()) return clock(at);
  if (Math.abs(now - at) > 180 * 86_400_000) return `${d.getFullYear()}-${pad(d.getMonth() + 1)}-${pad(d.getDate())}`;
  const month = d.toLocaleString("en", { month: "short" });
  return `${d.getDate()} ${month} ${pad(d.getHours())}:${pad(d.getMinutes())}`;
}

/** `Today`, `Yesterday`, `Wednesday, 25 Nov`; with the year where it is another one. */
export function calendarDay(at: number, now: number): string {
  const d = new Date(at);
  const yesterday = new Date(now);
  yesterday.setDate(yesterday.getDate() - 1);
  if (d.toDateString() === new Date(now).toDateString()) return "Today";
  if (d.toDateString() === yesterday.toDateString()) return "Yesterday";
  const year = d.getFullYear() === new Date(now).getFullYear() ? "" : ` ${d.getFullYear()}`;
  return `${d.toLocaleString("en", { weekday: "long" })}, ${d.getDate()} ${d.toLocaleString("en", { month: "short" })}${year}`;
}

/** `2026-11-21 10:42:07.120 UTC+01:00 (Europe/Berlin)`. */
export function exactly(at: number): string {
  const d = new Date(at);
  const offset = -d.getTimezoneOffset();
  const sign = offset < 0 ? "-" : "+";
  const utc = `UTC${sign}${pad(Math.floor(Math.abs(offset) / 60))}:${pad(Math.abs(offset) % 60)}`;
  const day = `${d.getFullYear()}-${pad(d.getMonth() + 1)}-${pad(d.getDate())}`;
  return `${day} ${clock(at)}.${pad(d.getMilliseconds(), 3)} ${utc} (${zone})`;
}

/** `41 s ago`, `in 3 h 00 m`, `now`. */
export function relative(at: number, now: number): string {
  const past = now - at;
  if (Math.abs(past) < 1000) return "now";
  return past > 0 ? `${coarse(past)} ago` : `in ${coarse(-past)}`;
}

/** Milliseconds of an RFC 3339 text; `null` for Go's zero time and for what is no time. */
export function fromRfc3339(text: string): number | null {
  const at = Date.parse(text);
  return Number.isNaN(at) || at < 0 ? null : at;
}
