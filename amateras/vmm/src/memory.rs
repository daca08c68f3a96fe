//! The memory of a guest: frames that are mapped for the guest, and for its monitor.

use amateras_devices::{GuestMemory, Outside};
use nun::abi::boot::PAGE_BYTES;
use nun::mapped::Mapped;
use nun::memory::{Maker, Piece, Space};
use nun::{Access, AddressSpace, Error, Frame, Slots, VirtualAddressSpace, Window, map_pages};

/// Logarithm of the bytes of a large page.
const LARGE_BITS: u32 = 21;

/// A guest's memory, from address 0 on. Copies are the same memory.
#[derive(Clone, Copy, Debug)]
pub struct Memory {
    mapped: Mapped,
}

impl Memory {
    /// `bytes` bytes, whole pages, from `maker`, in the guest's `guest` and the own `space`. They are
    /// zero. What was made stays where it is should it fail.
    pub fn new<M: Maker, const REGIONS: usize, const TABLES: usize>(
        maker: &mut M,
        space: &mut Space<REGIONS, TABLES>,
        guest: VirtualAddressSpace,
        bytes: u64,
    ) -> Result<Self, Error> {
        let start = space.reserve(bytes / PAGE_BYTES, LARGE_BITS)?;
        let access = Access::READ | Access::WRITE;
        let (mut done, mut bits) = (0, bytes.checked_ilog2().unwrap_or(0));
        while done < bytes {
            // Pieces become smaller, so each is as aligned as it is long.
            bits = bits.min((bytes - done).ilog2());
            let frame: Frame = match maker.make(bits as u8) {
                // There is none of that size, but perhaps some that are smaller.
                Err(_) if bits > LARGE_BITS => {
                    bits -= 1;
                    continue;
                }
                made => made?,
            };
            let length = 1 << bits;
            let (address, pages) = (start + done, length / PAGE_BYTES);
            space.map(maker, &[Piece { address, frame, offset: 0, pages, access }])?;
            map_for_guest(maker, guest, frame, done, length)?;
            done += length;
        }
        Ok(Self { mapped: Mapped::in_workspace(start, bytes) })
    }
}

/// Maps all `bytes` bytes of `frame` into `guest`'s memory at `address`.
fn map_for_guest(
    maker: &mut impl Maker,
    guest: VirtualAddressSpace,
    frame: Frame,
    address: u64,
    bytes: u64,
) -> Result<(), Error> {
    // Its operations are those of an address space.
    let space = AddressSpace::at(guest.descriptor());
    let slot = maker.slots().take_slot()?;
    let (node, bits) = (maker.slots().node(), bytes.trailing_zeros().into());
    frame.attach(space, address, bits, node, slot)?;
    let window = Window::at(maker.slots().descriptor(slot));
    let access = Access::READ | Access::WRITE;
    map_pages(space, window, address, bytes / PAGE_BYTES, access, || maker.make(0))
}

impl GuestMemory for Memory {
    fn bytes(&self) -> u64 {
        self.mapped.bytes() as u64
    }

    fn read(&self, address: u64, bytes: &mut [u8]) -> Result<(), Outside> {
        let offset = self.offset(address, bytes.len())?;
        self.mapped.copy_to(offset, bytes);
        Ok(())
    }

    fn write(&mut self, address: u64, bytes: &[u8]) -> Result<(), Outside> {
        let offset = self.offset(address, bytes.len())?;
        self.mapped.copy_from(offset, bytes);
        Ok(())
    }

    fn load(&self, address: u64) -> Result<u16, Outside> {
        Ok(self.mapped.read_half(self.offset(address, size_of::<u16>())?))
    }

    fn store(&mut self, address: u64, value: u16) -> Result<(), Outside> {
        self.mapped.write_half(self.offset(address, size_of::<u16>())?, value);
        Ok(())
    }
}

impl Memory {
    fn offset(&self, address: u64, length: usize) -> Result<usize, Outside> {
        let offset = usize::try_from(address).map_err(|_| Outside)?;
        let end = offset.checked_add(length).ok_or(Outside)?;
        if end <= self.mapped.bytes() { Ok(offset) } else { Err(Outside) }
    }
}
