// The newest point against the median of those before it. Knows nothing of the host, so that it can be tested without
// one.
//
// The unit is the median absolute deviation: up to half of the earlier points may be outliers without moving it.

// Turns a median absolute deviation into a standard deviation, for normally distributed points.
const TO_DEVIATION = 1.4826;
// Half the width of the band, in deviations: the usual threshold of rules.
const BAND = 3;
// Two points to compare with and one to judge.
export const MIN_POINTS = 3;

// A score of NaN leaves the series out of the result.
const NONE = { score: NaN, expected: NaN, lower: NaN, upper: NaN };

/** Gaps (NaN) and infinities among the earlier points are left out. `points` is a Float64Array. */
export function judge(points, minSpread) {
  const newest = points.at(-1);
  const history = points.subarray(0, -1).filter(Number.isFinite);
  if (history.length < MIN_POINTS - 1 || Number.isNaN(newest)) return NONE;
  const center = median(history);
  const deviation = median(history.map((point) => Math.abs(point - center)));
  const spread = Math.max(deviation * TO_DEVIATION, minSpread);
  return {
    score: score(newest - center, spread),
    expected: center,
    lower: center - BAND * spread,
    upper: center + BAND * spread,
  };
}

function median(points) {
  const ordered = points.slice().sort();
  const middle = ordered.length >> 1;
  return ordered.length % 2 === 1 ? ordered[middle] : (ordered[middle - 1] + ordered[middle]) / 2;
}

/** A series that never moved scores 0 while it stays, and infinity when it leaves. */
function score(distance, spread) {
  return distance === 0 ? 0 : distance / spread;
}
