import assert from 'node:assert/strict';
import test from 'node:test';

import { judge } from './mad.js';
import { functions } from './plugin.js';

const judged = (points, minSpread = 0) => judge(Float64Array.from(points), minSpread);
const near = (a, b) => assert.ok(Math.abs(a - b) < 1e-9, `${a} is not ${b}`);

test('scores the newest point against those before it', () => {
  const { score, expected, lower, upper } = judged([1, 3, 1, 3, 2 + 1.4826 * 4]);
  near(score, 4);
  assert.equal(expected, 2);
  near(lower, 2 - 3 * 1.4826);
  near(upper, 2 + 3 * 1.4826);
});

test('an old outlier does not hide a new one', () => {
  assert.ok(judged([1, 2, 1, 2, 500, 1, 2, 10]).score > 3);
});

test('a constant series scores zero until it moves', () => {
  const scores = [5, 6, 4].map((newest) => judged([5, 5, 5, newest]).score);
  assert.deepEqual(scores, [0, Infinity, -Infinity]);
});

test('a step of a coarse sensor is no anomaly', () => {
  assert.equal(judged([5, 5, 5, 5.5], 0.5).score, 1);
});

test('gaps are left out', () => {
  assert.equal(judged([NaN, 5, NaN, 5, Infinity, 5.5], 0.5).score, 1);
  for (const points of [[], [5, 5], [NaN, 5, 5], [5, 5, 5, NaN]]) {
    assert.ok(Number.isNaN(judged(points).score), String(points));
  }
});

test('judges each series by itself', () => {
  const window = { offsets: Uint32Array.of(0, 3, 3, 6), values: Float64Array.of(5, 5, 6, 7, 7, 7) };
  const { score } = functions.evaluate('mad', [1], 0n, [window]);
  assert.deepEqual([...score], [1, NaN, 0]);
});

test('refuses what it cannot do', () => {
  for (const params of [[-1], [NaN], [Infinity]]) {
    assert.throws(() => functions.evaluate('mad', params, 0n, [{}]), { tag: 'bad-param' });
  }
  assert.throws(() => functions.evaluate('zzz', [0], 0n, [{}]), { tag: 'bad-param' });
});
