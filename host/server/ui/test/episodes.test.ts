import { describe, expect, it } from "vitest";
import type { Delivery, Episode } from "../src/contract.ts";
import { byDay, filterParams, keyOf, messageStanding, readKey, severityOf, told } from "../src/episodes.ts";
import { parseFilter } from "../src/matcher.ts";
import { calendarDay } from "../src/moment.ts";

function delivery(state: Delivery["state"], errors: (string | null)[]): Delivery {
  return { id: "d", receiver: "team", kind: "slack", integration: 0, at: 1000, reason: "first notification", status: "firing", state, attempts: errors.map((error, n) => ({ number: n + 1, at: 1006 + n * 30_000, error })) };
}

const asked = (text: string): string[] => {
  const parsed = parseFilter(text);
  return parsed.ok ? filterParams(parsed.filter) : [];
};

describe("an episode's key", () => {
  it("is read back as it was written, and nothing else is", () => {
    const episode = { fingerprint: "0123456789abcdef", startsAt: 1_795_687_277_296 } as Episode;
    expect(readKey(keyOf(episode))).toEqual({ fingerprint: "0123456789abcdef", startsAt: 1_795_687_277_296 });
    expect([readKey(""), readKey("0123-4"), readKey("0123456789abcdef-"), readKey("0123456789abcdef-1e3")]).toEqual([null, null, null, null]);
  });
});

describe("severityOf", () => {
  it("goes by the label as the server does", () => {
    expect(["Critical", "page", "warn", "minor", "none", ""].map((severity) => severityOf({ severity }))).toEqual(["critical", "critical", "warning", "warning", "info", "info"]);
    expect(severityOf({})).toBe("info");
  });
});

describe("filterParams", () => {
  it("hands matchers on, quoted", () => {
    expect(asked('severity=critical site=~"north|south" x!="a\\"b"')).toEqual(['severity="critical"', 'site=~"north|south"', 'x!="a\\"b"']);
  });
  it("takes a bare word for a part of the name, to the letter", () => {
    expect(asked("Disk")).toEqual(['alertname=~"(?i).*disk.*"']);
    expect(asked("a.b(")).toEqual(['alertname=~"(?i).*a\\\\.b\\\\(.*"']);
  });
});

describe("told", () => {
  it("says what went wrong first", () => {
    const sent = delivery("delivered", [null]);
    expect(told([])).toEqual({ tone: "x", text: "not told" });
    expect(told([sent, sent])).toEqual({ tone: "n", text: "2 sent" });
    expect(told([sent, delivery("pending", [])])).toEqual({ tone: "p", text: "under way" });
    expect(told([sent, delivery("pending", ["429"])])).toEqual({ tone: "b", text: "1 failing" });
    expect(told([delivery("pending", ["429"]), delivery("dead", ["429"])])).toEqual({ tone: "b", text: "1 given up" });
  });
});

describe("messageStanding", () => {
  it("counts from the decision to the attempt that was accepted", () => {
    expect(messageStanding(delivery("delivered", [null])).text).toBe("delivered, 6 ms");
    expect(messageStanding(delivery("delivered", ["429", null])).text).toBe("delivered, 30 s");
  });
});

describe("byDay", () => {
  it("keeps the order, and names days as people do", () => {
    const now = new Date(2026, 10, 26, 9).getTime();
    const at = (day: number, hour: number): number => new Date(2026, 10, day, hour).getTime();
    const days = byDay([at(26, 8), at(26, 0), at(25, 23), at(20, 1)], (one) => calendarDay(one, now));
    expect(days.map(({ day, items }) => `${day}: ${items.length}`)).toEqual(["Today: 2", "Yesterday: 1", "Friday, 20 Nov: 1"]);
    expect(calendarDay(new Date(2025, 0, 2).getTime(), now)).toBe("Thursday, 2 Jan 2025");
  });
});
