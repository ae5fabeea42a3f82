//! Lies in `describe`, which has no argument that could choose one: tests write another text over this one in the built
//! file.

use std::hint::black_box;

static LIE: [u8; 32] = *b"lie: none                       ";

/// The lie to tell; `none` in the file as it was built.
pub(crate) fn chosen() -> &'static str {
    // Opaque to the optimiser, which would otherwise know the text.
    let text = str::from_utf8(black_box(&LIE)).unwrap_or_default();
    text.strip_prefix("lie: ").unwrap_or_default().trim_end()
}
