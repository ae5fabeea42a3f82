/** The one connection that carries all live changes, with its own backoff: EventSource alone gives up after an error status. */

import type { StreamEvents } from "./contract.ts";
import { OWN } from "./api.ts";

/** How the stream is doing. Times are of this machine's clock. */
export type StreamState =
  | { kind: "connecting" }
  | { kind: "live" }
  | { kind: "broken"; since: number; retryAt: number };

/** Twice the beat and some: nothing for so long means that the connection is dead. */
const SILENCE_MS = 30_000;
const FIRST_RETRY_MS = 1_000;
const LAST_RETRY_MS = 30_000;

type Handlers = { [K in keyof StreamEvents]: (data: StreamEvents[K]) => void };

/** Keeps a stream open for as long as the page is. */
export class Stream {
  state: StreamState = { kind: "connecting" };
  #source: EventSource | null = null;
  #retryMs = FIRST_RETRY_MS;
  #retryTimer = 0;
  #silenceTimer = 0;

  constructor(
    private readonly handlers: Handlers,
    private readonly changed: () => void,
  ) {
    addEventListener("online", () => this.retryNow());
    addEventListener("pagehide", () => this.#close());
    addEventListener("pageshow", (event) => event.persisted && this.retryNow());
    document.addEventListener("visibilitychange", () => {
      if (!document.hidden && this.state.kind === "broken") this.retryNow();
    });
    this.#open();
  }

  /** Does not wait for the backoff. */
  retryNow(): void {
    if (this.state.kind === "live" && this.#source) return;
    this.#open();
  }

  #open(): void {
    this.#close();
    const source = new EventSource(`${OWN}/events`);
    this.#source = source;
    source.onerror = () => this.#broke();
    for (const name of Object.keys(this.handlers) as (keyof StreamEvents)[]) {
      source.addEventListener(name, (event) => this.#receive(name, (event as MessageEvent<string>).data));
    }
    this.#watch();
  }

  #receive(name: keyof StreamEvents, data: string): void {
    this.#watch();
    this.#retryMs = FIRST_RETRY_MS;
    if (this.state.kind !== "live") {
      this.state = { kind: "live" };
      this.changed();
    }
    (this.handlers[name] as (data: unknown) => void)(JSON.parse(data));
  }

  #watch(): void {
    clearTimeout(this.#silenceTimer);
    this.#silenceTimer = window.setTimeout(() => this.#broke(), SILENCE_MS);
  }

  #broke(): void {
    this.#close();
    const since = this.state.kind === "broken" ? this.state.since : Date.now();
    // Half of it random, so that a hundred pages do not come back in the same moment.
    const wait = this.#retryMs * (0.5 + Math.random() / 2);
    this.#retryMs = Math.min(this.#retryMs * 2, LAST_RETRY_MS);
    this.state = { kind: "broken", since, retryAt: Date.now() + wait };
    this.#retryTimer = window.setTimeout(() => this.#open(), wait);
    this.changed();
  }

  #close(): void {
    clearTimeout(this.#retryTimer);
    clearTimeout(this.#silenceTimer);
    this.#source?.close();
    this.#source = null;
  }
}
