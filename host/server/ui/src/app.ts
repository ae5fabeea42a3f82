/** What the pages share: the live data, the clock, and the request to draw again. */

import type { BoardSnapshot, Happening, InboxMessage } from "./contract.ts";
import { OWN, request } from "./api.ts";
import { insertNewest, merge } from "./order.ts";
import { Stream } from "./stream.ts";

/** As many things that happened, and messages, as the page keeps. */
const MAX_HAPPENED = 100;
const MAX_INBOX = 1000;

/** The live data. */
export const live: { board: BoardSnapshot | null; inbox: InboxMessage[] | null; loadError: string } = {
  board: null,
  inbox: null,
  loadError: "",
};

let offsetMs = 0;
let drawFunction: () => void = () => {};
let scheduled = false;
let stream: Stream | null = null;

/** The server's time. */
export function now(): number {
  return Date.now() + offsetMs;
}

/** Draws once before the next frame, however often it is asked. */
export function invalidate(): void {
  if (scheduled) return;
  scheduled = true;
  requestAnimationFrame(() => {
    scheduled = false;
    drawFunction();
  });
}

/** The stream; it exists once the page has started. */
export function connection(): Stream | null {
  return stream;
}

/** Starts the stream, the first load and the local clock. */
export function startApp(draw: () => void, onBoard: (board: BoardSnapshot) => void): void {
  drawFunction = draw;
  const takeBoard = (board: BoardSnapshot): void => {
    offsetMs = board.now - Date.now();
    live.board = merge(live.board, board);
    live.loadError = "";
    onBoard(live.board);
    invalidate();
  };
  let wasBroken = false;
  stream = new Stream({ board: takeBoard, happened: takeHappening, inbox: takeMessage, beat: takeBeat }, () => {
    // Messages that came while the stream was down are fetched; the Board comes by itself.
    const broken = stream?.state.kind === "broken";
    if (wasBroken && !broken) void loadInbox();
    wasBroken = broken;
    invalidate();
  });
  request<BoardSnapshot>(`${OWN}/board`).then(
    (board) => live.board ?? takeBoard(board),
    (error: Error) => {
      live.loadError = error.message;
      invalidate();
    },
  );
  void loadInbox();
  // Ages tick here, not on the server.
  setInterval(() => document.hidden || invalidate(), 1000);
  document.addEventListener("visibilitychange", invalidate);
}

/** Loads the inbox again, as after a broken stream. */
export async function loadInbox(): Promise<void> {
  try {
    const messages = await request<InboxMessage[]>(`${OWN}/inbox?limit=200`);
    const older = (live.inbox ?? []).filter((message) => !messages.some((other) => other.id === message.id));
    live.inbox = [...messages, ...older].sort((a, b) => b.at - a.at).slice(0, MAX_INBOX);
  } catch {
    // The bar about the broken stream says it; the next connection tries again.
  }
  invalidate();
}

function takeHappening(entry: Happening): void {
  if (live.board) live.board.happened = insertNewest(live.board.happened, entry, MAX_HAPPENED);
  invalidate();
}

function takeMessage(message: InboxMessage): void {
  live.inbox = insertNewest(live.inbox ?? [], message, MAX_INBOX);
  invalidate();
}

function takeBeat(beat: { now: number }): void {
  offsetMs = beat.now - Date.now();
}

/** Data of one page: loaded when first asked for, and again every so often while the page is on the screen. */
export class Resource<T> {
  data: T | null = null;
  error = "";
  #loading = false;
  #askedAt = 0;
  #startedAt = 0;
  #turn = 0;

  constructor(
    private readonly load: () => Promise<T>,
    private readonly everyMs: number,
  ) {}

  /** The newest data there is; asks for newer when it is due. */
  get(): T | null {
    if (!this.#loading && Date.now() - this.#askedAt >= this.everyMs) void this.refresh();
    return this.data;
  }

  /** Whether to say that it is loading: not before 200 ms. */
  get slow(): boolean {
    return this.data === null && this.#loading && Date.now() - this.#startedAt > 200;
  }

  /** Of answers that overtake each other, the one that was asked for last counts. */
  async refresh(): Promise<void> {
    const turn = ++this.#turn;
    this.#loading = true;
    this.#startedAt = Date.now();
    if (this.data === null) setTimeout(invalidate, 210);
    let error = "";
    const data = await this.load().catch((cause: Error) => {
      error = cause.message;
      return this.data;
    });
    if (turn !== this.#turn) return;
    this.data = data;
    this.error = error;
    this.#loading = false;
    this.#askedAt = Date.now();
    invalidate();
  }
}
