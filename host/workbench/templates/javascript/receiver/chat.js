// What is particular to the service. Knows nothing of the host, so that it can be tested without one.

// Mattermost refuses longer posts.
export const MAX_TEXT_CHARS = 16383;
// Pause after a 429 that does not say how long, and the longest that is waited for.
const DEFAULT_RETRY_AFTER_MS = 30_000;
const MAX_RETRY_AFTER_MS = 3_600_000;
// How much of an answer goes into an error.
const MAX_ANSWER_CHARS = 200;

export function problemWithUrl(url) {
  return /^https?:\/\//.test(url) ? undefined : `"${url}" does not begin with https:// or http://`;
}

export function postUrl(url) {
  return `${withoutSlash(url)}/api/v4/posts`;
}

/** Where a person can see the post. */
export function link(url, id) {
  return `${withoutSlash(url)}/_redirect/pl/${id}`;
}

export function body(channelId, text) {
  // By characters, not by halves of them.
  const characters = [...text];
  const message =
    characters.length > MAX_TEXT_CHARS ? `${characters.slice(0, MAX_TEXT_CHARS - 1).join('')}…` : text;
  return new TextEncoder().encode(JSON.stringify({ channel_id: channelId, message }));
}

/** None where the answer is not that of the service: the page of a proxy, for example. */
export function postId(answer) {
  try {
    const id = JSON.parse(new TextDecoder().decode(answer))?.id;
    return typeof id === 'string' && id !== '' ? id : undefined;
  } catch {
    return undefined;
  }
}

/** Seconds; a date counts as absent, since a plugin has no clock. */
export function retryAfterMs(headers) {
  const [, value] = headers.find(([name]) => name.toLowerCase() === 'retry-after') ?? [];
  if (!/^\s*[0-9]{1,12}\s*$/.test(value)) return DEFAULT_RETRY_AFTER_MS;
  return Math.min(Number(value) * 1000, MAX_RETRY_AFTER_MS);
}

export function describeAnswer(status, answer) {
  const text = [...new TextDecoder().decode(answer).trim()].slice(0, MAX_ANSWER_CHARS).join('');
  return text ? `HTTP status ${status}: ${text}` : `HTTP status ${status}`;
}

function withoutSlash(url) {
  return url.replace(/\/+$/, '');
}
