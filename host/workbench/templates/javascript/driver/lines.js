// What one line of the board says. Knows nothing of the host, so that it can be tested without one.

// Narrower than Number(), which also takes an empty text and `0x10`.
const NUMBER = /^[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?$/;
const NAME = /^[a-z_][a-z0-9_]*$/;
// Names that are measurements; others are left out.
const KNOWN = ['temp', 'hum'];

const utf8 = new TextDecoder('utf-8', { fatal: true });

/**
 * - `{ kind: 'readings', values }` for `temp=41.5 hum=40`
 * - `{ kind: 'banner', facts }` for `boot model=greenhouse firmware=1.4.2 id=a1b2c3`
 * - `{ kind: 'brownout', facts }` for `brownout volts=2.9`
 * - `{ kind: 'bad', problem }` for what makes no sense
 * - `{ kind: 'log', text }` for anything else, and `{ kind: 'empty' }` for an empty line
 */
export function parse(data) {
  let text;
  try {
    text = utf8.decode(data).trim();
  } catch {
    return { kind: 'bad', problem: 'not UTF-8; is the speed of the port right?' };
  }
  if (text === '') return { kind: 'empty' };
  const words = text.split(/\s+/);
  if (words[0] === 'boot' || words[0] === 'brownout') {
    const facts = pairs(words.slice(1));
    if (words[0] === 'boot' && facts?.size > 0) return { kind: 'banner', facts };
    if (words[0] === 'brownout' && facts) return { kind: 'brownout', facts };
  }
  const found = pairs(words);
  return (found && readings(found)) ?? { kind: 'log', text };
}

/** None where a word is no `name=value`. */
function pairs(words) {
  const found = new Map();
  for (const word of words) {
    const equals = word.indexOf('=');
    const name = word.slice(0, Math.max(equals, 0));
    if (!NAME.test(name)) return undefined;
    found.set(name, word.slice(equals + 1));
  }
  return found;
}

/** None where no name is known. */
function readings(found) {
  const values = new Map();
  for (const name of KNOWN.filter((known) => found.has(known))) {
    const text = found.get(name);
    const value = NUMBER.test(text) ? Number(text) : NaN;
    if (!Number.isFinite(value)) return { kind: 'bad', problem: `${name} is "${text}", not a number` };
    values.set(name, value);
  }
  return values.size > 0 ? { kind: 'readings', values } : undefined;
}
