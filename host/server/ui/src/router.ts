/** The page's state is its URL: path and query. Every page reads `route()` and changes it with `go`. */

/** Where we are. */
export interface Route {
  /** First part of the path: `` for the Board, `inbox`, `devices`, … */
  page: string;
  /** The rest of the path, decoded; empty for the page itself. */
  id: string;
  query: URLSearchParams;
}

let current = read();
const listeners = new Set<() => void>();

function read(): Route {
  const [, page = "", ...rest] = location.pathname.split("/");
  return { page, id: rest.map(decode).join("/"), query: new URLSearchParams(location.search) };
}

function decode(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

/** Where we are now. */
export function route(): Route {
  return current;
}

/** Calls `listener` after each change. */
export function onRoute(listener: () => void): void {
  listeners.add(listener);
}

/** Goes to a path of this page. `replace` where Back should not lead here again, as with each letter of a filter. */
export function go(path: string, { replace = false } = {}): void {
  if (replace) history.replaceState(null, "", path);
  else history.pushState(null, "", path);
  const before = place(current);
  current = read();
  if (!replace && before !== place(current)) scrollTo(0, 0);
  for (const listener of listeners) listener();
}

/** This URL with other parameters; an empty value removes one. */
export function hrefWith(changes: Readonly<Record<string, string>>): string {
  const query = new URLSearchParams(current.query);
  for (const [name, value] of Object.entries(changes)) {
    if (value === "") query.delete(name);
    else query.set(name, value);
  }
  const text = query.toString();
  return location.pathname + (text ? `?${text}` : "");
}

/** What fills the screen anew: another page, thing, or piece of a long list. */
function place({ page, id, query }: Route): string {
  return [page, id, query.get("cursor")].join("/");
}

/** Changes one parameter of the query; an empty value removes it. */
export function setQuery(name: string, value: string, options = { replace: true }): void {
  go(hrefWith({ [name]: value }), options);
}

/** The path of a thing; dots are encoded, since the server takes a last segment with a dot for a file. */
export function pathTo(page: string, id: string): string {
  return `/${page}/${encodeURIComponent(id).replace(/\./g, "%2E")}`;
}

/** Follows links inside the page without a reload, and Back and Forward. */
export function startRouter(): void {
  addEventListener("popstate", () => {
    current = read();
    for (const listener of listeners) listener();
  });
  addEventListener("click", (event) => {
    const link = (event.target as Element).closest?.("a");
    const plain = event.button === 0 && !event.metaKey && !event.ctrlKey && !event.shiftKey && !event.altKey;
    const href = link?.getAttribute("href");
    if (!href || !plain || event.defaultPrevented || link?.target || !isInternal(href)) return;
    event.preventDefault();
    go(href);
  });
}

/** Whether a link leads to a page of ours. */
export function isInternal(href: string): boolean {
  return href.startsWith("/") && !href.startsWith("//") && !/^\/(api|metrics|-)(\/|$|\?)/.test(href);
}
