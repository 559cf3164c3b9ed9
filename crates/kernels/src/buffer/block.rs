//! [`Block`]: memory from the system, zeroed.

use std::alloc::{Layout, alloc_zeroed, dealloc};
use std::ptr::NonNull;

/// Alignment of every block: a cache line, and the width of an AVX-512 vector.
pub(super) const ALIGN: usize = 64;

/// Owned, zeroed memory, aligned to [`ALIGN`], of a size that its holder knows.
pub(super) struct Block(NonNull<u8>);

// SAFETY: a block is owned memory that nobody else refers to.
unsafe impl Send for Block {}

fn layout(size: usize) -> Layout {
    Layout::from_size_align(size, ALIGN).expect("a buffer is smaller than isize::MAX bytes")
}

impl Block {
    /// A block of `size` bytes (at least one, at most `isize::MAX`), if the system has it.
    pub(super) fn new(size: usize) -> Option<Block> {
        #[cfg(all(unix, not(pleach_asan)))]
        if size >= map::HUGE_PAGE {
            return map::map(size).map(Block);
        }
        let layout = layout(size);
        assert!(size > 0);
        // SAFETY: the layout has a size.
        let raw = unsafe { alloc_zeroed(layout) };
        NonNull::new(raw).map(Block)
    }

    pub(super) fn into_raw(self) -> NonNull<u8> {
        self.0
    }

    /// # Safety
    /// The pointer is from `into_raw`, and its holder gives up ownership.
    pub(super) unsafe fn from_raw(raw: NonNull<u8>) -> Block {
        Block(raw)
    }

    /// Gives the memory back.
    ///
    /// # Safety
    /// `size` is what the block was made with.
    pub(super) unsafe fn free(self, size: usize) {
        #[cfg(all(unix, not(pleach_asan)))]
        if size >= map::HUGE_PAGE {
            // SAFETY: by the contract this is the whole of a mapping that nobody uses.
            return unsafe { map::unmap(self.0, size) };
        }
        // SAFETY: by the contract it was allocated with this layout.
        unsafe { dealloc(self.0.as_ptr(), layout(size)) };
    }
}

/// Large blocks: mappings that start at a huge page and ask for such pages.
#[cfg(all(unix, not(pleach_asan)))]
mod map {
    use std::ptr::{NonNull, null_mut};

    pub(super) const HUGE_PAGE: usize = 2 << 20;

    /// The length of the mapping of a block: whole pages, whatever their size.
    fn mapped_len(size: usize) -> usize {
        size.next_multiple_of(64 << 10)
    }

    pub(super) fn map(size: usize) -> Option<NonNull<u8>> {
        let len = mapped_len(size);
        let whole = len.checked_add(HUGE_PAGE)?;
        let access = libc::PROT_READ | libc::PROT_WRITE;
        let kind = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
        // SAFETY: a new mapping touches no other memory.
        let raw = unsafe { libc::mmap(null_mut(), whole, access, kind, -1, 0) };
        if raw == libc::MAP_FAILED {
            return None;
        }
        let before = raw.align_offset(HUGE_PAGE);
        let start = raw.wrapping_byte_add(before);
        let end = start.wrapping_byte_add(len);
        // SAFETY: these are parts of the mapping just made, which nobody uses yet. That the advice may be
        // refused does no harm.
        unsafe {
            if before > 0 {
                libc::munmap(raw, before);
            }
            libc::munmap(end, whole - before - len);
            #[cfg(any(target_os = "linux", target_os = "android"))]
            libc::madvise(start, len, libc::MADV_HUGEPAGE);
        }
        NonNull::new(start.cast())
    }

    /// # Safety
    /// `start` is from `map(size)`, and nobody uses the memory.
    pub(super) unsafe fn unmap(start: NonNull<u8>, size: usize) {
        // SAFETY: by the contract this is the whole of the mapping.
        unsafe { libc::munmap(start.as_ptr().cast(), mapped_len(size)) };
    }
}
