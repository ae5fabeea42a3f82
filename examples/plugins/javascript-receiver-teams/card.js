// The card, and what the service's answers mean. Knows nothing of the host, so that it can be tested without one.

// Teams refuses messages above 28 KiB; this leaves room for the card around the text.
export const MAX_TEXT_BYTES = 24_000;
const MAX_TITLE_CHARS = 250;
// Pause after a 429 that does not say how long, and the longest that is waited for.
const DEFAULT_RETRY_AFTER_MS = 30_000;
const MAX_RETRY_AFTER_MS = 3_600_000;
// How much of an answer goes into an error.
const MAX_ANSWER_CHARS = 200;

export function encode({ title, text, isFiring, link }) {
  const content = {
    $schema: 'http://adaptivecards.io/schemas/adaptive-card.json',
    type: 'AdaptiveCard',
    version: '1.4',
    body: [
      {
        type: 'TextBlock',
        text: [...title].slice(0, MAX_TITLE_CHARS).join(''),
        weight: 'Bolder',
        size: 'Medium',
        wrap: true,
        color: isFiring ? 'Attention' : 'Good',
      },
      { type: 'TextBlock', text: shortened(text.trimEnd()), wrap: true },
    ],
    actions: link ? [{ type: 'Action.OpenUrl', title: 'Show alerts', url: link }] : [],
    msteams: { width: 'Full' },
  };
  const attachment = { contentType: 'application/vnd.microsoft.card.adaptive', content };
  return JSON.stringify({ type: 'message', attachments: [attachment] });
}

// `fetch` does not say why there is no answer. The host knows, and adds it.
export const NO_ANSWER = { tag: 'retryable', val: 'no answer' };
export const TOO_LATE = { tag: 'retryable', val: 'the server did not answer in time' };

/** What an answer other than a 2xx means for the next attempt. */
export async function failureOfAnswer(response) {
  const answer = await describe(response);
  const { status } = response;
  if (status === 429) return { tag: 'rate-limited', val: retryAfterMs(response.headers.get('retry-after')) };
  if (status === 401 || status === 403) return { tag: 'misconfigured', val: answer };
  if (status >= 500) return { tag: 'retryable', val: answer };
  return { tag: 'permanent', val: answer };
}

function shortened(text) {
  const bytes = new TextEncoder().encode(text);
  if (bytes.length <= MAX_TEXT_BYTES) return text;
  // A character that is cut in two becomes a replacement character, which goes with it.
  return `${new TextDecoder().decode(bytes.subarray(0, MAX_TEXT_BYTES)).replace(/\ufffd+$/, '')}…`;
}

/** Seconds; a date counts as absent. */
function retryAfterMs(value) {
  if (!/^\s*[0-9]{1,12}\s*$/.test(value)) return DEFAULT_RETRY_AFTER_MS;
  return Math.min(Number(value) * 1000, MAX_RETRY_AFTER_MS);
}

async function describe(response) {
  const text = [...(await response.text()).trim()].slice(0, MAX_ANSWER_CHARS).join('');
  return text ? `HTTP status ${response.status}: ${text}` : `HTTP status ${response.status}`;
}
