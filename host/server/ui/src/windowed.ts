/** Of a long list only the part near the screen is in the document; blocks of empty space stand for the rest. */

import { h, type VNode } from "./dom.ts";

/** Up to here everything is drawn: find-in-page then sees all of it. */
const SMALL = 150;
/** Drawn above and below the screen, in pixels, so that fast scrolling shows rows, not space. */
const MARGIN_PX = 600;

/** Something with a known height. */
export interface Item {
  /** Names it, where it can be asked for. */
  id?: string;
  heightPx: number;
  draw(): VNode;
}

/** The range of items that meet `[top, bottom]`, with the space before and after. Pure. */
export function visibleRange(heights: readonly number[], top: number, bottom: number): { from: number; to: number; before: number; after: number } {
  let y = 0;
  let from = 0;
  while (from < heights.length && y + (heights[from] as number) <= top) y += heights[from++] as number;
  const before = y;
  let to = from;
  while (to < heights.length && y < bottom) y += heights[to++] as number;
  let after = 0;
  for (let i = to; i < heights.length; i++) after += heights[i] as number;
  return { from, to, before, after };
}

/** Draws the items that can be seen. `listId` is the id of the element that they become the children of. */
export function windowed(listId: string, items: readonly Item[]): VNode[] {
  if (items.length <= SMALL) return items.map((item) => item.draw());
  const listTop = document.getElementById(listId)?.getBoundingClientRect().top ?? 0;
  const heights = items.map((item) => item.heightPx);
  const range = visibleRange(heights, -listTop - MARGIN_PX, innerHeight - listTop + MARGIN_PX);
  return [
    h("div", { key: "space-before", class: "space", "aria-hidden": "true", style: { height: `${range.before}px` } }),
    ...items.slice(range.from, range.to).map((item) => item.draw()),
    h("div", { key: "space-after", class: "space", "aria-hidden": "true", style: { height: `${range.after}px` } }),
  ];
}
