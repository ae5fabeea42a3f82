import { describe, expect, it } from "vitest";
import { coarse, exact, measured, parse } from "../src/duration.ts";

describe("coarse", () => {
  it.each([
    [0, "0 s"],
    [-5000, "0 s"],
    [41_900, "41 s"],
    [126_000, "2 m 06 s"],
    [720_000, "12 m"],
    [3_840_000, "1 h 04 m"],
    [93_600_000, "1 d 02 h"],
    [200 * 86_400_000, "200 d"],
  ])("%d ms is %s", (ms, text) => expect(coarse(ms)).toBe(text));
});

describe("exact", () => {
  it.each([
    [0, "0 s"],
    [120_000, "2 m"],
    [5_400_000, "1 h 30 m"],
    [604_800_000, "7 d"],
    [1_500, "1 s 500 ms"],
  ])("%d ms is %s", (ms, text) => expect(exact(ms)).toBe(text));
});

describe("measured", () => {
  it.each([
    [0.04, "40 µs"],
    [0.8, "0.8 ms"],
    [6, "6 ms"],
    [12.44, "12.4 ms"],
    [999.9, "1 s"],
    [10_000, "10 s"],
    [130_000, "2 m 10 s"],
  ])("%d ms is %s", (ms, text) => expect(measured(ms)).toBe(text));
});

describe("parse", () => {
  it("reads what exact writes, for many lengths", () => {
    for (let ms = 1; ms < 4e9; ms = ms * 3 + 7) expect(parse(exact(ms)), exact(ms)).toBe(ms);
  });
  it.each(["", "1", "h", "1.5h", "-1h", "30m1h", "1h 2h", "0s", "1x", "9999999999999999y"])("refuses %j", (text) => expect(parse(text)).toBeNull());
});
