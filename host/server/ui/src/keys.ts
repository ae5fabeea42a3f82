/** The keyboard. Keys do nothing while one types, except Escape. */

import { invalidate } from "./app.ts";
import { closeForm } from "./acknowledging.ts";
import { askToAcknowledge, closeRow, moveRow, openAlert } from "./pages/alert-list.ts";
import { moveEpisode } from "./pages/history.ts";
import { moveMail } from "./pages/inbox.ts";
import { go, route, setQuery } from "./router.ts";
import { PAGES } from "./pages.ts";

/** `g` waits so long for its letter. */
const CHORD_MS = 1500;

let chordUntil = 0;
let helpOpen = false;

/** Whether the list of keys is on the screen. */
export function helpShown(): boolean {
  return helpOpen;
}

/** Shows or hides it. */
export function showHelp(shown: boolean): void {
  helpOpen = shown;
  invalidate();
}

/** Every key with what it does. */
export function keyList(): [string, string][] {
  return [
    ...PAGES.filter((page) => page.key).map((page): [string, string] => [`g ${page.key}`, page.title]),
    ["/", "filter with matchers: severity=\"critical\" site=~\"north|south\""],
    ["j  k", "next and previous alert, episode, or message"],
    ["x", "open or close the row: why, and the signal"],
    ["a", "acknowledge the open row, or all rows that pass the filter"],
    ["s", "silence, filled from the open row"],
    ["Esc", "close what is open"],
    ["?", "this list"],
  ];
}

/** Starts listening. */
export function startKeys(): void {
  addEventListener("keydown", (event) => {
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return;
    const typing = (event.target as Element).closest?.("input, textarea, select");
    if (typing) {
      if (event.key === "Escape") (typing as HTMLElement).blur();
      return;
    }
    if (handle(event.key)) event.preventDefault();
  });
}

function handle(key: string): boolean {
  if (Date.now() < chordUntil) {
    chordUntil = 0;
    const page = PAGES.find((one) => one.key === key);
    if (page) go(page.path);
    return page !== undefined;
  }
  if (helpOpen && key !== "?") {
    if (key === "Escape") showHelp(false);
    return key === "Escape";
  }
  switch (key) {
    case "g":
      chordUntil = Date.now() + CHORD_MS;
      return true;
    case "?":
      showHelp(!helpOpen);
      return true;
    case "/":
      return focusFilter();
    case "j":
    case "k":
      return move(key === "j" ? 1 : -1);
    case "a":
      return route().page === "" && askToAcknowledge();
    case "s":
      go(route().page === "" && openAlert() ? `/silences/new?alert=${openAlert()}` : "/silences/new");
      return true;
    case "x":
      if (route().page !== "") return false;
      if (openAlert()) closeRow();
      else moveRow(1);
      return true;
    case "Escape":
      return back();
    default:
      return false;
  }
}

function focusFilter(): boolean {
  const input = document.getElementById("filter") as HTMLInputElement | null;
  input?.focus();
  input?.select();
  return input !== null;
}

function move(step: 1 | -1): boolean {
  if (route().page === "") moveRow(step);
  else if (route().page === "history") moveEpisode(step);
  else if (route().page === "inbox") moveMail(step);
  else return false;
  return true;
}

function back(): boolean {
  const { page, id, query } = route();
  if (closeForm()) return true;
  if (page === "" && openAlert()) closeRow();
  else if (page === "history" && query.has("episode")) setQuery("episode", "");
  else if (id) go(`/${page}`);
  else return false;
  return true;
}
