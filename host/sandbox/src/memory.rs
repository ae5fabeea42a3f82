//! Memory that instances have together: those of one plugin, and those of all.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// An instance takes so much without its being counted: most of what a small guest reserves it never touches, and a
/// thousand devices may each have one.
pub(crate) const UNCOUNTED_BYTES: usize = 2 << 20;
/// What all plugins may have where the machine does not say how much it has.
const FALLBACK_BYTES: usize = 1 << 30;
/// One part in so many of the machine's memory is for plugins.
const PART_OF_MACHINE: usize = 4;

/// An amount that many share.
#[derive(Debug)]
pub(crate) struct MemoryPool {
    limit_bytes: usize,
    used_bytes: AtomicUsize,
    /// That of all plugins, for that of one.
    whole: Option<Arc<Self>>,
}

impl MemoryPool {
    /// For all plugins of this machine.
    pub(crate) fn of_machine() -> Arc<Self> {
        let total = std::fs::read_to_string("/proc/meminfo").ok().and_then(|text| total_bytes(&text));
        Self::new(total.map_or(FALLBACK_BYTES, |bytes| bytes / PART_OF_MACHINE), None)
    }

    pub(crate) fn new(limit_bytes: usize, whole: Option<Arc<Self>>) -> Arc<Self> {
        Arc::new(Self { limit_bytes, used_bytes: AtomicUsize::new(0), whole })
    }

    /// Takes more, or says which limit does not allow it.
    pub(crate) fn take(&self, bytes: usize) -> Result<(), usize> {
        let more = |used: usize| used.checked_add(bytes).filter(|sum| *sum <= self.limit_bytes);
        self.used_bytes
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, more)
            .map_err(|_| self.limit_bytes)?;
        match self.whole.as_ref().map_or(Ok(()), |whole| whole.take(bytes)) {
            Ok(()) => Ok(()),
            Err(limit_bytes) => {
                self.used_bytes.fetch_sub(bytes, Ordering::Relaxed);
                Err(limit_bytes)
            }
        }
    }

    pub(crate) fn give_back(&self, bytes: usize) {
        self.used_bytes.fetch_sub(bytes, Ordering::Relaxed);
        if let Some(whole) = &self.whole {
            whole.give_back(bytes);
        }
    }

    #[cfg(test)]
    fn used_bytes(&self) -> usize {
        self.used_bytes.load(Ordering::Relaxed)
    }
}

/// What Linux says that there is, used or not.
fn total_bytes(meminfo: &str) -> Option<usize> {
    let line = meminfo.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    let kibibytes: usize = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kibibytes.checked_mul(1 << 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_one_limit_refuses_is_taken_from_neither() {
        let all = MemoryPool::new(100, None);
        let (a, b) =
            (MemoryPool::new(80, Some(Arc::clone(&all))), MemoryPool::new(80, Some(Arc::clone(&all))));
        assert_eq!(a.take(81), Err(80));
        assert_eq!(a.take(70), Ok(()));
        assert_eq!(b.take(31), Err(100));
        assert_eq!((a.used_bytes(), b.used_bytes(), all.used_bytes()), (70, 0, 70));
        a.give_back(50);
        assert_eq!(b.take(31), Ok(()));
        assert_eq!(b.take(usize::MAX), Err(80), "no overflow");
    }

    #[test]
    fn reads_what_linux_says() {
        assert_eq!(total_bytes("MemTotal:        2048 kB\nMemFree: 1 kB\n"), Some(2 << 20));
        assert_eq!(total_bytes("MemFree: 1 kB\n"), None);
    }
}
