import assert from 'node:assert/strict';
import test from 'node:test';

import * as chat from './chat.js';

const bytes = (text) => new TextEncoder().encode(text);

test('urls may end with a slash', () => {
  for (const url of ['https://chat.example.com', 'https://chat.example.com/']) {
    assert.equal(chat.postUrl(url), 'https://chat.example.com/api/v4/posts');
    assert.equal(chat.link(url, 'p1'), 'https://chat.example.com/_redirect/pl/p1');
  }
});

test('refuses what is no url', () => {
  assert.equal(chat.problemWithUrl('https://chat.example.com'), undefined);
  assert.match(chat.problemWithUrl('chat.example.com'), /"chat.example.com" does not begin with/);
});

test('cuts long texts', () => {
  const { message } = JSON.parse(new TextDecoder().decode(chat.body('c1', '😀'.repeat(20_000))));
  assert.equal([...message].length, chat.MAX_TEXT_CHARS);
  assert.ok(message.endsWith('😀…'));
});

test("takes only the service's own answer for a post", () => {
  assert.equal(chat.postId(bytes('{"id":"p1"}')), 'p1');
  for (const answer of ['', '<html>', '[]', 'null', '{}', '{"id":7}', '{"id":""}']) {
    assert.equal(chat.postId(bytes(answer)), undefined, answer);
  }
});

test('waits as long as the server says', () => {
  const cases = [['5', 5_000], [' 7 ', 7_000], ['999999999999', 3_600_000], ['soon', 30_000], ['', 30_000]];
  for (const [value, want] of cases) assert.equal(chat.retryAfterMs([['Retry-After', value]]), want, value);
  assert.equal(chat.retryAfterMs([]), 30_000);
});

test('quotes the beginning of an answer', () => {
  assert.equal(chat.describeAnswer(400, bytes(' no such channel ')), 'HTTP status 400: no such channel');
  assert.equal(chat.describeAnswer(502, bytes('')), 'HTTP status 502');
});
