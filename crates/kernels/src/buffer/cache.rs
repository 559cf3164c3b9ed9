//! Size classes, and the common lists of blocks for reuse.

use std::sync::{Mutex, MutexGuard};

use super::block::Block;

/// The smallest block, in bytes.
const MIN_BLOCK: usize = 64;
/// Four size classes for each power of two, so at most a quarter of a block is unused.
const CLASSES: usize = 4 * 48;
/// Blocks kept for reuse hold at most this many bytes together. Nothing is kept under the
/// address sanitizer, which then sees each buffer's end.
const CACHE_LIMIT: usize = if cfg!(pleach_asan) { 0 } else { 4 << 30 };

/// The size class of a request of `bytes`, and the size of its blocks.
pub(super) fn class_of(bytes: usize) -> (usize, usize) {
    let bytes = bytes.max(MIN_BLOCK);
    // `base` is the largest power of two not above `bytes`; quarters of it divide the octave.
    let log = usize::BITS - 1 - bytes.leading_zeros();
    let base = 1usize << log;
    let quarter = base / 4;
    let step = (bytes - base + quarter - 1) >> (log - 2);
    let octave = (log - MIN_BLOCK.trailing_zeros()) as usize;
    (octave * 4 + step, base + step * quarter)
}

/// The block size of a class: the inverse of [`class_of`].
fn class_size(class: usize) -> usize {
    let base = MIN_BLOCK << (class / 4);
    base + (class % 4) * (base / 4)
}

struct Cache {
    free: [Vec<Block>; CLASSES],
    bytes: usize,
}

static CACHE: Mutex<Cache> = Mutex::new(Cache {
    free: [const { Vec::new() }; CLASSES],
    bytes: 0,
});

fn lock_cache() -> MutexGuard<'static, Cache> {
    // Nothing that can panic runs under the lock, so a poisoned cache is still consistent.
    CACHE.lock().unwrap_or_else(|e| e.into_inner())
}

/// Keeps a block for reuse, or gives it back to the system if enough is kept.
pub(super) fn give(class: usize, block: Block) {
    let size = class_size(class);
    {
        let mut cache = lock_cache();
        if class < CLASSES && cache.bytes + size <= CACHE_LIMIT {
            cache.bytes += size;
            cache.free[class].push(block);
            return;
        }
    }
    // SAFETY: the block was allocated with this size, and this was its only owner.
    unsafe { block.free(size) };
}

/// A block of the class, if one is kept.
pub(super) fn take(class: usize) -> Option<Block> {
    let mut cache = lock_cache();
    let block = cache.free.get_mut(class)?.pop()?;
    cache.bytes -= class_size(class);
    Some(block)
}

/// Gives all blocks back to the system, and returns how many bytes they were.
pub(super) fn empty() -> usize {
    let mut cache = lock_cache();
    let lists = std::mem::replace(&mut cache.free, [const { Vec::new() }; CLASSES]);
    let freed = std::mem::take(&mut cache.bytes);
    drop(cache);
    for (class, blocks) in lists.into_iter().enumerate() {
        for block in blocks {
            // SAFETY: the block was allocated with this size and was in no other list.
            unsafe { block.free(class_size(class)) };
        }
    }
    freed
}

/// Bytes that are kept for reuse now, without the small blocks that each thread keeps for itself.
pub fn cached_bytes() -> usize {
    lock_cache().bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_class_holds_its_request_and_wastes_less_than_a_quarter() {
        for bytes in (1..5000).chain([1 << 20, (1 << 20) + 1, (3 << 20) - 1, (1 << 33) + 5]) {
            let (class, size) = class_of(bytes);
            assert_eq!(class_size(class), size, "{bytes}");
            assert!(size >= bytes);
            assert!(
                size <= MIN_BLOCK || size as f64 <= bytes as f64 * 1.25 + 1.0,
                "{bytes} {size}"
            );
        }
    }
}
