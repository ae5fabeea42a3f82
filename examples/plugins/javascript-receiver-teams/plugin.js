// A receiver for Microsoft Teams: posts an adaptive card to the webhook of a workflow. `card.js` makes the card.

import { send } from 'bellwether:host/http@0.1.0';

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

function notify(config, notification) {
  const { webhook_url: url, timeout } = JSON.parse(config);
  const { title, text } = Object.fromEntries(notification.rendered);
  const request = {
    method: 'post',
    // A placeholder: the host puts the URL in when the request leaves.
    url,
    headers: [['content-type', 'application/json']],
    body: card.encode({
      title: notification.purpose === 'test' ? `Test: ${title}` : title,
      text,
      isFiring: notification.status === 'firing',
      link: notification.externalUrl,
    }),
    timeout,
  };
  const { status, headers, body } = sent(request);
  if (status < 200 || status >= 300) throw card.failureOfAnswer(status, headers, body);
  // A workflow says nothing about the message that it will post.
  return { id: notification.idempotencyKey };
}

function sent(request) {
  try {
    return send(request);
  } catch (error) {
    throw card.failureOfError(error.payload ?? error);
  }
}

export const receiver = { describe, check, notify };
