/** A device as a small tile: state by shape, colour and word; its signal; its number; its last word. */

import type { DeviceTile } from "../contract.ts";
import { now } from "../app.ts";
import { h, type VNode } from "../dom.ts";
import { coarse, measured } from "../duration.ts";
import { exactly } from "../moment.ts";
import { sparkline } from "../plot.ts";
import { quantity } from "../quantity.ts";
import { pathTo } from "../router.ts";
import { deviceWord } from "../words.ts";

/** How a tile looks: `up`, `hot` (amber), `off` (red), `idle` (grey). */
export function look(device: DeviceTile): "up" | "hot" | "off" | "idle" {
  if (device.state === "gone" || device.state === "quarantined" || device.alert === "critical") return device.state === "connected" ? "hot" : "off";
  if (device.state === "silent" || device.alert === "warning") return "hot";
  return device.state === "never-seen" ? "idle" : "up";
}

/** Devices that need a look before the others; within that by id. */
export function troubleFirst<T extends DeviceTile>(devices: readonly T[]): T[] {
  const rank = { off: 0, hot: 1, idle: 2, up: 3 };
  return [...devices].sort((a, b) => rank[look(a)] - rank[look(b)] || (a.id < b.id ? -1 : 1));
}

/** Draws the tile. */
export function deviceTile(device: DeviceTile): VNode {
  const here = device.state === "connected";
  const title = `${device.id}${device.platform ? ` (${device.platform})` : ""}: ${deviceWord(device.state)} since ${exactly(device.since)}${device.alert ? `, ${device.alert} alert` : ""}`;
  const value = quantity(device.value, device.unit);
  return h(
    "a",
    { key: device.id, class: `d ${look(device)}`, href: pathTo("devices", device.id), title, "aria-label": `${title}, ${value}` },
    h("b", null, h("i"), h("span", { class: "id" }, device.id)),
    sparkline(device.spark ?? [], 92, 20, device.metric ?? "no signal"),
    h(
      "span",
      { class: "line" },
      h("span", { class: "num" }, here ? value : `${deviceWord(device.state)}${device.state === "never-seen" ? "" : ` ${coarse(now() - device.since)}`}`),
      h("span", { class: "num" }, here && device.lastSeen !== null ? lastWord(device.lastSeen) : "—"),
    ),
  );
}

/** Age of the last frame; `now` below a second, so that the number does not flicker. */
function lastWord(at: number): string {
  const age = now() - at;
  return age < 1000 ? "now" : age < 10_000 ? measured(Math.round(age / 1000) * 1000) : coarse(age);
}
