/** Rules: groups with their last evaluation, each rule with its state and error. */

import type { PrometheusRules, Rule, RuleGroup } from "../contract.ts";
import { fetchRules } from "../api.ts";
import { Resource } from "../app.ts";
import { type Child, h, type VNode } from "../dom.ts";
import { exact, measured } from "../duration.ts";
import { filterBox, shows } from "../filter-box.ts";
import { livePill } from "../live-pill.ts";
import { fromRfc3339 } from "../moment.ts";
import { ago, empty, labelChips, pill, waiting } from "../words.ts";

const list = new Resource<PrometheusRules["data"]>(fetchRules, 5_000);

/** Draws the page. */
export function rulesPage(): VNode[] {
  const groups = list.get()?.groups ?? [];
  const all = groups.flatMap((group) => group.rules);
  const shown = groups.map((group) => ({ ...group, rules: group.rules.filter((rule) => shows(filterLabels(rule, group), rule.query)) })).filter((group) => group.rules.length > 0);
  return [
    h("div", { class: "top" }, h("h1", null, "Rules"), livePill(), filterBox(() => groups.flatMap((group) => group.rules.map((rule) => filterLabels(rule, group))), 'state="firing" health="err"')),
    waiting(list) ??
      h("div", null, all.length > 0 && summary(all), shown.map(groupCard), list.data && all.length === 0 && h("div", { class: "card" }, noRules()), all.length > 0 && shown.length === 0 && h("div", { class: "card" }, empty("No rule fits the filter."))),
  ];
}

/** What a rule can be found by. */
function filterLabels(rule: Rule, group: RuleGroup): Record<string, string> {
  return { ...rule.labels, alertname: rule.name, group: group.name, file: group.file, state: rule.state ?? "", health: rule.health, type: rule.type };
}

function summary(rules: readonly Rule[]): VNode {
  const n = (test: (rule: Rule) => boolean): number => rules.filter(test).length;
  const broken = n((rule) => rule.health === "err");
  return h("p", { class: "note" }, `${rules.length} rules: ${n((rule) => rule.state === "firing")} firing, ${n((rule) => rule.state === "pending")} pending, `, h("span", { class: broken > 0 ? "crit" : null }, `${broken} with an error`));
}

function groupCard(group: RuleGroup): VNode {
  return h(
    "section",
    { key: `${group.file}\n${group.name}`, class: "panel" },
    h("h2", null, `${group.name} `, h("em", null, `every ${exact(group.interval * 1000)} · ${group.file}`), h("span", { class: "r small" }, "evaluated ", ago(fromRfc3339(group.lastEvaluation), "never"), ` in ${measured(group.evaluationTime * 1000)}`)),
    h("div", { class: "card rows" }, group.rules.map((rule, index) => ruleRow(rule, index))),
  );
}

function ruleRow(rule: Rule, index: number): VNode {
  const since = rule.duration ? ` for ${exact(rule.duration * 1000)}` : "";
  return h(
    "div",
    { key: `${rule.name}-${index}`, class: "alert rl" },
    h(
      "div",
      { class: "what" },
      h("div", { class: "t" }, h("b", null, rule.name), " ", statePill(rule), rule.health === "err" && pill("b", "", "error")),
      h("code", { class: "expr" }, rule.query, h("span", { class: "dim" }, since)),
      rule.labels && Object.keys(rule.labels).length > 0 && h("div", { class: "s" }, labelChips(rule.labels)),
      rule.lastError && h("p", { class: "note bad" }, rule.lastError),
    ),
    h("div", { class: "age" }, h("b", null, measured(rule.evaluationTime * 1000)), ago(fromRfc3339(rule.lastEvaluation), "not yet")),
  );
}

function statePill(rule: Rule): Child {
  if (rule.type === "recording") return pill("x", "", "recording");
  const n = rule.alerts?.length ?? 0;
  const href = `/?q=${encodeURIComponent(`alertname="${rule.name}"`)}`;
  if (rule.state === "firing") return h("a", { href }, pill("b", "", `firing ×${n}`));
  if (rule.state === "pending") return h("a", { href }, pill("p", "", `pending ×${n}`));
  return pill("x", "", rule.state === "inactive" ? "quiet" : "not evaluated");
}

function noRules(): VNode {
  return empty("No rules are loaded.", h("p", null, "Rule files are as Prometheus has them. Start with some:"), h("pre", { class: "snippet" }, "bellwether serve --rules 'rules/*.yml'"));
}
