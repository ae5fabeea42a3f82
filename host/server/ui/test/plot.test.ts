import { expect, it } from "vitest";
import { geometry } from "../src/plot.ts";
import { bytes, count, quantity, setting } from "../src/quantity.ts";
import { visibleRange } from "../src/windowed.ts";

it("scales a signal and its threshold into the box", () => {
  const shape = geometry([[0, 10], [50, 20], [100, 30]], 40, 105, 25);
  expect(shape).toEqual({ lines: ["2.5,22.5 52.5,15.8 102.5,9.2"], threshold: 2.5, last: [102.5, 9.2], low: 10, high: 40 });
});

it("breaks the line at gaps and draws nothing without values", () => {
  expect(geometry([[0, 1], [1, null], [2, 2], [3, NaN]], null, 10, 10)?.lines).toHaveLength(2);
  expect(geometry([[0, null]], 5, 10, 10)).toBeNull();
  expect(geometry([], null, 10, 10)).toBeNull();
});

it("draws a flat signal through the middle", () => {
  expect(geometry([[0, 7], [1, 7]], null, 15, 20)?.lines).toEqual(["2.5,10 12.5,10"]);
});

it("writes numbers with their unit", () => {
  expect([quantity(87.43, "°C"), quantity(0.93, "ratio"), quantity(119_411, "B"), quantity(7331, "s"), quantity(null, "V"), quantity(3.291, "V"), quantity(0.0004, "")]).toEqual(["87.4 °C", "93 %", "117 KiB", "2 h 02 m", "—", "3.29 V", "4.0e-4"]);
  expect([setting(85, "°C"), setting(85.25, "°C"), bytes(224_395_264), count(12_345), count(171_000_000)]).toEqual(["85 °C", "85.3 °C", "214 MiB", "12,345", "171 M"]);
});

it("finds the rows that meet the screen", () => {
  expect(visibleRange([10, 10, 50, 10, 10], 15, 65)).toEqual({ from: 1, to: 3, before: 10, after: 20 });
  expect(visibleRange([10, 10], 500, 600)).toEqual({ from: 2, to: 2, before: 20, after: 0 });
  expect(visibleRange([], 0, 100)).toEqual({ from: 0, to: 0, before: 0, after: 0 });
});
