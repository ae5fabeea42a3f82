/** Requests to the server, with errors in words. */

import type { ApiError, EpisodePage, GettableSilence, PostableSilence, PrometheusRules, TakenOn, TakeOn } from "./contract.ts";

/** Own endpoints. */
export const OWN = "/api/bellwether/v1";

const TIMEOUT_MS = 15_000;

/** Fetches JSON; rejects with one sentence. */
export async function request<T>(path: string, init: RequestInit = {}): Promise<T> {
  let response: Response;
  try {
    response = await fetch(path, { ...init, signal: AbortSignal.timeout(TIMEOUT_MS) });
  } catch (cause) {
    const slow = cause instanceof DOMException && cause.name === "TimeoutError";
    throw new Error(slow ? "the server did not answer within 15 s" : "the server cannot be reached", { cause });
  }
  const text = await response.text();
  if (!response.ok) throw new Error(refusal(response.status, text));
  return (text ? JSON.parse(text) : null) as T;
}

/** Our errors are `{"error": …}`, Prometheus' too; Alertmanager sends a JSON string or `{"message": …}`. */
function refusal(status: number, text: string): string {
  try {
    const body = JSON.parse(text) as string | (Partial<ApiError> & { message?: string });
    const words = typeof body === "string" ? body : (body.error ?? body.message);
    if (words) return words;
  } catch {
    // Not JSON: the status will do.
  }
  return `the server answered ${status}${text && text.length < 200 ? `: ${text.trim()}` : ""}`;
}

/** Rule groups, as Prometheus. */
export async function fetchRules(): Promise<PrometheusRules["data"]> {
  return (await request<PrometheusRules>("/api/v1/rules")).data;
}

/** All silences, as Alertmanager. */
export function fetchSilences(): Promise<GettableSilence[]> {
  return request("/api/v2/silences");
}

/** Creates or changes a silence; gives its id. */
export async function putSilence(silence: PostableSilence): Promise<string> {
  return (await request<{ silenceID: string }>("/api/v2/silences", json("POST", silence))).silenceID;
}

/** Ends a silence now. */
export function expireSilence(id: string): Promise<void> {
  return request(`/api/v2/silence/${encodeURIComponent(id)}`, { method: "DELETE" });
}

/** Takes alerts on, all of them or none. */
export async function acknowledge(taken: TakeOn): Promise<void> {
  await request<TakenOn>(`${OWN}/acknowledgements`, json("POST", taken));
}

/** Gives alerts back. */
export async function giveBack(fingerprints: readonly string[]): Promise<void> {
  await request<TakenOn>(`${OWN}/acknowledgements`, json("DELETE", { fingerprints }));
}

/** A page of the history. */
export function fetchHistory(query: URLSearchParams): Promise<EpisodePage> {
  return request(`${OWN}/history?${query.toString()}`);
}

function json(method: string, body: unknown): RequestInit {
  return { method, headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) };
}
