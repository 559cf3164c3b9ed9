//! The small blocks that each thread keeps for itself.

use std::cell::RefCell;

use super::block::Block;
use super::cache;

/// Classes up to this one, of 16 KiB, are kept.
const LOCAL_CLASSES: usize = 4 * 8 + 1;
/// Blocks kept of each.
const DEPTH: usize = 8;

struct Local {
    /// For each class, how many blocks there are, and the blocks.
    free: [(usize, [Option<Block>; DEPTH]); LOCAL_CLASSES],
}

thread_local! {
    static LOCAL: RefCell<Local> = const {
        RefCell::new(Local { free: [const { (0, [const { None }; DEPTH]) }; LOCAL_CLASSES] })
    };
}

impl Local {
    fn empty(&mut self) {
        for (class, (count, blocks)) in self.free.iter_mut().enumerate() {
            *count = 0;
            for block in blocks.iter_mut().filter_map(Option::take) {
                cache::give(class, block);
            }
        }
    }
}

impl Drop for Local {
    fn drop(&mut self) {
        self.empty();
    }
}

/// A block of the class, if this thread keeps one.
#[inline]
pub(super) fn take(class: usize) -> Option<Block> {
    if class >= LOCAL_CLASSES || cfg!(pleach_asan) {
        return None;
    }
    // A thread that is about to end has none.
    LOCAL
        .try_with(|local| {
            let (count, blocks) = &mut local.borrow_mut().free[class];
            *count = count.checked_sub(1)?;
            blocks[*count].take()
        })
        .ok()?
}

/// Keeps a block, or hands it back if that cannot be.
#[inline]
pub(super) fn give(class: usize, block: Block) -> Result<(), Block> {
    if class >= LOCAL_CLASSES || cfg!(pleach_asan) {
        return Err(block);
    }
    let mut block = Some(block);
    let _ = LOCAL.try_with(|local| {
        let (count, blocks) = &mut local.borrow_mut().free[class];
        if let Some(slot) = blocks.get_mut(*count) {
            *slot = block.take();
            *count += 1;
        }
    });
    block.map_or(Ok(()), Err)
}

/// Moves what this thread keeps to the common lists.
pub(super) fn empty() {
    let _ = LOCAL.try_with(|local| local.borrow_mut().empty());
}
