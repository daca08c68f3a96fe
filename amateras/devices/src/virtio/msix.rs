//! Interrupts as messages: the table of a function, and what waits to be sent (PCI Local Bus 3.0, section
//! 6.8.2).

/// Number of vectors of each function.
pub const VECTORS: usize = 4;
/// No vector.
pub const NO_VECTOR: u16 = u16::MAX;
/// Where in the BAR the pending bits stand, behind the table.
pub const PENDING_OFFSET: u32 = 0x800;
/// Bytes of an entry: address, data, control.
const ENTRY_BYTES: usize = 16;
/// Control: not now.
const MASKED: u8 = 1;

/// What a function writes to memory to interrupt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Message {
    /// Where.
    pub address: u64,
    /// What.
    pub data: u32,
}

/// A table with its pending bits.
#[derive(Clone, Debug)]
pub struct Table {
    entries: [[u8; ENTRY_BYTES]; VECTORS],
    /// Vectors that were raised and not sent yet.
    raised: u8,
}

impl Table {
    /// After power was switched on: all are masked.
    pub const fn new() -> Self {
        let mut entry = [0; ENTRY_BYTES];
        entry[12] = MASKED;
        Self { entries: [entry; VECTORS], raised: 0 }
    }

    /// Vector `number` interrupts; one that there is not, does not.
    pub const fn raise(&mut self, number: u16) {
        if (number as usize) < VECTORS {
            self.raised |= 1 << number;
        }
    }

    /// What is to be sent next, if the function as a whole may.
    pub fn take(&mut self) -> Option<Message> {
        let (number, entry) =
            self.entries.iter().enumerate().find(|(number, entry)| {
                self.raised & 1 << number != 0 && entry[12] & MASKED == 0
            })?;
        self.raised &= !(1 << number);
        let [address @ .., d0, d1, d2, d3, _, _, _, _] = *entry;
        Some(Message {
            address: u64::from_le_bytes(address),
            data: u32::from_le_bytes([d0, d1, d2, d3]),
        })
    }

    /// Whether something is to be sent.
    pub fn has_messages(&self) -> bool {
        let open = |(number, entry): (usize, &[u8; ENTRY_BYTES])| {
            self.raised & 1 << number != 0 && entry[12] & MASKED == 0
        };
        self.raised != 0 && self.entries.iter().enumerate().any(open)
    }

    /// The byte at `offset` of the BAR.
    pub fn read(&self, offset: usize) -> u8 {
        match self.entries.as_flattened().get(offset) {
            Some(byte) => *byte,
            None if offset == PENDING_OFFSET as usize => self.raised,
            None => 0,
        }
    }

    /// Writes the byte at `offset` of the BAR.
    pub fn write(&mut self, offset: usize, value: u8) {
        if let Some(byte) = self.entries.as_flattened_mut().get_mut(offset) {
            *byte = value;
        }
    }
}
