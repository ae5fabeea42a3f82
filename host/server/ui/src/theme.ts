/** Light, dark, or as the system says. */

import { recall, remember } from "./memory.ts";

export type Theme = "auto" | "light" | "dark";

/** What was chosen. */
export function theme(): Theme {
  const kept = recall("theme");
  return kept === "light" || kept === "dark" ? kept : "auto";
}

/** Puts the choice in force. */
export function applyTheme(): void {
  const chosen = theme();
  if (chosen === "auto") delete document.documentElement.dataset["theme"];
  else document.documentElement.dataset["theme"] = chosen;
}

/** The next one in the round. */
export function nextTheme(): void {
  const next = { auto: "light", light: "dark", dark: "auto" } as const;
  const chosen = next[theme()];
  remember("theme", chosen === "auto" ? "" : chosen);
  applyTheme();
}
