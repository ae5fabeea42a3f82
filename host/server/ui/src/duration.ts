/** Lengths of time as Prometheus writes them, with spaces between the units: `2 m 06 s`. Pure. */

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

const pad = (n: number): string => String(n).padStart(2, "0");

/** For ages and countdowns: the two units that matter, whole numbers, never negative. */
export function coarse(ms: number): string {
  const t = Math.max(0, Math.floor(ms / SECOND) * SECOND);
  if (t < MINUTE) return `${t / SECOND} s`;
  if (t < 10 * MINUTE) return `${Math.floor(t / MINUTE)} m ${pad((t % MINUTE) / SECOND)} s`;
  if (t < HOUR) return `${Math.floor(t / MINUTE)} m`;
  if (t < DAY) return `${Math.floor(t / HOUR)} h ${pad(Math.floor((t % HOUR) / MINUTE))} m`;
  if (t < 100 * DAY) return `${Math.floor(t / DAY)} d ${pad(Math.floor((t % DAY) / HOUR))} h`;
  return `${Math.floor(t / DAY)} d`;
}

/** For settings: every unit that is not zero, `1 h 30 m`; `0 s` for none. */
export function exact(ms: number): string {
  const parts: string[] = [];
  let left = Math.max(0, Math.round(ms));
  for (const [unit, size] of [["d", DAY], ["h", HOUR], ["m", MINUTE], ["s", SECOND], ["ms", 1]] as const) {
    if (left >= size) parts.push(`${Math.floor(left / size)} ${unit}`);
    left %= size;
  }
  return parts.join(" ") || "0 s";
}

/** For measurements: three digits at most, `0.8 ms`, `6 ms`, `1.24 s`. */
export function measured(ms: number): string {
  if (ms < 0.0995) return `${Math.max(0, Math.round(ms * 1000))} µs`;
  if (ms < 999.5) return `${threeDigits(ms)} ms`;
  if (ms < MINUTE) return `${threeDigits(ms / SECOND)} s`;
  return coarse(ms);
}

/** At most three digits, without zeros at the end. */
export function threeDigits(value: number): string {
  const size = Math.abs(value);
  const digits = size >= 99.95 ? 0 : size >= 9.995 ? 1 : 2;
  return String(Number(value.toFixed(digits)));
}

const UNITS: Record<string, number> = { y: 365 * DAY, w: 7 * DAY, d: DAY, h: HOUR, m: MINUTE, s: SECOND, ms: 1 };
const ORDER = Object.keys(UNITS);

/** Reads what Prometheus reads (`1h30m`), and the same with spaces. `null` for anything else and for zero. */
export function parse(text: string): number | null {
  const compact = text.replace(/\s+/g, "");
  if (!/^(\d+(ms|[ywdhms]))+$/.test(compact)) return null;
  let total = 0;
  let last = -1;
  for (const [, digits, unit] of compact.matchAll(/(\d+)(ms|[ywdhms])/g)) {
    const at = ORDER.indexOf(unit as string);
    if (at <= last) return null;
    last = at;
    total += Number(digits) * (UNITS[unit as string] as number);
  }
  return total > 0 && Number.isSafeInteger(total) ? total : null;
}
