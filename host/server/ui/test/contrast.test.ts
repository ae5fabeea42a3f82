import { describe, expect, it } from "vitest";
import css from "../src/tokens.css?raw";


/** The tokens of the block that begins with `selector`. */
function tokens(selector: string): Record<string, string> {
  const start = css.indexOf(`${selector} {`);
  const block = css.slice(start, css.indexOf("}", start));
  return Object.fromEntries([...block.matchAll(/--([\w-]+):\s*(#[0-9a-f]+)/g)].map((match) => [match[1] as string, match[2] as string]));
}

/** Relative luminance of WCAG 2. */
function luminance(hex: string): number {
  const full = hex.length === 4 ? hex.replace(/[0-9a-f]/g, "$&$&") : hex;
  const [r, g, b] = [1, 3, 5].map((at) => {
    const c = parseInt(full.slice(at, at + 2), 16) / 255;
    return c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
  }) as [number, number, number];
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}

function contrast(a: string, b: string): number {
  const [low, high] = [luminance(a), luminance(b)].sort((x, y) => x - y) as [number, number];
  return (high + 0.05) / (low + 0.05);
}

/** Text colours and the surfaces that they are used on. */
const PAIRS: [string, string[]][] = [
  ["text", ["bg", "panel", "mute-bg", "crit-bg", "warn-bg"]],
  ["dim", ["bg", "panel", "mute-bg"]],
  ["faint", ["bg", "panel", "mute-bg"]],
  ["accent", ["bg", "panel"]],
  ["crit", ["bg", "panel", "crit-bg"]],
  ["warn", ["bg", "panel", "warn-bg"]],
  ["info", ["bg", "panel", "info-bg"]],
  ["ok", ["bg", "panel", "ok-bg"]],
  ["mute", ["panel", "mute-bg"]],
];

describe.each([":root", ':root[data-theme="dark"]', ':root:not([data-theme="light"])'])("%s", (selector) => {
  const theme = tokens(selector);
  it.each(PAIRS.flatMap(([text, surfaces]) => surfaces.map((surface) => [text, surface])))("%s on %s can be read", (text, surface) => {
    expect(contrast(theme[text as string] as string, theme[surface as string] as string)).toBeGreaterThanOrEqual(4.5);
  });
});
