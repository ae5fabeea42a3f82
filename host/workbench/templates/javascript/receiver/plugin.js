// A receiver for Mattermost: a bot posts each notification to a channel. What is particular to the service is in
// `chat.js`: change that for another one.

import { send } from 'bellwether:host/http@0.1.0';

import * as chat from './chat.js';

const TEXT = `**{{ template "__subject" . }}**{{ range .Alerts }}
- {{ or .Annotations.summary .Labels.alertname }}{{ end }}`;

function describe() {
  const required = (name, kind, help) => ({ name, kind, help, required: true });
  return {
    about: {
      name: '__NAME__',
      version: '0.1.0',
      summary: 'Posts notifications to a Mattermost channel',
      settings: [
        required('url', 'text', 'The server, such as https://chat.example.com'),
        required('token', 'secret', 'Access token of the bot'),
        required('channel_id', 'text', 'Where to post; the bot must be a member'),
        { name: 'timeout', kind: 'duration', help: 'Time for one request', required: false, default: '10000' },
      ],
    },
    templates: [{ name: 'text', default: TEXT }],
    updates: false,
    minInterval: 0,
    // The server is the operator's own, so there is no origin to name here: grant it as README.md says.
    wantsHosts: [],
  };
}

function check(config) {
  const message = chat.problemWithUrl(JSON.parse(config).url);
  if (message) throw [{ setting: 'url', message }];
}

function notify(config, notification) {
  const settings = JSON.parse(config);
  const rendered = Object.fromEntries(notification.rendered);
  const text = notification.purpose === 'test' ? `This is a test.\n${rendered.text}` : rendered.text;
  const response = deliver({
    method: 'post',
    url: chat.postUrl(settings.url),
    // The token is a placeholder: the host puts the secret in when the request leaves.
    headers: [
      ['authorization', `Bearer ${settings.token}`],
      ['content-type', 'application/json'],
    ],
    body: chat.body(settings.channel_id, text),
    timeout: settings.timeout,
  });
  const id = chat.postId(response.body);
  if (!id) throw { tag: 'permanent', val: 'the answer has no id of a post; is it the right url?' };
  return { id, url: chat.link(settings.url, id) };
}

/** Takes every answer but a 2xx for a failure, and says whether another attempt makes sense. */
function deliver(request) {
  const response = sent(request);
  const { status, headers, body } = response;
  if (status >= 200 && status < 300) return response;
  const answer = chat.describeAnswer(status, body);
  if (status === 429) throw { tag: 'rate-limited', val: chat.retryAfterMs(headers) };
  if (status === 401 || status === 403) throw { tag: 'misconfigured', val: answer };
  if (status >= 500) throw { tag: 'retryable', val: answer };
  throw { tag: 'permanent', val: answer };
}

function sent(request) {
  try {
    return send(request);
  } catch (error) {
    throw failureOf(error.payload ?? error);
  }
}

function failureOf(error) {
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

export const receiver = { describe, check, notify };
