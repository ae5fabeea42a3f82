//! Texts that plugins give: cut before they go to logs, the API and the database, so that a plugin cannot fill those by
//! complaining.

/// Longest text in a plugin's own words: an error, a log line, a sentence about itself.
pub(crate) const MAX_SPEECH_BYTES: usize = 4 << 10;

/// Cut to length, and without what could play tricks on a terminal.
pub(crate) fn plain(text: &str) -> String {
    let end = text.floor_char_boundary(MAX_SPEECH_BYTES);
    text[..end].chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// Cut to so many bytes.
pub(crate) fn cut(mut text: String, max_bytes: usize) -> String {
    if text.len() > max_bytes {
        text.truncate(text.floor_char_boundary(max_bytes));
        // What was cut off is not to be kept behind the rest.
        text.shrink_to_fit();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cuts_between_characters() {
        assert_eq!(cut("aä".into(), 2), "a");
        assert_eq!(cut("aä".into(), 3), "aä");
        assert_eq!(plain("\u{1b}[2Ja\nb"), " [2Ja b");
        assert!(plain(&"ä".repeat(4000)).len() <= MAX_SPEECH_BYTES);
    }
}
