/** What the forms share. */

import { h, type VNode } from "./dom.ts";

/** A field: label, control, and below it what is wrong, else a hint. */
export function field(id: string, label: string, hint: string, control: VNode, problem: string | false): VNode {
  return h("div", { class: "field", key: id }, h("label", { for: id }, label), control, h("p", { class: problem ? "hint crit" : "hint" }, problem || hint));
}
