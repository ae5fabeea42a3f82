import { describe, expect, it } from "vitest";
import type { AlertRow, BoardSnapshot, Pipeline, Severity } from "../src/contract.ts";
import { arrange, groupBy, insertNewest, merge, type Placed } from "../src/order.ts";

const SENT: Pipeline = { kind: "sent", receivers: [], at: 0, tookMs: 1, repeatAt: null };

function row(fingerprint: string, severity: Severity, startsAt: number, extra: Partial<AlertRow> = {}): AlertRow {
  return { fingerprint, name: fingerprint, severity, labels: {}, summary: "", description: "", runbookUrl: null, state: "firing", startsAt, resolvedAt: null, pipeline: SENT, why: [], value: null, unit: "", signal: null, acknowledgement: null, ...extra };
}

const ids = (placed: readonly Placed[]): string => placed.map((one) => one.row.fingerprint + (one.gone ? "!" : "")).join(" ");

describe("arrange", () => {
  it("sorts by section, severity, newest first", () => {
    const rows = [
      row("held", "critical", 9, { pipeline: { kind: "inhibited", by: [] } }),
      row("old", "critical", 1),
      row("warn", "warning", 5),
      row("new", "critical", 2),
      row("soon", "critical", 8, { state: "pending", pipeline: { kind: "pending", firesAt: 10 } }),
      row("over", "critical", 7, { state: "resolved", pipeline: { kind: "resolved", at: 9, told: true } }),
    ];
    expect(ids(arrange([], rows, false))).toBe("new old warn over soon held");
  });
  it("moves nothing while somebody reads: new rows go to the end, vanished ones stay", () => {
    const shown = arrange([], [row("a", "critical", 1), row("b", "warning", 2)], false);
    const held = arrange(shown, [row("c", "critical", 3), row("a", "warning", 1)], true);
    expect(ids(held)).toBe("a b! c");
    expect(held[0]?.row.severity).toBe("warning");
    expect(ids(arrange(held, [row("c", "critical", 3), row("a", "warning", 1)], false))).toBe("c a");
  });
  it("keeps a row in its section while somebody reads", () => {
    const shown = arrange([], [row("a", "critical", 1), row("b", "warning", 2)], false);
    const silenced = row("a", "critical", 1, { pipeline: { kind: "silenced", by: ["x"] } });
    expect(ids(arrange(shown, [silenced, row("b", "warning", 2)], true))).toBe("a b");
    expect(ids(arrange(shown, [silenced, row("b", "warning", 2)], false))).toBe("b a");
  });
});

describe("groupBy", () => {
  it("brings groups together at the place of their first row", () => {
    const rows = ["n", "s", "n"].map((site, n) => row(`${site}${n}`, "critical", 10 - n, { labels: { site } }));
    const groups = groupBy(arrange([], rows, false), "site");
    expect(groups.map((group) => `${group.value}:${ids(group.members)}`)).toEqual(["n:n0 n2", "s:s1"]);
  });
});

describe("merge", () => {
  it("keeps signals that an event left out, and drops those that are gone", () => {
    const signal = { query: "x", points: [], threshold: 1 };
    const before = { alerts: [row("a", "critical", 1, { signal }), row("b", "critical", 1, { signal })], devices: [] } as unknown as BoardSnapshot;
    const silent = row("a", "critical", 1);
    delete silent.signal;
    const after = merge(before, { alerts: [silent, row("b", "critical", 1, { signal: null })], devices: [] } as unknown as BoardSnapshot);
    expect(after.alerts.map((alert) => alert.signal)).toEqual([signal, null]);
  });
});

describe("insertNewest", () => {
  it("puts an entry at its time, once, and bounds the list", () => {
    const list = [{ id: "c", at: 3 }, { id: "a", at: 1 }];
    expect(insertNewest(list, { id: "b", at: 2 }, 9).map((entry) => entry.id)).toEqual(["c", "b", "a"]);
    expect(insertNewest(list, { id: "c", at: 4 }, 9)).toEqual([{ id: "c", at: 4 }, { id: "a", at: 1 }]);
    expect(insertNewest(list, { id: "d", at: 4 }, 2).map((entry) => entry.id)).toEqual(["d", "c"]);
  });
});
