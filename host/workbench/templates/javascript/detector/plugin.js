// A detector with one function, `mad`; the arithmetic is in `mad.js`.

import { MIN_POINTS, judge } from './mad.js';

// Name in expressions. No two plugins may share one, so rename it with the plugin.
const FUNCTION = 'mad';
const DEFAULT_MIN_SPREAD = 0;

function describe() {
  const about = {
    name: '__NAME__',
    version: '0.1.0',
    summary: 'How far the newest point is from the median, in robust deviations',
    settings: [],
  };
  const minSpread = {
    name: 'min_spread',
    help: "Smallest deviation that counts, in the metric's own unit: the step of a coarse sensor",
    default: DEFAULT_MIN_SPREAD,
  };
  const mad = {
    name: FUNCTION,
    help: 'Deviations between the newest point and the median of those before it',
    windows: 1,
    params: [minSpread],
    minPoints: MIN_POINTS,
  };
  return [about, [mad]];
}

function evaluate(name, params, _at, windows) {
  if (name !== FUNCTION || windows.length !== 1) {
    throw { tag: 'bad-param', val: `there is no function ${name} of ${windows.length} windows` };
  }
  const minSpread = params[0] ?? DEFAULT_MIN_SPREAD;
  if (!Number.isFinite(minSpread) || minSpread < 0) {
    throw { tag: 'bad-param', val: `min_spread is ${minSpread}; it must be 0 or more` };
  }
  const verdicts = series(windows[0]).map((points) => judge(points, minSpread));
  const column = (name) => Float64Array.from(verdicts, (verdict) => verdict[name]);
  return {
    score: column('score'),
    expected: column('expected'),
    lower: column('lower'),
    upper: column('upper'),
  };
}

/** The values of each series, oldest first. */
function series({ offsets, values }) {
  const ends = [...offsets].slice(1);
  return ends.map((end, i) => values.subarray(offsets[i], end));
}

export const functions = { describe, evaluate };
