//! The guest's allocator: an arena that is part of the initial memory.
//!
//! A host that keeps pages resident gives a pristine instance without a system call, as long as the guest never grows
//! its memory. So allocation is a bump of a pointer in a static; what was allocated last can grow, shrink and go; the
//! rest goes with the instance, which lives for one evaluation. What does not fit goes to the standard library's
//! allocator, which grows the memory and reuses what is freed.
#![allow(
    unsafe_code,
    reason = "an allocator is unsafe by nature; this is the SDK's one module with code of its own that is"
)]

use std::{
    alloc::{GlobalAlloc, Layout, System},
    cell::UnsafeCell,
    ptr,
};

/// Octets of the arena. The policies that ship use 4 KiB at most for an ordinary chain, so that this holds the
/// longest chains too; with a stack of 64 KiB and a policy's data it makes an initial memory of 128 or 192 KiB
/// (`tests/scenarios/initial_memory.rs`). The host clears the whole of it between evaluations: more would cost time in each.
const OCTETS: usize = 48 * 1024;

/// The memory. Aligned so that the first allocation needs no padding whatever its type.
#[repr(align(16))]
struct Memory(UnsafeCell<[u8; OCTETS]>);

/// The arena, then the standard library's allocator.
struct Arena {
    memory: Memory,
    /// Octets in use, from the start.
    used: UnsafeCell<usize>,
}

// SAFETY: a guest has one thread; the contract's components are built without threads and shared memory. Natively only
// this module's tests make one, each its own.
unsafe impl Sync for Arena {}

#[cfg(target_family = "wasm")]
#[global_allocator]
static ARENA: Arena = Arena::new();

impl Arena {
    const fn new() -> Self {
        Self {
            memory: Memory(UnsafeCell::new([0; OCTETS])),
            used: UnsafeCell::new(0),
        }
    }

    fn start(&self) -> *mut u8 {
        self.memory.0.get().cast()
    }

    /// Where a block lies in the arena; `None` when it is the standard library's.
    fn offset(&self, block: *mut u8) -> Option<usize> {
        let offset = (block as usize).wrapping_sub(self.start() as usize);
        (offset < OCTETS).then_some(offset)
    }

    fn used(&self) -> usize {
        // SAFETY: one thread, and no reference to the cell's content is ever kept.
        unsafe { *self.used.get() }
    }

    fn set_used(&self, used: usize) {
        // SAFETY: as in `used`.
        unsafe { *self.used.get() = used }
    }

    /// The arena's next block of this layout, if it fits.
    fn bump(&self, layout: Layout) -> Option<*mut u8> {
        // The arena's start is aligned to 16; beyond that its address counts.
        let start = self.start() as usize;
        let block = (start + self.used()).checked_next_multiple_of(layout.align())?;
        let end = (block - start).checked_add(layout.size())?;
        if end > OCTETS {
            return None;
        }
        self.set_used(end);
        // SAFETY: `block` lies between the arena's start and its end.
        Some(unsafe { self.start().add(block - start) })
    }

    /// Resizes the last block in place, if this is the last and it fits.
    fn resize_last(&self, offset: usize, old: usize, new: usize) -> bool {
        let is_last = offset + old == self.used();
        let fits = offset.checked_add(new).is_some_and(|end| end <= OCTETS);
        if is_last && fits {
            self.set_used(offset + new);
        }
        is_last && fits
    }
}

// SAFETY: blocks of the arena are disjoint, lie inside its memory and are aligned as asked (`bump`); a block is given
// out again only after it was freed (`resize_last` to nothing). All others are the standard library's, told apart by
// their address. Nothing here unwinds.
unsafe impl GlobalAlloc for Arena {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        match self.bump(layout) {
            Some(block) => block,
            // SAFETY: the caller's promises are passed on.
            None => unsafe { System.alloc(layout) },
        }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        match self.offset(block) {
            Some(offset) => {
                self.resize_last(offset, layout.size(), 0);
            }
            // SAFETY: a block outside the arena came from `System`.
            None => unsafe { System.dealloc(block, layout) },
        }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        let Some(offset) = self.offset(block) else {
            // SAFETY: a block outside the arena came from `System`.
            return unsafe { System.realloc(block, layout, size) };
        };
        if size <= layout.size() || self.resize_last(offset, layout.size(), size) {
            if size < layout.size() {
                self.resize_last(offset, layout.size(), size);
            }
            return block;
        }
        // SAFETY: the caller promises that `size`, rounded up to the alignment, does not overflow `isize`.
        let new = unsafe { self.alloc(Layout::from_size_align_unchecked(size, layout.align())) };
        if !new.is_null() {
            // SAFETY: both blocks are at least `layout.size()` long here, and a new block overlaps no old one.
            unsafe { ptr::copy_nonoverlapping(block, new, layout.size()) };
            self.resize_last(offset, layout.size(), 0);
        }
        new
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layout(size: usize, align: usize) -> Layout {
        Layout::from_size_align(size, align).unwrap()
    }

    #[test]
    fn blocks_are_aligned_and_disjoint() {
        let arena = Box::new(Arena::new());
        let mut end = 0;
        for (size, align) in [(1, 1), (8, 8), (3, 1), (64, 64), (1, 1), (16, 16)] {
            // SAFETY: the layout has a size.
            let block = unsafe { arena.alloc(layout(size, align)) } as usize;
            assert_eq!(block % align, 0, "{size} octets aligned to {align}");
            assert!(block >= end);
            end = block + size;
        }
    }

    #[test]
    fn the_last_block_grows_shrinks_and_goes_in_place() {
        let arena = Box::new(Arena::new());
        // SAFETY: each block is used with the layout that it has then, and not after it was freed.
        unsafe {
            let block = arena.alloc(layout(8, 1));
            assert_eq!(arena.realloc(block, layout(8, 1), 1_000), block);
            assert_eq!(arena.used(), 1_000);
            assert_eq!(arena.realloc(block, layout(1_000, 1), 10), block);
            assert_eq!(arena.used(), 10);
            arena.dealloc(block, layout(10, 1));
            assert_eq!(arena.used(), 0);
        }
    }

    #[test]
    fn a_block_that_is_not_the_last_moves_with_its_content() {
        let arena = Box::new(Arena::new());
        // SAFETY: as above; what is read was written.
        unsafe {
            let first = arena.alloc(layout(4, 1));
            ptr::copy_nonoverlapping(b"abcd".as_ptr(), first, 4);
            let second = arena.alloc(layout(4, 1));
            let moved = arena.realloc(first, layout(4, 1), 8);
            assert_ne!(moved, first);
            assert_ne!(moved, second);
            assert_eq!(std::slice::from_raw_parts(moved, 4), b"abcd");
            // What is not the last stays where it is, and nothing else is freed by it.
            arena.dealloc(second, layout(4, 1));
            assert_eq!(arena.used(), 16);
        }
    }

    #[test]
    fn what_does_not_fit_is_the_standard_librarys() {
        let arena = Box::new(Arena::new());
        // SAFETY: as above.
        unsafe {
            let inside = arena.alloc(layout(OCTETS, 1));
            assert_eq!(arena.offset(inside), Some(0));
            let outside = arena.alloc(layout(1, 1));
            assert_eq!(arena.offset(outside), None);
            *outside = 7;
            let outside = arena.realloc(outside, layout(1, 1), 100);
            assert_eq!(*outside, 7);
            arena.dealloc(outside, layout(100, 1));
            // A block that outgrows the arena leaves it.
            let grown = arena.realloc(inside, layout(OCTETS, 1), OCTETS + 1);
            assert_eq!(arena.offset(grown), None);
            assert_eq!(arena.used(), 0);
            arena.dealloc(grown, layout(OCTETS + 1, 1));
        }
    }
}
