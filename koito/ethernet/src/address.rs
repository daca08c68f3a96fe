//! Addresses of Ethernet (IEEE 802).

use core::fmt;

/// Addresses that switches keep to themselves begin like this (IEEE 802.1Q, table 8-1), and end below 16.
const RESERVED: [u8; 5] = [0x01, 0x80, 0xc2, 0x00, 0x00];

/// The address of one that sends and receives frames, or of a group of such.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Address(pub [u8; 6]);

impl Address {
    /// What the owner of port `index` is called. It is of those that nobody hands out.
    pub const fn of_port(index: usize) -> Self {
        Self([0x02, b'A', b'9', b'N', 0, index as u8 + 1])
    }

    /// Whether many listen to it.
    pub const fn is_group(self) -> bool {
        self.0[0] & 1 != 0
    }

    /// Whether frames for it stay where they are.
    pub fn is_reserved(self) -> bool {
        self.0.starts_with(&RESERVED) && self.0[5] < 16
    }

    /// It as a number, the first byte being the highest of six.
    pub const fn number(self) -> u64 {
        let [a, b, c, d, e, f] = self.0;
        u64::from_be_bytes([0, 0, a, b, c, d, e, f])
    }

    /// The address with this [number](Self::number).
    pub const fn from_number(number: u64) -> Self {
        let [_, _, a, b, c, d, e, f] = number.to_be_bytes();
        Self([a, b, c, d, e, f])
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [first, rest @ ..] = self.0;
        write!(f, "{first:02x}")?;
        rest.iter().try_for_each(|byte| write!(f, ":{byte:02x}"))
    }
}
