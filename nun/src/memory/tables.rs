//! The page tables of an address space, and where they are installed.

/// Logarithm of the entries of a table.
const ENTRIES_BITS: u64 = 9;

/// One table; slot 0 is none.
#[derive(Clone, Copy, Debug)]
struct Table {
    slot: u16,
    entry_bits: u8,
    /// An address below it.
    address: u64,
}

impl Table {
    /// The addresses that it translates.
    const fn span(&self) -> (u64, u64) {
        let bytes = 1 << (self.entry_bits as u64 + ENTRIES_BITS);
        let first = self.address & !(bytes - 1);
        (first, first + bytes)
    }
}

/// Up to `N` tables.
#[derive(Clone, Debug)]
pub(super) struct Tables<const N: usize>([Table; N]);

impl<const N: usize> Tables<N> {
    /// None.
    pub(super) const fn new() -> Self {
        Self([Table { slot: 0, entry_bits: 0, address: 0 }; N])
    }

    /// How many there are.
    pub(super) fn count(&self) -> usize {
        self.0.iter().filter(|table| table.slot != 0).count()
    }

    /// Whether there is no room for another.
    pub(super) fn is_full(&self) -> bool {
        self.count() == N
    }

    /// Enters the table in `slot`, installed for `address`, whose entries map 2^`entry_bits` bytes.
    pub(super) fn add(&mut self, slot: u64, address: u64, entry_bits: u64) {
        if let Some(place) = self.0.iter_mut().find(|table| table.slot == 0) {
            *place = Table { slot: slot as u16, entry_bits: entry_bits as u8, address };
        }
    }

    /// Takes out a table whose span is `idle`, the lowest level first: a table goes after those
    /// that hang on it.
    pub(super) fn take_idle(&mut self, idle: impl Fn(u64, u64) -> bool) -> Option<u64> {
        let is_idle = |table: &&mut Table| {
            let (first, end) = table.span();
            table.slot != 0 && idle(first, end)
        };
        let table = self.0.iter_mut().filter(is_idle).min_by_key(|table| table.entry_bits)?;
        let slot = core::mem::take(&mut table.slot);
        Some(slot.into())
    }
}
