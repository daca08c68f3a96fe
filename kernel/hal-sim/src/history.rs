//! Marks in the life of a machine, to which it goes back: what a state's memory was before it was
//! touched is kept, so going on and back costs what was touched and not what there is.

use std::cell::{Cell, RefCell};

use crate::claims::Change;

/// Bytes that are kept together.
pub(crate) const CHUNK: usize = 512;

/// What happened since a mark.
#[derive(Debug)]
struct Level {
    /// Chunks with this stamp have been kept.
    stamp: u32,
    /// Numbers of the chunks that were touched, in order.
    chunks: Vec<u32>,
    /// What they held, one after the other.
    content: Vec<u8>,
    changes: Vec<Change>,
}

/// Marks, the oldest first. Without any, nothing is kept.
#[derive(Debug)]
pub(crate) struct History {
    levels: RefCell<Vec<Level>>,
    /// Stamp of the last mark, 0 without one.
    current: Cell<u32>,
    last: Cell<u32>,
    /// For every chunk: stamp of the mark since which it was kept last.
    stamps: Vec<Cell<u32>>,
}

impl History {
    /// No marks; for `bytes` bytes of memory.
    pub(crate) fn new(bytes: usize) -> Self {
        Self {
            levels: RefCell::default(),
            current: Cell::new(0),
            last: Cell::new(0),
            stamps: vec![Cell::new(0); bytes.div_ceil(CHUNK)],
        }
    }

    fn fresh_stamp(&self) -> u32 {
        self.last.set(self.last.get() + 1);
        self.last.get()
    }

    pub(crate) fn mark(&self) {
        let stamp = self.fresh_stamp();
        let (chunks, content, changes) = (Vec::new(), Vec::new(), Vec::new());
        self.levels.borrow_mut().push(Level { stamp, chunks, content, changes });
        self.current.set(stamp);
    }

    /// Before bytes `[start, start + bytes)` may change: keeps them. `content` gives a chunk.
    #[inline]
    pub(crate) fn touch<'a>(
        &self,
        start: usize,
        bytes: usize,
        content: impl Fn(usize) -> &'a [u8],
    ) {
        let current = self.current.get();
        if current == 0 || bytes == 0 {
            return;
        }
        let chunks = start / CHUNK..=(start + bytes - 1) / CHUNK;
        for chunk in chunks.filter(|chunk| self.stamps[*chunk].get() != current) {
            self.stamps[chunk].set(current);
            if let Some(level) = self.levels.borrow_mut().last_mut() {
                level.chunks.push(chunk as u32);
                level.content.extend_from_slice(content(chunk));
            }
        }
    }

    /// The map of objects changes.
    pub(crate) fn note(&self, change: Change) {
        if let Some(level) = self.levels.borrow_mut().last_mut() {
            level.changes.push(change);
        }
    }

    /// Goes back to the last mark, which stays: `restore` gets each chunk that was touched and what
    /// it held, and `change` what happened to the map, the last first.
    ///
    /// # Panics
    /// Without a mark.
    pub(crate) fn rewind(&self, restore: impl Fn(usize, &[u8]), change: impl Fn(Change)) {
        let mut levels = self.levels.borrow_mut();
        let level = levels.last_mut().expect("there is a mark to go back to");
        let kept = level.chunks.iter().zip(level.content.chunks_exact(CHUNK));
        kept.rev().for_each(|(chunk, content)| restore(*chunk as usize, content));
        level.changes.iter().rev().for_each(|done| change(done.inverse()));
        level.chunks.clear();
        level.content.clear();
        level.changes.clear();
        level.stamp = self.fresh_stamp();
        self.current.set(level.stamp);
    }

    /// Forgets the last mark; what happened since counts for the one before.
    ///
    /// # Panics
    /// Without a mark.
    pub(crate) fn unmark(&self) {
        let mut levels = self.levels.borrow_mut();
        let level = levels.pop().expect("there is a mark to forget");
        // Going back, the oldest content of a chunk comes last, so that one may be there twice.
        if let Some(before) = levels.last_mut() {
            before.chunks.extend(level.chunks);
            before.content.extend(level.content);
            before.changes.extend(level.changes);
        }
        self.current.set(levels.last().map_or(0, |level| level.stamp));
    }

    /// Hands over each chunk that was touched since the *first* mark, once, and what it held then.
    pub(crate) fn touched(&self, mut visit: impl FnMut(usize, &[u8])) {
        let seen = self.fresh_stamp();
        let levels = self.levels.borrow();
        for level in levels.iter() {
            for (chunk, content) in level.chunks.iter().zip(level.content.chunks_exact(CHUNK)) {
                if self.stamps[*chunk as usize].replace(seen) != seen {
                    visit(*chunk as usize, content);
                }
            }
        }
    }
}
