//! Windows that look beyond their edges: `anchored` takes the last sample before the start as the value there,
//! `smoothed` interpolates at both edges. Nothing is extrapolated then.

use super::Change;
use crate::ast::Extension;
use crate::functions::Window;

/// A value at a time.
type Point = (i64, f64);

/// The value between two points, on the straight line; a counter that fell began anew at zero.
pub(crate) fn interpolate(from: Point, to: Point, at: i64, counter: bool) -> f64 {
    let start = if counter && to.1 < from.1 { 0.0 } else { from.1 };
    start + (to.1 - start) * (at - from.0) as f64 / (to.0 - from.0) as f64
}

/// Which samples an extended window uses: the last one at or before its start, or the first; and the last one, or the
/// first at or after its end where it is smoothed.
pub(super) fn first_and_last(
    count: usize,
    time: impl Fn(usize) -> i64,
    window: (i64, i64),
    smoothed: bool,
) -> Option<(usize, usize)> {
    let (start, end) = window;
    let last = count.checked_sub(1)?;
    let below = |limit: &dyn Fn(i64) -> bool| (0..last).take_while(|&at| limit(time(at))).count();
    let first = below(&|at| at <= start).saturating_sub(1);
    let last = if smoothed { below(&|at| at < end) } else { last };
    if time(last) <= start || smoothed && time(first) > end {
        return None;
    }
    Some((first, last))
}

/// The value at the start of the window.
pub(super) fn left(points: &[Point], first: usize, start: i64, smoothed: bool, counter: bool) -> f64 {
    match points.get(first + 1) {
        Some(&next) if smoothed && points[first].0 < start => {
            interpolate(points[first], next, start, counter)
        }
        _ => points[first].1,
    }
}

/// The value at the end of the window.
pub(super) fn right(points: &[Point], last: usize, end: i64, smoothed: bool, counter: bool) -> f64 {
    if smoothed && last > 0 && points[last].0 > end {
        interpolate(points[last - 1], points[last], end, counter)
    } else {
        points[last].1
    }
}

/// The change between both edges, in full.
pub(super) fn change(window: &Window<'_>, change: Change) -> Option<f64> {
    let points: Vec<Point> =
        window.samples.times.iter().copied().zip(window.samples.values.iter().copied()).collect();
    let smoothed = window.extension == Extension::Smoothed;
    let edges = (window.start, window.end);
    let (first, last) = first_and_last(points.len(), |at| points[at].0, edges, smoothed)?;
    let from = left(&points, first, window.start, smoothed, change.counter);
    let to = right(&points, last, window.end, smoothed, change.counter);
    let mut total = to - from;
    if change.counter {
        // Resets at the edges are already in the values there.
        let first = first + usize::from(points[first].0 <= window.start);
        let end = last + usize::from(points[last].0 < window.end);
        total += lost(from, points.get(first..end).unwrap_or(&[]), to);
    }
    Some(if change.per_second { total / window.seconds() } else { total })
}

/// What a counter lost at its resets on the way from one value over some points to another.
fn lost(from: f64, points: &[Point], to: f64) -> f64 {
    let mut lost = 0.0;
    let mut before = from;
    for value in points.iter().map(|point| point.1).chain([to]) {
        if value < before {
            lost += before;
        }
        before = value;
    }
    lost
}

/// The points of an extended window as a range vector of their own: with a value right at each edge.
pub(crate) fn with_edges(points: &[Point], start: i64, end: i64, smoothed: bool) -> Vec<Point> {
    let Some(mut last) = points.len().checked_sub(1) else {
        return Vec::new();
    };
    let below = |limit: &dyn Fn(i64) -> bool| points[..last].iter().take_while(|p| limit(p.0)).count();
    let first = below(&|at| at <= start).saturating_sub(1);
    if smoothed {
        last = below(&|at| at < end);
    }
    if points[last].0 <= start {
        return Vec::new();
    }
    let from = left(points, first, start, smoothed, false);
    let to = right(points, last, end, smoothed, false);
    let inside = points[first..=last].iter().filter(|point| point.0 > start && point.0 < end);
    std::iter::once((start, from)).chain(inside.copied()).chain([(end, to)]).collect()
}
