/** Starts the page. */

import "./app.css";
import { invalidate, startApp } from "./app.ts";
import { draw } from "./dom.ts";
import { helpShown, startKeys } from "./keys.ts";
import { PAGES } from "./pages.ts";
import { onRoute, route, startRouter } from "./router.ts";
import { closeMenu, shell, title } from "./shell.ts";
import { applyTheme } from "./theme.ts";

applyTheme();
startRouter();
startKeys();

let entered: string | null = null;
let helpWasShown = false;

function enter(): void {
  if (entered !== route().page) PAGES.find((page) => page.name === route().page)?.enter?.();
  entered = route().page;
}

function render(): void {
  draw(document.getElementById("app") as Element, shell());
  document.title = title();
  if (helpShown() && !helpWasShown) document.getElementById("help-close")?.focus();
  helpWasShown = helpShown();
}

onRoute(() => {
  enter();
  closeMenu();
  invalidate();
});
// Long lists draw what is near the screen.
addEventListener("scroll", invalidate, { passive: true });
addEventListener("resize", invalidate);
enter();
startApp(render, () => (document.title = title()));
render();
