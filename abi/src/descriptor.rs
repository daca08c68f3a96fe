//! How a process names a capability slot.

/// Nodes on the longest way to a slot, the root node included.
pub const DESCRIPTOR_LEVELS: usize = 4;

/// Names a slot, counted from the caller's root node.
///
/// Bits 56..64 hold the *depth*, bits 0..56 the index.
/// - Depth 0, the cheapest: the index is a slot of the root node.
/// - Depth *n*: the lowest *n* bits of the index are an address through nested nodes; its top
///   bits, as many as the root node's radix, choose a slot there; if bits are left, that slot
///   holds a node and the next bits choose in it, until all *n* are used. At most
///   [`DESCRIPTOR_LEVELS`] nodes are gone through.
///
/// Slot 0 of every node belongs to the node itself, so descriptor 0 names nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Descriptor(pub u64);

impl Descriptor {
    /// Names nothing.
    pub const NULL: Self = Self(0);

    const DEPTH_SHIFT: u32 = 56;
    const INDEX_MASK: u64 = (1 << Self::DEPTH_SHIFT) - 1;

    /// Slot `index` of the root node.
    pub const fn slot(index: u64) -> Self {
        Self(index & Self::INDEX_MASK)
    }

    /// The slot at the path `index`, `depth` bits long (1 to 56).
    pub const fn path(index: u64, depth: u8) -> Self {
        Self(((depth as u64) << Self::DEPTH_SHIFT) | (index & Self::INDEX_MASK))
    }

    /// Number of bits in the path, 0 for a slot of the root node.
    pub const fn depth(self) -> u8 {
        (self.0 >> Self::DEPTH_SHIFT) as u8
    }

    /// The index or path.
    pub const fn index(self) -> u64 {
        self.0 & Self::INDEX_MASK
    }
}
