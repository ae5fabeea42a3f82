/** The little that is kept in this browser. Works without: private windows may refuse. */

/** Reads a kept text; empty when there is none. */
export function recall(name: "theme" | "who" | "inbox-read"): string {
  try {
    return localStorage.getItem(`bellwether.${name}`) ?? "";
  } catch {
    return "";
  }
}

/** Keeps a text; an empty one is forgotten. */
export function remember(name: "theme" | "who" | "inbox-read", value: string): void {
  try {
    if (value) localStorage.setItem(`bellwether.${name}`, value);
    else localStorage.removeItem(`bellwether.${name}`);
  } catch {
    // Nothing to be done, and nothing lost but comfort.
  }
}
