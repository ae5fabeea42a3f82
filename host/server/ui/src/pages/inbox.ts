/** Messages as they were sent: the list by time, and the one that is open beside it (on a phone: instead of it). */

import type { InboxMessage, Labels } from "../contract.ts";
import { OWN, request } from "../api.ts";
import { invalidate, live } from "../app.ts";
import { type Child, h, type VNode } from "../dom.ts";
import { filterBox, shows } from "../filter-box.ts";
import { livePill } from "../live-pill.ts";
import { recall, remember } from "../memory.ts";
import { exactly } from "../moment.ts";
import { go, pathTo, route } from "../router.ts";
import { type Item, windowed } from "../windowed.ts";
import { ago, empty, labelChips, pill, severityClass, severityMark, when } from "../words.ts";

/** Height in `app.css`. */
const ROW_PX = 64;

/** Newest message that was on the screen in this browser, as a time. */
let readUpTo = Number(recall("inbox-read")) || 0;
/** What was new when the page was entered stays marked until it is left. */
let newSince = readUpTo;
/** Messages that were asked for by id because they are older than the list. */
const older = new Map<string, InboxMessage | Error | null>();

/** How many messages came since somebody last looked here. */
export function unread(): number {
  return (live.inbox ?? []).filter((message) => message.at > readUpTo).length;
}

/** Called when the page comes up. */
export function enterInbox(): void {
  newSince = readUpTo;
}

/** Draws the page. */
export function inboxPage(): VNode[] {
  markRead();
  const messages = shownMessages();
  const open = route().id;
  return [
    h("div", { class: "top" }, h("h1", null, "Inbox"), livePill(), filterBox(() => (live.inbox ?? []).flatMap((message) => message.alerts.map((alert) => alert.labels)), "alertname=…, or a word")),
    live.inbox !== null && live.inbox.length === 0
      ? h("div", { class: "card" }, noMessages())
      : h(
          "div",
          { class: open ? "mail open" : "mail" },
          h("div", { class: "card mails", id: "mails", role: "list", "aria-label": "Messages" }, windowed("mails", messages.map(mailItem)), live.inbox !== null && messages.length === 0 && empty("No message fits the filter.")),
          h("div", { class: "read" }, open && openMessage(open)),
        ),
  ];
}

function markRead(): void {
  const newest = live.inbox?.[0]?.at ?? 0;
  if (document.hidden || newest <= readUpTo) return;
  readUpTo = newest;
  remember("inbox-read", String(newest));
}

function shownMessages(): InboxMessage[] {
  return (live.inbox ?? []).filter((message) => {
    const text = `${message.title}\n${message.body}\n${message.receiver}`;
    const sets: Labels[] = message.alerts.length > 0 ? message.alerts.map((alert) => alert.labels) : [message.groupLabels];
    return sets.some((labels) => shows(labels, text));
  });
}

function mailItem(message: InboxMessage): Item {
  const open = message.id === route().id;
  const resolved = message.status === "resolved";
  return {
    heightPx: ROW_PX,
    draw: () =>
      h(
        "div",
        { key: message.id, role: "listitem", class: `alert ml ${resolved ? "r" : severityClass(message.severity)}${open ? " sel" : ""}`, "data-mail": message.id },
        resolved ? h("span", { class: "sev ok", role: "img", "aria-label": "resolved", title: "resolved" }, "✓") : severityMark(message.severity),
        h(
          "div",
          { class: "what" },
          h("div", { class: "t" }, h("a", { class: "cover", href: hrefOf(open ? "" : message.id), "aria-current": open ? "true" : null }, message.title || "(no subject)"), message.at > newSince && h("span", { class: "pill p tiny" }, "new")),
          h("div", { class: "s" }, h("span", { class: "lb" }, message.receiver), message.body.replace(/\s+/g, " ")),
        ),
        h("div", { class: "age" }, when(message.at)),
      ),
  };
}

function hrefOf(id: string): string {
  return (id ? pathTo("inbox", id) : "/inbox") + location.search;
}

function openMessage(id: string): Child {
  const message = live.inbox?.find((one) => one.id === id) ?? older.get(id);
  if (message === undefined && live.inbox !== null) void loadOlder(id);
  if (!message) return null;
  return message instanceof Error ? h("p", { class: "note bad", role: "alert" }, `This message could not be loaded: ${message.message}.`) : letter(message);
}

async function loadOlder(id: string): Promise<void> {
  older.set(id, null);
  try {
    older.set(id, await request<InboxMessage>(`${OWN}/inbox/${encodeURIComponent(id)}`));
  } catch (error) {
    older.set(id, error as Error);
  }
  invalidate();
}

function letter(message: InboxMessage): VNode {
  const { alerts } = message;
  return h(
    "article",
    { class: "card letter", key: message.id, "aria-labelledby": "letter-title" },
    h("a", { class: "btn back", href: `/inbox${location.search}` }, "← All messages"),
    h("h2", { id: "letter-title" }, message.title || "(no subject)"),
    h("p", { class: "meta" }, pill(message.status === "resolved" ? "n" : message.severity === "critical" ? "b" : "p", "", message.status), " to ", h("b", null, message.receiver), ", ", ago(message.at), h("span", { class: "dim" }, ` · ${exactly(message.at)} · ${message.reason}`)),
    h("pre", { class: "body" }, message.body),
    h("h3", null, `${alerts.length + message.truncatedAlerts} ${alerts.length === 1 ? "alert" : "alerts"}`, Object.keys(message.groupLabels).length > 0 && [" grouped by ", labelChips(message.groupLabels)]),
    h("ul", { class: "inner" }, alerts.map((alert) => alertInLetter(alert))),
    message.truncatedAlerts > 0 && h("p", { class: "note" }, `${message.truncatedAlerts} more were left out of the message.`),
  );
}

function alertInLetter(alert: InboxMessage["alerts"][number]): VNode {
  return h(
    "li",
    { key: alert.fingerprint },
    h("p", null, pill(alert.status === "resolved" ? "n" : "p", "", alert.status), " ", h("a", { class: "link", href: `/?alert=${alert.fingerprint}` }, h("b", null, alert.labels["alertname"] ?? alert.fingerprint)), " since ", when(alert.startsAt), alert.endsAt !== null && [", until ", when(alert.endsAt)]),
    h("div", null, labelChips(alert.labels, ["alertname"])),
    Object.entries(alert.annotations).map(([name, text]) => h("p", { key: name, class: "note" }, h("span", { class: "dim" }, `${name} `), text)),
  );
}

function noMessages(): VNode {
  return empty(
    "No message yet.",
    h("p", null, "Messages to the receiver kind ", h("code", null, "inbox_configs"), " stay here, word for word as they were sent. Any receiver in the Alertmanager configuration may have one beside its others:"),
    h("pre", { class: "snippet" }, "receivers:\n  - name: team-edge\n    inbox_configs:\n      - send_resolved: true"),
  );
}

/** `j` and `k`. */
export function moveMail(step: 1 | -1): void {
  const ids = shownMessages().map((message) => message.id);
  const at = ids.indexOf(route().id);
  const next = ids[at < 0 ? 0 : Math.max(0, Math.min(ids.length - 1, at + step))];
  if (next === undefined) return;
  go(hrefOf(next), { replace: route().id !== "" });
  requestAnimationFrame(() => requestAnimationFrame(() => document.querySelector(`[data-mail="${CSS.escape(next)}"]`)?.scrollIntoView({ block: "nearest" })));
}
