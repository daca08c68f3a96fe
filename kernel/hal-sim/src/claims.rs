//! The map of objects in memory: which object lives where.
//!
//! It is asked at every access, so it is a table by line, the smallest object's bytes; what there
//! is, in order, stands beside it.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;

/// Logarithm of the bytes of a line. Objects begin and end with one.
const LINE_BITS: u32 = 6;

/// Objects in memory. Addresses count from its first byte.
#[derive(Debug)]
pub(crate) struct Claims {
    /// For every line: 0, or the number of the object's first line, plus 1.
    owners: Vec<Cell<u32>>,
    /// First byte and bytes of every object.
    objects: RefCell<BTreeMap<u64, u64>>,
}

/// A change to the map.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Change {
    /// An object came.
    Claimed { at: u64, bytes: u64 },
    /// An object went.
    Released { at: u64, bytes: u64 },
}

impl Claims {
    /// No objects in `bytes` bytes.
    pub(crate) fn new(bytes: usize) -> Self {
        Self { owners: vec![Cell::new(0); bytes >> LINE_BITS], objects: RefCell::default() }
    }

    fn lines(&self, at: u64, bytes: u64) -> &[Cell<u32>] {
        let end = (at + bytes).div_ceil(1 << LINE_BITS) as usize;
        &self.owners[(at >> LINE_BITS) as usize..end.min(self.owners.len())]
    }

    /// Whether the range lies inside one object.
    pub(crate) fn is_inside(&self, at: u64, bytes: u64) -> bool {
        let owner = |at: u64| self.owners.get((at >> LINE_BITS) as usize).map_or(0, Cell::get);
        owner(at) != 0 && owner(at) == owner(at + bytes.saturating_sub(1))
    }

    /// First byte of an object that the range touches.
    pub(crate) fn overlapping(&self, at: u64, bytes: u64) -> Option<u64> {
        let owner = self.lines(at, bytes).iter().map(Cell::get).find(|owner| *owner != 0)?;
        Some(u64::from(owner - 1) << LINE_BITS)
    }

    /// Objects in order: first byte and bytes.
    pub(crate) fn objects(&self) -> Vec<(u64, u64)> {
        self.objects.borrow().iter().map(|(at, bytes)| (*at, *bytes)).collect()
    }

    /// Bytes of the object that begins there.
    pub(crate) fn length_at(&self, at: u64) -> Option<u64> {
        self.objects.borrow().get(&at).copied()
    }

    /// Objects that begin in the range.
    pub(crate) fn beginning_in(&self, at: u64, bytes: u64) -> Vec<(u64, u64)> {
        let objects = self.objects.borrow();
        objects.range(at..at + bytes).map(|(at, bytes)| (*at, *bytes)).collect()
    }

    /// Makes `change`.
    ///
    /// # Panics
    /// If an object that comes is not made of whole lines.
    pub(crate) fn apply(&self, change: Change) {
        let owner = match change {
            Change::Claimed { at, bytes } => {
                assert_eq!((at | bytes) % (1 << LINE_BITS), 0, "an object of no whole lines");
                self.objects.borrow_mut().insert(at, bytes);
                (at >> LINE_BITS) as u32 + 1
            }
            Change::Released { at, .. } => {
                self.objects.borrow_mut().remove(&at);
                0
            }
        };
        let (Change::Claimed { at, bytes } | Change::Released { at, bytes }) = change;
        self.lines(at, bytes).iter().for_each(|line| line.set(owner));
    }
}

impl Change {
    /// What takes it back.
    pub(crate) const fn inverse(self) -> Self {
        match self {
            Self::Claimed { at, bytes } => Self::Released { at, bytes },
            Self::Released { at, bytes } => Self::Claimed { at, bytes },
        }
    }
}
