//! What came out beside what should have: the lines that differ, with a few around them.

use similar::{ChangeTag, TextDiff};

/// Lines around each difference.
const CONTEXT_LINES: usize = 2;
/// Lines of one report; a plugin that prints something else altogether needs no more.
const MAX_LINES: usize = 60;

/// A line each: `-` should be there and is not, `+` is there and should not be. Empty where both are the same.
pub(crate) fn lines(expected: &str, got: &str) -> Vec<String> {
    let diff = TextDiff::from_lines(expected, got);
    let mut lines = Vec::new();
    for (index, group) in diff.grouped_ops(CONTEXT_LINES).iter().enumerate() {
        if index > 0 {
            lines.push("  …".to_owned());
        }
        for change in group.iter().flat_map(|op| diff.iter_changes(op)) {
            let sign = match change.tag() {
                ChangeTag::Delete => '-',
                ChangeTag::Insert => '+',
                ChangeTag::Equal => ' ',
            };
            lines.push(format!("{sign} {}", change.value().trim_end_matches('\n')));
        }
    }
    if lines.len() > MAX_LINES {
        let more = lines.len() - MAX_LINES;
        lines.truncate(MAX_LINES);
        lines.push(format!("  … and {more} lines more"));
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shows_what_differs_and_a_little_around_it() {
        let expected = "1\n2\n3\n4\n5\n6\n7\n8\n9\n";
        assert_eq!(lines(expected, expected), Vec::<String>::new());
        let got = expected.replace("2\n", "two\n").replace("9\n", "");
        assert_eq!(lines(expected, &got), ["  1", "- 2", "+ two", "  3", "  4", "  …", "  7", "  8", "- 9"]);
    }

    #[test]
    fn long_differences_are_cut() {
        let report = lines("", &"x\n".repeat(1000));
        assert_eq!(
            (report.len(), report.last().unwrap().as_str()),
            (MAX_LINES + 1, "  … and 940 lines more")
        );
    }
}
