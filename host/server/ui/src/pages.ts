/** The pages that exist: their paths, keys and what draws them. */

import { type VNode } from "./dom.ts";
import { boardPage } from "./pages/board.ts";
import { devicesPage } from "./pages/devices.ts";
import { historyPage } from "./pages/history.ts";
import { enterInbox, inboxPage } from "./pages/inbox.ts";
import { pluginsPage } from "./pages/plugins.ts";
import { rulesPage } from "./pages/rules.ts";
import { silencesPage } from "./pages/silences.ts";
import { statusPage } from "./pages/status.ts";

export interface Page {
  title: string;
  path: string;
  /** First part of the path. */
  name: string;
  /** After `g`. */
  key: string;
  /** In the bar at the bottom of a phone; the others are behind `More`. */
  onPhone: boolean;
  draw(): VNode[];
  /** Called when it comes up. */
  enter?(): void;
}

/** In the order of the navigation. */
export const PAGES: Page[] = [
  { title: "Board", path: "/", name: "", key: "b", onPhone: true, draw: boardPage },
  { title: "History", path: "/history", name: "history", key: "h", onPhone: false, draw: historyPage },
  { title: "Devices", path: "/devices", name: "devices", key: "d", onPhone: true, draw: devicesPage },
  { title: "Rules", path: "/rules", name: "rules", key: "r", onPhone: false, draw: rulesPage },
  { title: "Silences", path: "/silences", name: "silences", key: "s", onPhone: true, draw: silencesPage },
  { title: "Plugins", path: "/plugins", name: "plugins", key: "p", onPhone: false, draw: pluginsPage },
  { title: "Inbox", path: "/inbox", name: "inbox", key: "i", onPhone: true, draw: inboxPage, enter: enterInbox },
  { title: "Status", path: "/status", name: "status", key: "t", onPhone: false, draw: statusPage },
];
