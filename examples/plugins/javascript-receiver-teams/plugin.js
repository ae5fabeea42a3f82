// A receiver for Microsoft Teams: posts an adaptive card to the webhook of a workflow. `card.js` makes the card.

import * as card from './card.js';

const TITLE = '{{ template "__subject" . }}';
const TEXT = `{{ range .Alerts }}- {{ or .Annotations.summary .Labels.alertname }}
{{ end }}`;

function describe() {
  return {
    about: {
      name: 'teams',
      version: '0.1.0',
      summary: 'Posts notifications to Microsoft Teams through the webhook of a workflow',
      homepage: 'https://support.microsoft.com/office/22ae266e-de11-4c04-90e9-d5e9a5f5ea10',
      settings: [
        { name: 'webhook_url', kind: 'secret', help: "The workflow's URL", required: true },
        { name: 'timeout', kind: 'duration', help: 'Time for one request', required: false, default: '10000' },
      ],
    },
    templates: [
      { name: 'title', default: TITLE },
      { name: 'text', default: TEXT },
    ],
    updates: false,
    // Teams takes four requests a second.
    minInterval: 250,
    // What the secret names: the URL is different for each tenant.
    wantsHosts: ['*'],
  };
}

/** The one required setting is a secret, which nobody but the host can look at. */
function check(_config) {}

async function notify(config, notification) {
  const { webhook_url: url, timeout } = JSON.parse(config);
  const { title, text } = Object.fromEntries(notification.rendered);
  const message = card.encode({
    title: notification.purpose === 'test' ? `Test: ${title}` : title,
    text,
    isFiring: notification.status === 'firing',
    link: notification.externalUrl,
  });
  const response = await posted(url, message, timeout);
  if (!response.ok) throw await card.failureOfAnswer(response);
  // A workflow says nothing about the message that it will post.
  return { id: notification.idempotencyKey };
}

/**
 * The URL is a placeholder: the host puts the secret in when the request leaves. Time is kept beside `fetch`, since that of
 * this runtime goes on when the signal that it was given says to stop.
 */
function posted(url, body, timeout) {
  const headers = { 'content-type': 'application/json' };
  const answer = fetch(url, { method: 'POST', headers, body }).catch(() => Promise.reject(card.NO_ANSWER));
  const late = new Promise((_, reject) => setTimeout(() => reject(card.TOO_LATE), timeout));
  return Promise.race([answer, late]);
}

export const receiver = { describe, check, notify };
