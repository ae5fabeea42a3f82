/** The filter with completion of labels and values. Its text is the parameter `q` of the URL. */

import type { Labels } from "./contract.ts";
import { invalidate } from "./app.ts";
import { h, type VNode } from "./dom.ts";
import { accepts, complete, type Completion, type Filter, type FilterError, parseFilter } from "./matcher.ts";
import { go, hrefWith, route } from "./router.ts";
import { kbd } from "./words.ts";

let open: Completion | null = null;
let chosen = -1;
let lastGood: Filter = { matchers: [], words: [] };
let parsedText = "";
let error: FilterError | null = null;

/** The filter in force: while a text is half written, the last one that made sense. */
export function currentFilter(): Filter {
  const text = route().query.get("q") ?? "";
  if (text !== parsedText) {
    parsedText = text;
    const parsed = parseFilter(text);
    error = parsed.ok ? null : parsed.error;
    if (parsed.ok) lastGood = parsed.filter;
  }
  return lastGood;
}

/** Whether a thing with these labels is shown. */
export function shows(labels: Labels, text: string): boolean {
  return accepts(currentFilter(), labels, text);
}

/** Draws the box; `sets` gives the labels that can be completed, `drops` names parameters that another filter ends. */
export function filterBox(sets: () => Labels[], placeholder: string, drops: readonly string[] = []): VNode {
  currentFilter();
  const typed = (event: Event): void => {
    const input = event.target as HTMLInputElement;
    if (input.value !== (route().query.get("q") ?? "")) go(hrefWith({ ...Object.fromEntries(drops.map((name) => [name, ""])), q: input.value }), { replace: true });
    open = complete(input.value, input.selectionStart ?? input.value.length, sets());
    chosen = -1;
  };
  const listed = open !== null && open.options.length > 0;
  return h(
    "div",
    { class: "search", role: "search" },
    h("input", {
      id: "filter",
      type: "text",
      value: route().query.get("q") ?? "",
      placeholder,
      spellcheck: "false",
      autocomplete: "off",
      autocapitalize: "off",
      role: "combobox",
      "aria-label": "Filter",
      "aria-autocomplete": "list",
      "aria-expanded": String(listed),
      "aria-controls": "filter-options",
      "aria-activedescendant": listed && chosen >= 0 ? `filter-option-${chosen}` : null,
      "aria-invalid": error ? "true" : null,
      oninput: typed,
      onfocus: typed,
      onblur: () => close(),
      onkeydown: (event: KeyboardEvent) => onKey(event),
    }),
    kbd("/"),
    error && h("p", { class: "search-error", role: "alert" }, `${error.message} (at ${error.at + 1})`),
    listed && optionList(open as Completion),
  );
}

function optionList(completion: Completion): VNode {
  return h(
    "ul",
    { class: "options", id: "filter-options", role: "listbox" },
    completion.options.map((option, index) =>
      h(
        "li",
        {
          key: option,
          id: `filter-option-${index}`,
          role: "option",
          "aria-selected": String(index === chosen),
          class: index === chosen ? "on" : null,
          // Before the blur that would close the list.
          onpointerdown: (event: Event) => {
            event.preventDefault();
            apply(option);
          },
        },
        option,
      ),
    ),
  );
}

function onKey(event: KeyboardEvent): void {
  const options = open?.options ?? [];
  const step = event.key === "ArrowDown" ? 1 : event.key === "ArrowUp" ? -1 : 0;
  if (step !== 0 && options.length > 0) {
    chosen = (chosen + step + options.length + (chosen < 0 && step < 0 ? 1 : 0)) % options.length;
    event.preventDefault();
    invalidate();
  } else if ((event.key === "Enter" || event.key === "Tab") && chosen >= 0) {
    event.preventDefault();
    apply(options[chosen] as string);
  } else if (event.key === "Enter") {
    close();
  } else if (event.key === "Escape") {
    if (open && options.length > 0) close();
    else (event.target as HTMLInputElement).blur();
    event.stopPropagation();
  }
}

function apply(option: string): void {
  const input = document.getElementById("filter") as HTMLInputElement | null;
  if (!input || !open) return;
  const cursor = input.selectionStart ?? input.value.length;
  const text = input.value.slice(0, open.from) + option;
  const done = !option.endsWith("=");
  const rest = input.value.slice(cursor);
  input.value = text + (done && rest === "" ? " " : "") + rest;
  const end = text.length + (done && rest === "" ? 1 : 0);
  input.setSelectionRange(end, end);
  input.dispatchEvent(new Event("input"));
}

function close(): void {
  open = null;
  chosen = -1;
  invalidate();
}
