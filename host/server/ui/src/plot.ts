/** Small pictures of signals. The geometry is pure; colours come from CSS by class. */

import type { Signal } from "./contract.ts";
import { h, type VNode } from "./dom.ts";

/** Lines of a signal in a box: one for each stretch without a gap. */
export interface Geometry {
  lines: string[];
  /** Height of the threshold line. */
  threshold: number | null;
  /** Where the last value is. */
  last: [number, number] | null;
  low: number;
  high: number;
}

const PAD = 2.5;

/** Scales a signal into `width` x `height`; `null` where there is nothing to draw. */
export function geometry(points: readonly (readonly [number, number | null])[], threshold: number | null, width: number, height: number): Geometry | null {
  const known = points.filter((point): point is readonly [number, number] => point[1] !== null && Number.isFinite(point[1]));
  const first = points[0]?.[0] ?? 0;
  const span = (points[points.length - 1]?.[0] ?? 0) - first;
  if (known.length === 0) return null;
  const values = known.map((point) => point[1]);
  if (threshold !== null) values.push(threshold);
  const low = Math.min(...values);
  const high = Math.max(...values);
  const x = (t: number): number => round(PAD + (span > 0 ? (t - first) / span : 1) * (width - 2 * PAD));
  // A flat signal runs through the middle.
  const y = (v: number): number => round(high > low ? height - PAD - ((v - low) / (high - low)) * (height - 2 * PAD) : height / 2);
  const end = known[known.length - 1] as readonly [number, number];
  return {
    lines: stretches(points).map((stretch) => stretch.map(([t, v]) => `${x(t)},${y(v)}`).join(" ")),
    threshold: threshold === null ? null : y(threshold),
    last: [x(end[0]), y(end[1])],
    low,
    high,
  };
}

function stretches(points: readonly (readonly [number, number | null])[]): [number, number][][] {
  const all: [number, number][][] = [[]];
  for (const [t, v] of points) {
    if (v !== null && Number.isFinite(v)) (all[all.length - 1] as [number, number][]).push([t, v]);
    else if ((all[all.length - 1] as unknown[]).length > 0) all.push([]);
  }
  return all.filter((stretch) => stretch.length > 0);
}

const round = (n: number): number => Math.round(n * 10) / 10;

/** The signal of an alert; the words are for those who do not see it. */
export function signalPlot(signal: Signal, width: number, height: number, words: string): VNode {
  return picture(geometry(signal.points, signal.threshold, width, height), width, height, words);
}

/** Values without times, evenly spaced. */
export function sparkline(values: readonly (number | null)[], width: number, height: number, words: string): VNode {
  const points = values.map((value, index) => [index, value] as const);
  return picture(geometry(points, null, width, height), width, height, words);
}

function picture(shape: Geometry | null, width: number, height: number, words: string): VNode {
  return h(
    "svg",
    { class: "plot", width, height, viewBox: `0 0 ${width} ${height}`, preserveAspectRatio: "none", role: "img", "aria-label": words },
    shape?.threshold != null &&
      h("line", { class: "limit", x1: 0, x2: width, y1: shape.threshold, y2: shape.threshold }),
    shape?.lines.map((points) => h("polyline", { points })),
    shape?.last && h("circle", { cx: shape.last[0], cy: shape.last[1], r: 2 }),
  );
}
