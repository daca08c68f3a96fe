//! Addresses that a switch has heard of behind a port.

use heapless::Vec;

use crate::Address;

/// Most behind one port. A further one takes the place of that which was heard of least lately.
const MOST: usize = 16;
/// For how many milliseconds one is known that is not heard of again (IEEE 802.1Q, table 8-6).
const LIFE: u64 = 300_000;

/// What is behind one port. Its room is its own: who makes up addresses displaces nobody else's.
#[derive(Clone, Debug, Default)]
pub struct Learned(Vec<Entry, MOST>);

#[derive(Clone, Copy, Debug)]
struct Entry {
    address: Address,
    /// When it was heard of last.
    heard: u64,
}

impl Learned {
    /// `address` was heard of at `now`, in milliseconds.
    pub fn hear(&mut self, address: Address, now: u64) {
        let entry = Entry { address, heard: now };
        if let Some(known) = self.0.iter_mut().find(|it| it.address == address) {
            *known = entry;
        } else if let Err(entry) = self.0.push(entry)
            && let Some(oldest) = self.0.iter_mut().min_by_key(|it| it.heard)
        {
            *oldest = entry;
        }
    }

    /// It is behind another port.
    pub fn forget(&mut self, address: Address) {
        self.0.retain(|it| it.address != address);
    }

    /// Whether `address` is known at `now`.
    pub fn knows(&self, address: Address, now: u64) -> bool {
        let is_it = |it: &Entry| it.address == address && now.saturating_sub(it.heard) < LIFE;
        self.0.iter().any(is_it)
    }
}
