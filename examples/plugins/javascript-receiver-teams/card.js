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
  return new TextEncoder().encode(JSON.stringify({ type: 'message', attachments: [attachment] }));
}

export function failureOfAnswer(status, headers, body) {
  const answer = describeAnswer(status, body);
  if (status === 429) return { tag: 'rate-limited', val: retryAfterMs(headers) };
  if (status === 401 || status === 403) return { tag: 'misconfigured', val: answer };
  if (status >= 500) return { tag: 'retryable', val: answer };
  return { tag: 'permanent', val: answer };
}

export function failureOfError(error) {
  switch (error.tag) {
    case 'denied':
    case 'invalid-request':
      return { tag: 'misconfigured', val: error.val };
    case 'response-too-large':
      return { tag: 'permanent', val: `the answer has ${error.val} bytes` };
    case 'timeout':
      return { tag: 'retryable', val: 'the server did not answer in time' };
    default:
      return { tag: 'retryable', val: String(error.val ?? error) };
  }
}

function shortened(text) {
  const bytes = new TextEncoder().encode(text);
  if (bytes.length <= MAX_TEXT_BYTES) return text;
  // A character that is cut in two becomes a replacement character, which goes with it.
  return `${new TextDecoder().decode(bytes.subarray(0, MAX_TEXT_BYTES)).replace(/\ufffd+$/, '')}…`;
}

/** Seconds; a date counts as absent, since a plugin has no clock. */
function retryAfterMs(headers) {
  const [, value] = headers.find(([name]) => name.toLowerCase() === 'retry-after') ?? [];
  if (!/^\s*[0-9]{1,12}\s*$/.test(value)) return DEFAULT_RETRY_AFTER_MS;
  return Math.min(Number(value) * 1000, MAX_RETRY_AFTER_MS);
}

function describeAnswer(status, body) {
  const text = [...new TextDecoder().decode(body).trim()].slice(0, MAX_ANSWER_CHARS).join('');
  return text ? `HTTP status ${status}: ${text}` : `HTTP status ${status}`;
}
