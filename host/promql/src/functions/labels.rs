//! Changing and ordering by labels.

use std::cmp::Ordering;

use bellwether_model::Labels;
use regex::Regex;

/// `label_replace`: where the source matches, the destination becomes the expanded replacement. None leaves the
/// labels as they are.
pub(crate) fn replaced(
    labels: &Labels,
    destination: &str,
    replacement: &str,
    source: &str,
    regex: &Regex,
) -> Option<Labels> {
    let captures = regex.captures(labels.value(source))?;
    let mut value = String::new();
    captures.expand(replacement, &mut value);
    let mut builder = labels.to_builder();
    builder.set(destination, value);
    Some(builder.build())
}

/// `label_join`: the values of the sources, with the separator between them, as the destination.
pub(crate) fn joined(labels: &Labels, destination: &str, separator: &str, sources: &[&str]) -> Labels {
    let values: Vec<&str> = sources.iter().map(|source| labels.value(source)).collect();
    let mut builder = labels.to_builder();
    builder.set(destination, values.join(separator));
    builder.build()
}

/// `sort_by_label`: by the values of the given labels, numbers inside of them by size, then by all labels.
pub(crate) fn compare_by(names: &[&str], a: &Labels, b: &Labels) -> Ordering {
    let by_names = names.iter().map(|name| natural(a.value(name), b.value(name)));
    by_names.fold(Ordering::Equal, Ordering::then).then_with(|| a.cmp(b))
}

/// Text order in which runs of digits compare by their number: `node2` before `node10`.
fn natural(mut a: &str, mut b: &str) -> Ordering {
    while !a.is_empty() && !b.is_empty() {
        let (a_run, a_rest) = split_run(a);
        let (b_run, b_rest) = split_run(b);
        let digits = |run: &str| run.starts_with(|c: char| c.is_ascii_digit());
        let order = if digits(a_run) && digits(b_run) {
            let (a_number, b_number) = (a_run.trim_start_matches('0'), b_run.trim_start_matches('0'));
            a_number.len().cmp(&b_number.len()).then_with(|| a_number.cmp(b_number))
        } else {
            a_run.cmp(b_run)
        };
        if order != Ordering::Equal {
            return order;
        }
        (a, b) = (a_rest, b_rest);
    }
    a.len().cmp(&b.len())
}

/// The first run of digits or of other characters, and the rest.
fn split_run(text: &str) -> (&str, &str) {
    let digits = text.starts_with(|c: char| c.is_ascii_digit());
    text.split_at(text.find(|c: char| c.is_ascii_digit() != digits).unwrap_or(text.len()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_inside_of_names_compare_by_size() {
        let mut names = ["node10", "node2", "node", "node02a", "a"];
        names.sort_by(|a, b| natural(a, b));
        assert_eq!(names, ["a", "node", "node2", "node02a", "node10"]);
    }
}
