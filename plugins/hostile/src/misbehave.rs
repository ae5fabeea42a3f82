//! The misdeeds themselves. They go through `black_box`, so that the optimiser cannot prove them useless.

use std::hint::black_box;

/// Never returns, and never calls the host.
// Not inlined: its name is to stand in the backtrace.
#[inline(never)]
pub(crate) fn spin() -> ! {
    let mut x = 1_u64;
    loop {
        x = black_box(x.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1));
    }
}

/// Takes memory until there is none.
pub(crate) fn hoard() -> usize {
    let mut hoard: Vec<Vec<u8>> = Vec::new();
    loop {
        hoard.push(black_box(vec![1; 1 << 20]));
        if hoard.len() == usize::MAX {
            return hoard.len();
        }
    }
}

/// Traps with a message.
pub(crate) fn crash() -> ! {
    panic!("deliberate crash of the hostile plugin");
}

/// Calls itself until the stack is full.
#[cfg(feature = "driver")]
#[expect(unconditional_recursion, reason = "that is the misdeed")]
pub(crate) fn recurse(depth: u64) -> u64 {
    black_box(recurse(black_box(depth) + 1)) + 1
}
