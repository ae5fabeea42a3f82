import assert from 'node:assert/strict';
import test from 'node:test';

import * as card from './card.js';

const content = (message) => {
  const text = card.encode({ title: 'Hot', text: 'd1', isFiring: true, link: '', ...message });
  return JSON.parse(text).attachments[0].content;
};

test('shows by its colour whether anything fires', () => {
  assert.equal(content({}).body[0].color, 'Attention');
  assert.equal(content({ isFiring: false }).body[0].color, 'Good');
});

test('links to the alerts where there is a page', () => {
  assert.deepEqual(content({}).actions, []);
  assert.equal(content({ link: 'https://b.example.com' }).actions[0].url, 'https://b.example.com');
});

test('cuts long texts between characters', () => {
  const { text } = content({ text: 'a' + '😀'.repeat(10_000) }).body[1];
  assert.ok(new TextEncoder().encode(text).length <= card.MAX_TEXT_BYTES + 3);
  assert.ok(text.endsWith('😀…'));
});

test('tells what can be tried again', async () => {
  const failure = (status, headers = {}) => card.failureOfAnswer(new Response('', { status, headers }));
  assert.deepEqual(await failure(429, { 'Retry-After': '5' }), { tag: 'rate-limited', val: 5_000 });
  assert.deepEqual(await failure(429, { 'Retry-After': 'soon' }), { tag: 'rate-limited', val: 30_000 });
  assert.deepEqual(await failure(429), { tag: 'rate-limited', val: 30_000 });
  assert.deepEqual(await failure(403), { tag: 'misconfigured', val: 'HTTP status 403' });
  assert.deepEqual(await failure(400), { tag: 'permanent', val: 'HTTP status 400' });
  assert.deepEqual(await failure(502), { tag: 'retryable', val: 'HTTP status 502' });
});

test('quotes the beginning of an answer', async () => {
  const { val } = await card.failureOfAnswer(new Response(` no such workflow ${'x'.repeat(500)}`, { status: 404 }));
  assert.match(val, /^HTTP status 404: no such workflow x+$/);
  assert.ok(val.length < 250);
});
