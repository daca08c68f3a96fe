//! A split virtqueue, as the device sees it (VIRTIO 1.2, section 2.7).
//!
//! All of it lies in the guest's memory, and the guest may write there at any moment. So nothing is believed:
//! each number is read once and checked before it is used, a chain is copied out before anybody looks at it,
//! and no walk is longer than the queue. Whatever does not keep to the protocol is an error, after which the
//! device stands still until it is reset.

use core::fmt;
use core::sync::atomic::{Ordering, fence};

use super::chain::{Buffer, Chain};
use super::feature;
use crate::{GuestMemory, Outside};

/// Most entries of a queue that a device offers.
pub const MOST_ENTRIES: u16 = 256;
/// Bytes of a descriptor, and of an entry of the used ring.
const DESCRIPTOR_BYTES: u64 = 16;
const USED_BYTES: u64 = 8;
/// Offsets in both rings: how far it is, and its entries.
const INDEX: u64 = 2;
const ENTRIES: u64 = 4;
/// Flags of a descriptor: another follows; the device writes; it stands for a table of others.
const NEXT: u16 = 1;
const WRITE: u16 = 2;
const INDIRECT: u16 = 4;
/// Flag of the available ring: no interrupts, please.
const NO_INTERRUPT: u16 = 1;

/// How a driver broke the protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Malformed {
    /// The queue's size is no power of two, or a part of it is not where it may be.
    Queue,
    /// More chains are available than the queue has room for: so many.
    Ahead(u16),
    /// A descriptor that there is not: its number.
    Descriptor(u16),
    /// A chain is longer than may be: a loop, perhaps.
    TooLong,
    /// Something lies outside the memory.
    Memory,
    /// A table of descriptors in a table, before another descriptor, or of no length.
    Indirect,
    /// The device would have to read behind what it has to write.
    Order,
    /// A chain has no room for what such a request needs.
    Request,
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Queue => f.write_str("a queue of a size or at a place that cannot be"),
            Self::Ahead(count) => write!(f, "{count} chains available in a smaller queue"),
            Self::Descriptor(number) => write!(f, "descriptor {number} is not there"),
            Self::TooLong => f.write_str("a chain without end, or too long"),
            Self::Memory => f.write_str("a buffer or ring outside the memory"),
            Self::Indirect => f.write_str("an indirect descriptor where none may be"),
            Self::Order => f.write_str("a readable buffer behind a writable one"),
            Self::Request => f.write_str("a request without room for its parts"),
        }
    }
}

impl From<Outside> for Malformed {
    fn from(Outside: Outside) -> Self {
        Self::Memory
    }
}

/// A queue. Its fields are registers, which the driver writes before it enables the queue.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Queue {
    /// Entries that it has at most.
    pub(super) most: u16,
    pub(super) size: u16,
    pub(super) enabled: bool,
    pub(super) vector: u16,
    pub(super) descriptors: u64,
    pub(super) available: u64,
    pub(super) used: u64,
    next_available: u16,
    next_used: u16,
}

struct Descriptor {
    buffer: Buffer,
    flags: u16,
    next: u16,
}

impl Queue {
    /// One of at most `most` entries, as after a reset.
    pub(super) const fn new(most: u16) -> Self {
        Self {
            most,
            size: most,
            enabled: false,
            vector: u16::MAX,
            descriptors: 0,
            available: 0,
            used: 0,
            next_available: 0,
            next_used: 0,
        }
    }

    /// Whether its registers describe a queue. Nothing else is asked of it before.
    pub(super) const fn is_sound(&self) -> bool {
        let sized = self.size.is_power_of_two() && self.size <= self.most;
        let aligned = self.descriptors.is_multiple_of(16)
            && self.available.is_multiple_of(2)
            && self.used.is_multiple_of(4);
        let bound = u64::MAX / 2;
        let placed = self.descriptors < bound && self.available < bound && self.used < bound;
        sized && aligned && placed
    }

    /// The next chain that the driver made available, if there is one.
    pub(super) fn take(
        &mut self,
        memory: &mut (impl GuestMemory + ?Sized),
        features: u64,
    ) -> Result<Option<Chain>, Malformed> {
        if self.ahead(memory)? == 0 {
            if features & feature::EVENT_INDEX == 0 {
                return Ok(None);
            }
            // The driver is to notify of the next one; that may have come just before it was told.
            let event = self.used + ENTRIES + USED_BYTES * u64::from(self.size);
            memory.store(event, self.next_available)?;
            fence(Ordering::SeqCst);
            if self.ahead(memory)? == 0 {
                return Ok(None);
            }
        }
        // What the driver wrote before its index is read after it.
        fence(Ordering::Acquire);
        let entry = u64::from(self.next_available % self.size);
        let head = memory.load(self.available + ENTRIES + 2 * entry)?;
        let chain = self.gather(memory, features, head)?;
        self.next_available = self.next_available.wrapping_add(1);
        Ok(Some(chain))
    }

    /// Gives a chain back, of which `written` bytes were written. Answers whether the driver wants an
    /// interrupt.
    pub(super) fn put(
        &mut self,
        memory: &mut (impl GuestMemory + ?Sized),
        features: u64,
        chain: &Chain,
        written: u32,
    ) -> Result<bool, Malformed> {
        let entry = u64::from(self.next_used % self.size);
        let mut bytes = [0; USED_BYTES as usize];
        let (id, length) = bytes.split_at_mut(4);
        id.copy_from_slice(&u32::from(chain.head).to_le_bytes());
        length.copy_from_slice(&written.to_le_bytes());
        memory.write(self.used + ENTRIES + USED_BYTES * entry, &bytes)?;
        fence(Ordering::Release);
        let before = self.next_used;
        self.next_used = before.wrapping_add(1);
        memory.store(self.used + INDEX, self.next_used)?;
        // What it wants is read after it could see this.
        fence(Ordering::SeqCst);
        if features & feature::EVENT_INDEX == 0 {
            return Ok(memory.load(self.available)? & NO_INTERRUPT == 0);
        }
        let event = memory.load(self.available + ENTRIES + 2 * u64::from(self.size))?;
        Ok(event == before)
    }

    /// How many chains are available.
    fn ahead(&self, memory: &(impl GuestMemory + ?Sized)) -> Result<u16, Malformed> {
        let index = memory.load(self.available + INDEX)?;
        let ahead = index.wrapping_sub(self.next_available);
        if ahead > self.size { Err(Malformed::Ahead(ahead)) } else { Ok(ahead) }
    }

    /// Copies the chain that begins with descriptor `head`.
    fn gather(
        &self,
        memory: &(impl GuestMemory + ?Sized),
        features: u64,
        head: u16,
    ) -> Result<Chain, Malformed> {
        let mut chain = Chain { head, ..Chain::default() };
        let (mut table, mut entries) = (self.descriptors, self.size);
        let mut next = Some(head);
        let mut is_indirect = false;
        // No chain has more descriptors than the queue, the one for a table aside.
        for _ in 0..=self.size {
            let Some(number) = next else { return Ok(chain) };
            if number >= entries {
                return Err(Malformed::Descriptor(number));
            }
            let it = descriptor(memory, table, number)?;
            next = (it.flags & NEXT != 0).then_some(it.next);
            if it.flags & INDIRECT == 0 {
                add(&mut chain, &it, memory.bytes())?;
                continue;
            }
            let count = u64::from(it.buffer.bytes) / DESCRIPTOR_BYTES;
            let allowed = features & feature::INDIRECT != 0 && !is_indirect && next.is_none();
            let whole = u64::from(it.buffer.bytes).is_multiple_of(DESCRIPTOR_BYTES);
            if !allowed || !whole || count == 0 || count > self.size.into() {
                return Err(Malformed::Indirect);
            }
            is_indirect = true;
            (table, entries, next) = (it.buffer.address, count as u16, Some(0));
        }
        if next.is_none() { Ok(chain) } else { Err(Malformed::TooLong) }
    }
}

/// Adds a buffer to a chain, in a memory of `bytes` bytes.
fn add(chain: &mut Chain, it: &Descriptor, bytes: u64) -> Result<(), Malformed> {
    let buffer = it.buffer;
    let end = buffer.address.checked_add(buffer.bytes.into()).ok_or(Malformed::Memory)?;
    if end > bytes {
        return Err(Malformed::Memory);
    }
    if it.flags & WRITE == 0 {
        if chain.readable != chain.buffers.len() {
            return Err(Malformed::Order);
        }
        chain.readable += 1;
    }
    chain.buffers.push(buffer).map_err(|_| Malformed::TooLong)
}

/// Descriptor `number` of the table at `table`.
fn descriptor(
    memory: &(impl GuestMemory + ?Sized),
    table: u64,
    number: u16,
) -> Result<Descriptor, Malformed> {
    let mut bytes = [0; DESCRIPTOR_BYTES as usize];
    let at = table.checked_add(DESCRIPTOR_BYTES * u64::from(number)).ok_or(Malformed::Memory)?;
    memory.read(at, &mut bytes)?;
    let [a @ .., b0, b1, b2, b3, f0, f1, n0, n1] = bytes;
    Ok(Descriptor {
        buffer: Buffer {
            address: u64::from_le_bytes(a),
            bytes: u32::from_le_bytes([b0, b1, b2, b3]),
        },
        flags: u16::from_le_bytes([f0, f1]),
        next: u16::from_le_bytes([n0, n1]),
    })
}
