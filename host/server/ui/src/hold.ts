/** Whether somebody reads the list just now, so that its rows must not move. */

import { invalidate } from "./app.ts";

/** A mouse that has not moved for so long was left there: the list may sort itself again. */
const PARKED_MS = 60_000;
/** So long after a touch, a key or a scroll the eyes are still there. */
const TOUCH_MS = 6_000;

let until = 0;

/** Whether rows keep their places. A form in a row would lose the cursor if the row moved. */
export function holding(): boolean {
  return Date.now() < until || document.activeElement?.closest(".alert form") != null;
}

/** Lets go at once. */
export function release(): void {
  until = 0;
  invalidate();
}

/** Keyboard and touch: for a little while. */
export function touchHold(): void {
  until = Math.max(until, Date.now() + TOUCH_MS);
}

/** Listeners for the list's element. */
export const holdProps = {
  onpointermove: (event: PointerEvent): void => {
    if (event.pointerType === "mouse") until = Date.now() + PARKED_MS;
    else touchHold();
  },
  onpointerleave: (event: PointerEvent): void => {
    if (event.pointerType === "mouse") release();
  },
  onpointerdown: touchHold,
  onfocusin: touchHold,
};
