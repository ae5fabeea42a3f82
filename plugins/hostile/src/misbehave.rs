//! Misdeeds of time, memory and stack, the same in each kind of plugin. They go through `black_box`, so that the optimiser
//! cannot prove them useless.

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

/// Never returns, and calls the host all the time.
#[cfg(any(feature = "driver", feature = "detector"))]
pub(crate) fn chatter(mut call: impl FnMut()) -> ! {
    loop {
        call();
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
#[expect(unconditional_recursion, reason = "that is the misdeed")]
pub(crate) fn recurse(depth: u64) -> u64 {
    black_box(recurse(black_box(depth) + 1)) + 1
}

/// What only WebAssembly can do. On other targets this crate is checked and never runs.
#[cfg(feature = "driver")]
pub(crate) mod machine {
    #[cfg(target_arch = "wasm32")]
    use core::arch::wasm32;

    /// Nearly all that a memory can ever have, in pages of 64 KiB.
    const MOST_PAGES: usize = 65_000;

    /// Asks for four gigabytes in one step; the answer is the size before, or that there are none.
    pub(crate) fn grow_at_once() -> usize {
        grow(MOST_PAGES)
    }

    /// Asks for one page after the other, and goes on when it is told that there are none.
    pub(crate) fn grow_by_pages() -> ! {
        loop {
            grow(1);
        }
    }

    #[cfg(target_arch = "wasm32")]
    fn grow(pages: usize) -> usize {
        wasm32::memory_grow::<0>(pages)
    }

    #[cfg(not(target_arch = "wasm32"))]
    fn grow(pages: usize) -> usize {
        pages
    }

    /// Traps without a word.
    pub(crate) fn unreachable() -> ! {
        #[cfg(target_arch = "wasm32")]
        wasm32::unreachable();
        #[cfg(not(target_arch = "wasm32"))]
        std::process::abort()
    }

    /// Reads far outside its memory.
    #[expect(unsafe_code, reason = "that is the misdeed")]
    pub(crate) fn stray() -> u8 {
        // SAFETY: none. WebAssembly has a trap for it.
        unsafe { std::ptr::read_volatile(std::ptr::without_provenance::<u8>(0xfff0_0000)) }
    }
}
