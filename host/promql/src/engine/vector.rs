//! Intermediate results: which series there are, and a cell for each of them at each step.
//!
//! A [`Shape`] is shared and compared by pointer, so that what was worked out about it (groups, join partners) can be
//! kept from one evaluation to the next. Series without any sample stay in it, with absent cells.

use std::ops::{Deref, Range};
use std::sync::{Arc, OnceLock};

use bellwether_model::labels::METRIC_NAME;
use bellwether_model::{FloatHistogram, Labels, is_stale, stale_nan};

/// The mark of a cell without a float: the stale marker, which no computation yields and no selector lets through.
pub(super) fn absent() -> f64 {
    stale_nan()
}

/// Whether a cell has no float.
pub(super) fn is_absent(value: f64) -> bool {
    is_stale(value)
}

/// The labels that describe a metric and go away together: its name, type and unit.
pub(super) fn is_metadata_label(name: &str) -> bool {
    matches!(name, METRIC_NAME | "__type__" | "__unit__")
}

/// Without name, type and unit.
pub(super) fn without_metadata(labels: &Labels) -> Labels {
    labels.filtered(|name| !is_metadata_label(name))
}

/// The series of a result.
#[derive(Debug, Clone)]
pub(super) struct Shape {
    labels: Arc<[Labels]>,
    drops: DropNames,
}

/// Which series lose their metric's name at the end (Prometheus' delayed name removal).
#[derive(Debug, Clone)]
enum DropNames {
    None,
    All,
    Each(Arc<[bool]>),
}

impl Shape {
    /// Series that keep their names.
    pub(super) fn named(labels: Arc<[Labels]>) -> Self {
        Self { labels, drops: DropNames::None }
    }

    /// Series of which each has its own mind about its name.
    pub(super) fn new(labels: Vec<Labels>, drops: Vec<bool>) -> Self {
        let drops = if drops.iter().all(|&drop| !drop) {
            DropNames::None
        } else if drops.iter().all(|&drop| drop) {
            DropNames::All
        } else {
            DropNames::Each(drops.into())
        };
        Self { labels: labels.into(), drops }
    }

    /// The one series without labels.
    pub(super) fn unlabelled() -> Self {
        Self::named(Arc::new([Labels::empty()]))
    }

    /// The same series, all of which lose their names.
    #[must_use]
    pub(super) fn without_names(&self) -> Self {
        Self { labels: Arc::clone(&self.labels), drops: DropNames::All }
    }

    /// How many series there are.
    pub(super) fn len(&self) -> usize {
        self.labels.len()
    }

    /// Labels of all series, with the names that are yet to be dropped.
    pub(super) fn labels(&self) -> &[Labels] {
        &self.labels
    }

    /// Whether a series loses its name at the end.
    pub(super) fn drops_name(&self, place: usize) -> bool {
        match &self.drops {
            DropNames::None => false,
            DropNames::All => true,
            DropNames::Each(drops) => drops[place],
        }
    }

    /// Labels of a series as the answer shows them.
    pub(super) fn final_labels(&self, place: usize) -> Labels {
        if self.drops_name(place) {
            without_metadata(&self.labels[place])
        } else {
            self.labels[place].clone()
        }
    }

    /// Whether the two are the very same, not only equal.
    pub(super) fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.labels, &other.labels)
            && match (&self.drops, &other.drops) {
                (DropNames::None, DropNames::None) | (DropNames::All, DropNames::All) => true,
                (DropNames::Each(a), DropNames::Each(b)) => Arc::ptr_eq(a, b),
                _ => false,
            }
    }
}

/// The labels of a shape's series as answers show them, each made when it is first asked for.
#[derive(Debug)]
pub(super) struct FinalLabels {
    shape: Shape,
    made: Vec<OnceLock<Labels>>,
}

impl FinalLabels {
    /// Nothing made yet; where no name has to go there is nothing to make.
    pub(super) fn of(shape: &Shape) -> Self {
        let made = match shape.drops {
            DropNames::None => Vec::new(),
            DropNames::All | DropNames::Each(_) => vec![OnceLock::new(); shape.len()],
        };
        Self { shape: shape.clone(), made }
    }

    /// The labels of one series.
    pub(super) fn get(&self, place: usize) -> Labels {
        match self.made.get(place) {
            Some(made) => made.get_or_init(|| self.shape.final_labels(place)).clone(),
            None => self.shape.final_labels(place),
        }
    }
}

/// What one series is at one step.
#[derive(Debug, Clone, Copy)]
pub(super) enum Cell<'a> {
    Absent,
    Float(f64),
    Histogram(&'a Arc<FloatHistogram>),
}

/// Cells of some series, series after series: cell `place * steps + step`.
#[derive(Debug, Clone, Default)]
pub(super) struct Cells {
    /// [`absent`] where there is no float.
    pub(super) floats: Vec<f64>,
    /// As long as `floats`, or empty where there is no histogram at all.
    pub(super) histograms: Vec<Option<Arc<FloatHistogram>>>,
}

impl Cells {
    /// So many cells without anything.
    pub(super) fn empty(count: usize) -> Self {
        Self { floats: vec![absent(); count], histograms: Vec::new() }
    }

    /// Floats alone.
    pub(super) fn floats(floats: Vec<f64>) -> Self {
        Self { floats, histograms: Vec::new() }
    }

    /// How many cells there are.
    pub(super) fn len(&self) -> usize {
        self.floats.len()
    }

    /// What is in a cell.
    pub(super) fn get(&self, at: usize) -> Cell<'_> {
        match self.histograms.get(at) {
            Some(Some(histogram)) => Cell::Histogram(histogram),
            _ if is_absent(self.floats[at]) => Cell::Absent,
            _ => Cell::Float(self.floats[at]),
        }
    }

    /// Whether there is something in a cell.
    pub(super) fn is_present(&self, at: usize) -> bool {
        !is_absent(self.floats[at]) || self.histograms.get(at).is_some_and(Option::is_some)
    }

    /// Whether there is any histogram.
    pub(super) fn has_histograms(&self) -> bool {
        !self.histograms.is_empty()
    }

    /// Puts a histogram where nothing was.
    pub(super) fn put_histogram(&mut self, at: usize, histogram: Arc<FloatHistogram>) {
        if self.histograms.is_empty() {
            self.histograms = vec![None; self.floats.len()];
        }
        self.histograms[at] = Some(histogram);
    }

    /// Puts whatever it is where nothing was.
    pub(super) fn put(&mut self, at: usize, cell: Cell<'_>) {
        match cell {
            Cell::Absent => {}
            Cell::Float(value) => self.floats[at] = value,
            Cell::Histogram(histogram) => self.put_histogram(at, Arc::clone(histogram)),
        }
    }

    /// Empties a cell.
    pub(super) fn clear(&mut self, at: usize) {
        self.floats[at] = absent();
        if let Some(histogram) = self.histograms.get_mut(at) {
            *histogram = None;
        }
    }

    /// Adds cells without anything.
    pub(super) fn grow(&mut self, count: usize) {
        let cells = self.floats.len() + count;
        self.floats.resize(cells, absent());
        if self.has_histograms() {
            self.histograms.resize(cells, None);
        }
    }

    /// Changes each float there is; none empties its cell. Histograms go away.
    pub(super) fn map_floats(&mut self, mut change: impl FnMut(usize, f64) -> Option<f64>) {
        for (at, value) in self.floats.iter_mut().enumerate() {
            if !is_absent(*value) {
                *value = change(at, *value).unwrap_or_else(absent);
            }
        }
        self.histograms = Vec::new();
    }

    /// The cells of a range of places.
    pub(super) fn slice(&self, places: Range<usize>, steps: usize) -> Self {
        let cells = places.start * steps..places.end * steps;
        Self {
            floats: self.floats[cells.clone()].to_vec(),
            histograms: self.histograms.get(cells).map(<[_]>::to_vec).unwrap_or_default(),
        }
    }
}

/// An instant vector at each of some steps.
#[derive(Debug, Clone)]
pub(super) struct Vector {
    pub(super) shape: Shape,
    pub(super) steps: usize,
    pub(super) cells: Cells,
}

impl Vector {
    /// A number at each step as a vector with one series.
    pub(super) fn of_scalar(values: Vec<f64>) -> Self {
        Self { shape: Shape::unlabelled(), steps: values.len(), cells: Cells::floats(values) }
    }

    /// What a series is at a step.
    pub(super) fn get(&self, place: usize, step: usize) -> Cell<'_> {
        self.cells.get(place * self.steps + step)
    }

    /// Whether a series is there at a step.
    pub(super) fn is_present(&self, place: usize, step: usize) -> bool {
        self.cells.is_present(place * self.steps + step)
    }

    /// Only some of the series of one step, in the given order.
    pub(super) fn picked(&self, places: &[usize]) -> Self {
        debug_assert_eq!(self.steps, 1, "an order is for one step");
        let labels = places.iter().map(|&place| self.shape.labels()[place].clone()).collect();
        let drops = places.iter().map(|&place| self.shape.drops_name(place)).collect();
        let mut cells = Cells::empty(places.len());
        for (to, &from) in places.iter().enumerate() {
            cells.put(to, self.cells.get(from));
        }
        Self { shape: Shape::new(labels, drops), steps: 1, cells }
    }
}

/// A vector that is one's own, or shared with other expressions of the same tick.
#[derive(Debug, Clone)]
pub(super) enum Held {
    Own(Vector),
    Shared(Arc<Vector>),
}

impl Held {
    /// The vector, copied where others hold it too.
    pub(super) fn into_own(self) -> Vector {
        match self {
            Self::Own(vector) => vector,
            Self::Shared(vector) => Arc::unwrap_or_clone(vector),
        }
    }
}

impl Deref for Held {
    type Target = Vector;
    fn deref(&self) -> &Vector {
        match self {
            Self::Own(vector) => vector,
            Self::Shared(vector) => vector,
        }
    }
}
