//! Damaged files. Half of them are damaged anywhere, and mostly refused by the parser; the others only in code and data, so
//! that many of them still are components, which do something else.

use std::ops::Range;
use std::path::{Path, PathBuf};

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use wasmparser::{Parser, Payload};

/// Most changes of one file.
const MAX_CHANGES: usize = 4;
/// Longest run of bytes that one change touches.
const MAX_RUN: usize = 64;

/// Makes mutants out of good files.
pub(crate) struct Mutants<'a> {
    files: Vec<File<'a>>,
    seed: u64,
}

struct File<'a> {
    path: &'a Path,
    whole: &'a [u8],
    sections: Sections,
}

/// Where things lie in a file.
#[derive(Default)]
struct Sections {
    /// The last byte of the length of each section.
    lengths: Vec<usize>,
    /// Code and data.
    contents: Vec<Range<usize>>,
}

/// A damaged file.
pub(crate) struct Mutant<'a> {
    /// What it was.
    pub(crate) of: std::path::Display<'a>,
    pub(crate) wasm: Vec<u8>,
}

impl<'a> Mutants<'a> {
    pub(crate) fn new(files: &'a [(PathBuf, Vec<u8>)], seed: u64) -> Self {
        let file = |(path, whole): &'a (PathBuf, Vec<u8>)| File { path, whole, sections: sections(whole) };
        Self { files: files.iter().map(file).collect(), seed }
    }

    /// The mutant of that number: always the same.
    pub(crate) fn mutant(&self, number: u64) -> Mutant<'a> {
        let mut random = StdRng::seed_from_u64(self.seed.wrapping_add(number));
        let file = &self.files[random.random_range(0..self.files.len())];
        let mut wasm = file.whole.to_vec();
        let inside = random.random();
        for _ in 0..random.random_range(1..=MAX_CHANGES) {
            if inside {
                change_inside(&mut wasm, &file.sections, &mut random);
            } else {
                damage(&mut wasm, &file.sections, &mut random);
            }
        }
        Mutant { of: file.path.display(), wasm }
    }
}

fn sections(wasm: &[u8]) -> Sections {
    let mut sections = Sections::default();
    for payload in Parser::new(0).parse_all(wasm).map_while(Result::ok) {
        if let Some((_, range)) = payload.as_section() {
            sections.lengths.push(range.start - 1);
        }
        match payload {
            Payload::DataSection(data) => sections.contents.push(data.range()),
            Payload::CodeSectionStart { range, .. } => sections.contents.push(range),
            _ => {}
        }
    }
    sections
}

/// Bytes of code and data, one at a time.
fn change_inside(wasm: &mut [u8], sections: &Sections, random: &mut StdRng) {
    let Range { start, end } = sections.contents[random.random_range(0..sections.contents.len())].clone();
    let at = random.random_range(start..end);
    if random.random() { wasm[at] ^= 1 << random.random_range(0..8) } else { wasm[at] = random.random() }
}

/// Anything, anywhere.
fn damage(wasm: &mut Vec<u8>, sections: &Sections, random: &mut StdRng) {
    // An earlier change may have left nothing.
    if wasm.len() <= MAX_RUN {
        return;
    }
    let at = random.random_range(0..wasm.len() - MAX_RUN);
    let run = at..at + random.random_range(1..=MAX_RUN);
    let other = random.random_range(0..wasm.len() - MAX_RUN);
    match random.random_range(0..10) {
        0 => wasm[at] ^= 1 << random.random_range(0..8),
        1 => wasm[at] = random.random(),
        2 => random.fill(&mut wasm[run]),
        3 => wasm[run].fill(random.random()),
        4 => wasm.truncate(at),
        5 => drop(wasm.splice(at..at, vec![random.random(); run.len()])),
        6 => drop(wasm.drain(run)),
        7 => run.clone().for_each(|from| wasm.swap(from, other + from - run.start)),
        8 => wasm.copy_within(run, other),
        _ => {
            let length = sections.lengths[random.random_range(0..sections.lengths.len())];
            if let Some(byte) = wasm.get_mut(length) {
                *byte = random.random();
            }
        }
    }
}
