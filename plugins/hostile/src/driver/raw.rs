//! Texts and lists that are none. They are handed over without being read here: only the host looks behind them.

#![expect(unsafe_code, reason = "these are the misdeeds")]

use std::ptr::without_provenance_mut;

/// Far outside any memory that a guest may have.
const OUTSIDE: usize = 0xfff0_0000;
const LENGTH: usize = 4096;

/// A text that is no UTF-8.
pub(super) fn invalid_text() -> String {
    // SAFETY: none; copied and lowered as bytes, never read as a text.
    unsafe { String::from_utf8_unchecked(vec![b'x', 0xff, 0xfe, 0x80]) }
}

/// A text outside memory.
pub(super) fn text_outside_memory() -> String {
    // SAFETY: none; forgotten by the bindings, and the host traps before anything frees it.
    unsafe { String::from_raw_parts(without_provenance_mut(OUTSIDE), LENGTH, LENGTH) }
}

/// A list outside memory.
pub(super) fn bytes_outside_memory() -> Vec<u8> {
    // SAFETY: as for the text.
    unsafe { Vec::from_raw_parts(without_provenance_mut(OUTSIDE), LENGTH, LENGTH) }
}

/// So many texts that share their bytes.
pub(super) fn aliases(count: usize, bytes: usize) -> Vec<String> {
    let shared = "x".repeat(bytes).leak().as_mut_ptr();
    // SAFETY: none; as above, none of them is ever freed.
    (0..count).map(|_| unsafe { String::from_raw_parts(shared, bytes, bytes) }).collect()
}
