import { describe, expect, it } from "vitest";
import { accepts, complete, matchersFor, parseFilter, passes, writeMatcher, type Filter, type Matcher } from "../src/matcher.ts";

function parsed(text: string): Filter {
  const result = parseFilter(text);
  if (!result.ok) throw new Error(`${result.error.message} at ${result.error.at}`);
  return result.filter;
}

function problem(text: string): { at: number; message: string } {
  const result = parseFilter(text);
  if (result.ok) throw new Error(`${text} was accepted`);
  return result.error;
}

describe("parseFilter", () => {
  it("reads matchers separated by spaces or commas, with or without braces and quotes", () => {
    const wanted: Matcher[] = [
      { name: "severity", op: "=", value: "critical" },
      { name: "site", op: "=~", value: "north|south" },
    ];
    for (const text of ['severity="critical" site=~"north|south"', '{severity="critical",site=~"north|south"}', "severity=critical site =~ north|south"]) {
      expect(parsed(text)).toEqual({ matchers: wanted, words: [] });
    }
  });
  it("takes anything else for words", () => {
    expect(parsed('Overheat esp32-03 "two words" a!="b"')).toEqual({ matchers: [{ name: "a", op: "!=", value: "b" }], words: ["overheat", "esp32-03", "two words"] });
  });
  it("unescapes quoted values", () => {
    expect(parsed('a="x\\"y\\\\z\\n"').matchers[0]?.value).toBe('x"y\\z\n');
  });
  it("says what is wrong and where", () => {
    expect(problem('a="b')).toEqual({ at: 2, message: "the closing quote is missing" });
    expect(problem("a=")).toEqual({ at: 2, message: "a value for a is missing" });
    expect(problem('ok a=~"("').message).toBe("( is no regular expression");
    expect(problem('="x"').at).toBe(0);
  });
  it("ends on any text", () => {
    const pieces = ["a", "=", "~", "!", '"', "\\", " ", ",", "{", "}", "(", "é", "\n"];
    let seed = 7;
    for (let run = 0; run < 5000; run++) {
      let text = "";
      for (let n = 0; n < 8; n++) text += pieces[(seed = (seed * 16807) % 2147483647) % pieces.length];
      expect(() => parseFilter(text), JSON.stringify(text)).not.toThrow();
    }
  });
  it("reads back what writeMatcher writes", () => {
    for (const value of ["", "x", 'a"b', "a\\b", "a\nb", "a b,c}", "\\n"]) {
      const matcher: Matcher = { name: "l", op: "=", value };
      expect(parsed(writeMatcher(matcher)).matchers).toEqual([matcher]);
    }
  });
});

describe("passes", () => {
  it("takes an absent label for an empty one, and anchors regular expressions", () => {
    expect(passes({ name: "site", op: "=", value: "" }, {})).toBe(true);
    expect(passes({ name: "site", op: "!=", value: "north" }, {})).toBe(true);
    expect(passes({ name: "site", op: "=~", value: "nor" }, { site: "north" })).toBe(false);
    expect(passes({ name: "site", op: "!~", value: "nor.*" }, { site: "north" })).toBe(false);
  });
  it("reads the flags and named groups of RE2", () => {
    expect(passes({ name: "site", op: "=~", value: "(?i)NORTH|(?P<other>x)" }, { site: "north" })).toBe(true);
  });
  it("finds words in label values and in the text", () => {
    expect(accepts(parsed("ESP32 limit"), { device_id: "esp32-03" }, "over the Limit")).toBe(true);
    expect(accepts(parsed("devi"), { device_id: "esp32-03" }, "")).toBe(true);
    expect(accepts(parsed("esp33"), { device_id: "esp32-03" }, "")).toBe(false);
  });
});

describe("matchersFor", () => {
  it("puts the name of the alert first", () => {
    expect(matchersFor({ a: "1", alertname: "X" }).map(writeMatcher)).toEqual(['alertname="X"', 'a="1"']);
  });
});

describe("complete", () => {
  const sets = [{ site: "north", severity: "critical" }, { site: "south", device: "a b" }];
  it("offers label names at the start of a piece", () => {
    expect(complete("s", 1, sets)).toEqual({ from: 0, options: ["severity=", "site="] });
  });
  it("offers values after an operator, quoted", () => {
    expect(complete('x="y" site=~n', 13, sets)).toEqual({ from: 12, options: ['"north"'] });
    expect(complete('device="', 8, sets)).toEqual({ from: 7, options: ['"a b"'] });
  });
});
