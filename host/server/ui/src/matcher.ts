/**
 * The filter: label matchers as Prometheus writes them, and bare words. `severity="critical" site=~"north|south" esp32`.
 * Separated by spaces or commas, braces around it are allowed, quotes may be left out where the value has no space. Pure.
 */

import type { Labels } from "./contract.ts";

export type Operator = "=" | "!=" | "=~" | "!~";

/** A condition on one label; an absent label counts as empty, as in Prometheus. */
export interface Matcher {
  name: string;
  op: Operator;
  value: string;
}

/** A filter that was understood. */
export interface Filter {
  matchers: Matcher[];
  /** Lower case; each must occur somewhere. */
  words: string[];
}

/** What is wrong, and where it begins. */
export interface FilterError {
  at: number;
  message: string;
}

export type ParsedFilter = { ok: true; filter: Filter } | { ok: false; error: FilterError };

const LABEL = /[a-zA-Z_][a-zA-Z0-9_]*/y;
const OPERATOR = /\s*(=~|!~|!=|=)\s*/y;
const BARE_VALUE = /[^\s,"{}]+/y;
const WORD = /[^\s,"{}=!~]+/y;

/** Reads a filter. */
export function parseFilter(text: string): ParsedFilter {
  const matchers: Matcher[] = [];
  const words: string[] = [];
  let at = 0;
  while (at < text.length) {
    if (/[\s,{}]/.test(text[at] as string)) {
      at++;
      continue;
    }
    const found = matcherAt(text, at);
    if (found && "message" in found) return { ok: false, error: found };
    if (found) {
      matchers.push(found.matcher);
      at = found.end;
      continue;
    }
    const word = take(WORD, text, at) ?? (text[at] === '"' ? quoted(text, at)?.raw : undefined);
    if (word === undefined) return { ok: false, error: { at, message: `a label name or a word expected, not ${text[at]}` } };
    words.push(word.replace(/^"|"$/g, "").toLowerCase());
    at += word.length;
  }
  return { ok: true, filter: { matchers, words } };
}

function matcherAt(text: string, start: number): { matcher: Matcher; end: number } | FilterError | null {
  const name = take(LABEL, text, start);
  if (!name) return null;
  const op = take(OPERATOR, text, start + name.length);
  if (!op) return null;
  const at = start + name.length + op.length;
  const value = text[at] === '"' ? quoted(text, at) : bare(text, at);
  if (!value) {
    const message = text[at] === '"' ? "the closing quote is missing" : `a value for ${name} is missing`;
    return { at, message };
  }
  const matcher: Matcher = { name, op: op.trim() as Operator, value: value.value };
  if (matcher.op.endsWith("~") && !regexOf(matcher.value)) return { at, message: `${matcher.value} is no regular expression` };
  return { matcher, end: at + value.raw.length };
}

function bare(text: string, at: number): { raw: string; value: string } | null {
  const raw = take(BARE_VALUE, text, at);
  return raw === undefined ? null : { raw, value: raw };
}

function quoted(text: string, start: number): { raw: string; value: string } | null {
  let value = "";
  for (let at = start + 1; at < text.length; at++) {
    const c = text[at] as string;
    if (c === '"') return { raw: text.slice(start, at + 1), value };
    if (c === "\\" && at + 1 < text.length) {
      const next = text[++at] as string;
      value += next === "n" ? "\n" : next === "t" ? "\t" : next === '"' || next === "\\" ? next : `\\${next}`;
    } else {
      value += c;
    }
  }
  return null;
}

function take(pattern: RegExp, text: string, at: number): string | undefined {
  pattern.lastIndex = at;
  return pattern.exec(text)?.[0];
}

/** Anchored at both ends; `null` where it does not compile. Compiled ones are kept, up to a bound. */
const compiled = new Map<string, RegExp | null>();
const MAX_COMPILED = 200;

function regexOf(value: string): RegExp | null {
  let regex = compiled.get(value);
  if (regex === undefined) {
    try {
      regex = compile(value);
    } catch {
      regex = null;
    }
    if (compiled.size >= MAX_COMPILED) compiled.clear();
    compiled.set(value, regex);
  }
  return regex;
}

/** The server reads RE2: flags at the start and named groups are the parts that JavaScript writes differently. */
function compile(value: string): RegExp {
  const flags = /^\(\?([ims]+)\)/.exec(value);
  const rest = value.slice(flags?.[0].length ?? 0).replace(/\(\?P</g, "(?<");
  return new RegExp(`^(?:${rest})$`, [...new Set(`s${flags?.[1] ?? ""}`)].join(""));
}

/** Whether labels pass one matcher. */
export function passes(matcher: Matcher, labels: Labels): boolean {
  const value = labels[matcher.name] ?? "";
  switch (matcher.op) {
    case "=":
      return value === matcher.value;
    case "!=":
      return value !== matcher.value;
    case "=~":
      return regexOf(matcher.value)?.test(value) ?? false;
    case "!~":
      return !(regexOf(matcher.value)?.test(value) ?? true);
  }
}

/** Whether labels pass all matchers, and every word occurs in `text` or in a label; its name counts, for it may be a matcher half typed. */
export function accepts(filter: Filter, labels: Labels, text: string): boolean {
  if (!filter.matchers.every((matcher) => passes(matcher, labels))) return false;
  if (filter.words.length === 0) return true;
  const written = Object.entries(labels).map(([name, value]) => `${name}=${value}`);
  const haystack = [...written, text].join("\n").toLowerCase();
  return filter.words.every((word) => haystack.includes(word));
}

/** `name="value"`. */
export function writeMatcher({ name, op, value }: Matcher): string {
  const escaped = value.replace(/\\/g, "\\\\").replace(/"/g, '\\"').replace(/\n/g, "\\n");
  return `${name}${op}"${escaped}"`;
}

/** Matchers that fit exactly these labels, the name of the alert first. */
export function matchersFor(labels: Labels): Matcher[] {
  const names = Object.keys(labels).sort((a, b) => Number(b === "alertname") - Number(a === "alertname") || (a < b ? -1 : 1));
  return names.map((name) => ({ name, op: "=" as const, value: labels[name] as string }));
}

/** What can be completed at the cursor. */
export interface Completion {
  /** Where the piece to replace begins; it ends at the cursor. */
  from: number;
  options: string[];
}

const MAX_OPTIONS = 12;

/** Completes label names, and values after an operator, from the labels that are there. */
export function complete(text: string, cursor: number, sets: Iterable<Labels>): Completion {
  const before = text.slice(0, cursor);
  const value = /([a-zA-Z_][a-zA-Z0-9_]*)(=~|!~|!=|=)("?)([^\s,"{}]*)$/.exec(before);
  if (value) {
    const [, name, , quote, typed] = value as unknown as [string, string, string, string, string];
    const from = cursor - quote.length - typed.length;
    const options = distinct(sets, (labels) => (labels[name] === undefined ? [] : [labels[name]]), typed);
    return { from, options: options.map((option) => writeMatcher({ name: "", op: "=", value: option }).slice(1)) };
  }
  const typed = /[a-zA-Z0-9_]*$/.exec(before)?.[0] ?? "";
  const options = distinct(sets, (labels) => Object.keys(labels), typed);
  return { from: cursor - typed.length, options: options.map((name) => `${name}=`) };
}

function distinct(sets: Iterable<Labels>, pick: (labels: Labels) => string[], typed: string): string[] {
  const found = new Set<string>();
  const wanted = typed.toLowerCase();
  for (const labels of sets) {
    for (const option of pick(labels)) {
      if (option !== typed && option.toLowerCase().includes(wanted)) found.add(option);
    }
  }
  const starts = (option: string): number => Number(!option.toLowerCase().startsWith(wanted));
  return [...found].sort((a, b) => starts(a) - starts(b) || (a < b ? -1 : 1)).slice(0, MAX_OPTIONS);
}
