/** What is around every page: navigation, the bar about a broken stream, toasts, the list of keys, words for screen readers. */

import type { BoardSnapshot } from "./contract.ts";
import { invalidate, live } from "./app.ts";
import { type Child, h, type VNode } from "./dom.ts";
import { helpShown, keyList, showHelp } from "./keys.ts";
import { brokenBar } from "./live-pill.ts";
import { unread } from "./pages/inbox.ts";
import { type Page, PAGES } from "./pages.ts";
import { route } from "./router.ts";
import { nextTheme, theme } from "./theme.ts";
import { toastRegion } from "./toast.ts";
import { empty, kbd } from "./words.ts";

let moreOpen = false;

/** Closes the menu of the phone. */
export function closeMenu(): void {
  moreOpen = false;
}

/** Draws everything. */
export function shell(): VNode[] {
  const page = PAGES.find((one) => one.name === route().page);
  return [
    h("a", { class: "skip", href: "#main" }, "Skip to the page"),
    navigation(page),
    h("main", { id: "main", tabindex: -1, class: `page-${page?.name || "board"}` }, page ? page.draw() : unknown()),
    brokenBar(),
    toastRegion(),
    h("div", { class: "unseen", "aria-live": "polite" }, live.board && spoken(live.board)),
    ...(helpShown() ? [help()] : []),
  ];
}

/** Only what a listener wants to know at once: it is spoken each time it changes. */
function spoken({ strip }: BoardSnapshot): string {
  const held = strip.heldBack.inhibited + strip.heldBack.silenced + strip.heldBack.muted;
  return `${strip.critical.firing} critical, ${strip.warning.firing} warning, ${held} held back, ${strip.devices.connected} of ${strip.devices.total} devices connected`;
}

/** Title of the window: what is wrong comes first, so that a tab tells it. */
export function title(): string {
  const strip = live.board?.strip;
  const page = PAGES.find((one) => one.name === route().page);
  const name = page && page.name !== "" ? `${page.title} · Bellwether` : "Bellwether";
  if (!strip) return name;
  if (strip.critical.firing > 0) return `${strip.critical.firing} critical · ${name}`;
  return strip.warning.firing > 0 ? `${strip.warning.firing} warning · ${name}` : name;
}

function navigation(page: Page | undefined): VNode {
  return h(
    "nav",
    { "aria-label": "Pages", class: moreOpen ? "whole" : null },
    h("a", { class: "logo", href: "/" }, bell(), "Bellwether"),
    PAGES.map((one) => navLink(one, one === page)),
    h("button", { type: "button", class: "menu", "aria-expanded": String(moreOpen), onclick: () => ((moreOpen = !moreOpen), invalidate()) }, "More"),
    h("div", { class: "me" }, themeButton(), h("button", { type: "button", class: "quiet", onclick: () => showHelp(true) }, "Keys ", kbd("?"))),
  );
}

function navLink(page: Page, on: boolean): VNode {
  const news = page.name === "inbox" ? unread() : 0;
  const count: Child = news > 0 && h("span", { class: "count", "aria-label": `${news} new` }, news > 99 ? "99+" : news);
  return h("a", { key: page.name, href: page.path, class: `${on ? "on " : ""}${page.onPhone ? "" : "rest "}${page.name === "status" ? "last" : ""}`, "aria-current": on ? "page" : null }, h("span", null, page.title, count), kbd(`g ${page.key}`));
}

function bell(): VNode {
  return h(
    "svg",
    { width: 20, height: 20, viewBox: "0 0 20 20", "aria-hidden": "true" },
    h("path", { d: "M10 2c3.2 0 5 2.5 5 6 0 4 2 5 2 6H3c0-1 2-2 2-6 0-3.5 1.800-6 5-6z", fill: "none", stroke: "currentColor", "stroke-width": 1.6 }),
    h("circle", { cx: 10, cy: 16.8, r: 1.7, fill: "currentColor" }),
  );
}

function themeButton(): VNode {
  const words = { auto: "Theme: system", light: "Theme: light", dark: "Theme: dark" };
  return h("button", { type: "button", class: "quiet", onclick: () => (nextTheme(), invalidate()) }, words[theme()]);
}

function help(): VNode {
  return h(
    "div",
    { class: "veil", onclick: (event: Event) => event.target === event.currentTarget && showHelp(false) },
    h(
      "div",
      { class: "card help", role: "dialog", "aria-modal": "true", "aria-labelledby": "help-title" },
      h("h2", { id: "help-title" }, "Keys ", h("span", { class: "r" }, h("button", { type: "button", class: "quiet", id: "help-close", onclick: () => showHelp(false) }, "Close"))),
      h("dl", { class: "facts" }, keyList().flatMap(([keys, what]) => [h("dt", null, keys.split(/\s+/).map((key) => [h("kbd", null, key), " "])), h("dd", null, what)])),
    ),
  );
}

function unknown(): VNode[] {
  return [h("div", { class: "top" }, h("h1", null, "Nothing here")), h("div", { class: "card" }, empty(`There is no page ${location.pathname}.`, h("p", null, h("a", { class: "link", href: "/" }, "To the Board"))))];
}
