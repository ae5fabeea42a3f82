import assert from 'node:assert/strict';
import test from 'node:test';

import { parse } from './lines.js';
import { driver } from './plugin.js';

const bytes = (text) => new TextEncoder().encode(text);
const line = (text) => parse(bytes(text));

test('reads what the board says', () => {
  assert.deepEqual([...line('temp=41.5 hum=-1e1\r').values], [['temp', 41.5], ['hum', -10]]);
  assert.deepEqual([...line('hum=40 rssi=weak').values], [['hum', 40]]);
  assert.deepEqual([...line('boot model=greenhouse id=a1').facts], [['model', 'greenhouse'], ['id', 'a1']]);
  assert.equal(line('brownout').kind, 'brownout');
  assert.equal(line('').kind, 'empty');
});

test('takes other lines for the log of the board', () => {
  for (const text of ['connected to ssid=home', 'boot', 'ssid=home', 'temp = 41.5', '1=2']) {
    assert.deepEqual(line(text), { kind: 'log', text });
  }
});

test('refuses what is no number', () => {
  for (const text of ['', 'nan', 'Infinity', '1_000', '0x10', '1e999', '41,5']) {
    assert.deepEqual(line(`temp=${text}`), { kind: 'bad', problem: `temp is "${text}", not a number` });
  }
  assert.match(parse(Uint8Array.of(0xff)).problem, /not UTF-8/);
});

test('counts bad lines beside good ones', () => {
  const session = driver.open({ config: '{"temperature_unit":"fahrenheit"}' });
  const frame = (text) => ({ at: 1000n, data: bytes(text) });
  const output = session.receive([frame('temp=104'), frame('temp=')]);
  assert.deepEqual(output.samples.map((sample) => sample.value), [40]);
  assert.equal(output.skipped, 1);
  assert.throws(() => session.receive([frame('temp=')]), { tag: 'bad-input' });
});

test('refuses an unknown unit', () => {
  assert.throws(() => driver.open({ config: '{"temperature_unit":"kelvin"}' }), {
    setting: 'temperature_unit',
    message: '"kelvin" is no unit; write celsius or fahrenheit',
  });
});
