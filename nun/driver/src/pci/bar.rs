//! Base address registers: where a function's registers are in memory (PCI Local Bus Specification 3.0,
//! section 6.2.5.1). Whatever a device says there, it is a stretch of memory or nothing.

use pci_types::ConfigRegionAccess;

use super::{Bars, Function, read, write};

/// The first register, and how many there are.
const FIRST: u16 = 0x10;
const COUNT: u8 = 6;

/// Bits of a register.
const IN_IO_SPACE: u32 = 1;
const WIDTH: u32 = 0b11 << 1;
const IS_64_BITS: u32 = 0b10 << 1;
const ADDRESS: u64 = !0xf;

impl Function {
    /// The numbers of its BARs in memory. One of 64 bits takes the place of two.
    pub fn memory_bars(&self, access: &impl ConfigRegionAccess) -> impl Iterator<Item = u8> {
        let mut is_upper_half = false;
        (0..COUNT).filter(move |number| {
            let is_bar = !core::mem::replace(&mut is_upper_half, false);
            let is_wide = is_bar && self.is_wide(access, *number).unwrap_or(false);
            is_upper_half = is_wide;
            is_bar && self.memory_bar(access, *number).is_some()
        })
    }

    /// Where the registers of BAR `number` are in memory, and how many bytes; `None` for a BAR that
    /// is not there, in I/O space, or that the firmware gave no address.
    pub fn bar(&self, access: &impl ConfigRegionAccess, number: u8) -> Option<(u64, u64)> {
        self.memory_bar(access, number).filter(|(address, _)| *address != 0)
    }

    /// What [`bar`](Self::bar) answers for each of them, where `bars` is what the firmware wrote there. To
    /// find out takes writing to them, so the function answers to no address afterwards. Whoever dies in
    /// the middle leaves them spoilt; the next to measure finds the same as if nothing had been.
    pub fn measure(
        &self,
        access: &impl ConfigRegionAccess,
        bars: &Bars,
    ) -> [Option<(u64, u64)>; COUNT as usize] {
        self.disable(access);
        self.restore(access, bars);
        let mut found = [None; COUNT as usize];
        for number in self.memory_bars(access) {
            found[usize::from(number)] = self.bar(access, number);
        }
        found
    }

    /// Whether BAR `number` has 64 bits; `None` if it is not one in memory.
    fn is_wide(&self, access: &impl ConfigRegionAccess, number: u8) -> Option<bool> {
        self.endpoint(access)?;
        let low = read(access, self.address, offset(number)?);
        match low & WIDTH {
            _ if low & IN_IO_SPACE != 0 => None,
            0 => Some(false),
            IS_64_BITS if number + 1 < COUNT => Some(true),
            _ => None,
        }
    }

    /// Address and length of BAR `number`; `None` if it is not implemented, or lies where registers of
    /// that length cannot.
    fn memory_bar(&self, access: &impl ConfigRegionAccess, number: u8) -> Option<(u64, u64)> {
        let width = if self.is_wide(access, number)? { 2 } else { 1 };
        let first = offset(number)?;
        let places = [first, first + 4];
        let words = || places.map(|at| read(access, self.address, at));
        let set = |words: [u32; 2]| {
            let changed = places.into_iter().zip(words).take(width);
            changed.for_each(|(at, word)| write(access, self.address, at, word));
        };
        let number = |[low, high]: [u32; 2]| {
            let high = if width == 2 { high } else { 0 };
            (u64::from(high) << 32 | u64::from(low)) & ADDRESS
        };
        let before = words();
        set([u32::MAX; 2]);
        let ones = number(words());
        set(before);
        let address = number(before);
        // What stays zero when all ones are written is the part within the registers.
        let bytes = 1_u64.checked_shl(ones.trailing_zeros()).filter(|_| ones != 0)?;
        let is_whole = address.is_multiple_of(bytes) && address.checked_add(bytes).is_some();
        is_whole.then_some((address, bytes))
    }
}

/// Where BAR `number` is in configuration space.
fn offset(number: u8) -> Option<u16> {
    (number < COUNT).then(|| FIRST + u16::from(number) * 4)
}
