//! Device space, by physical address.

use nun::memory::Buddy;
use nun::{Descriptor, Error, Frame, InitInfo, ObjectType, Slots};

/// Device space as init receives it, of which frames are cut out where they are wanted. Each is
/// there once: two devices whose registers share a page share its frame.
#[derive(Clone, Debug)]
pub struct DeviceMemory {
    buddy: Buddy<512>,
}

impl DeviceMemory {
    /// All device Generics of init; of more than 512, the smallest are left out.
    pub fn new(init: &InitInfo) -> Self {
        let mut buddy = Buddy::new();
        for bits in (0..=u8::MAX).rev() {
            let devices = init.generics().iter().filter(|generic| generic.device == 1);
            for generic in devices.filter(|generic| generic.size_bits == bits) {
                // Refused only for want of a record.
                let _ = buddy.add(generic.slot.into(), bits);
            }
        }
        Self { buddy }
    }

    /// The frame of 2^`size_bits` bytes at `address`, which is aligned to as many. `slots` are those
    /// of init's root node. *Not enough memory* if that is not all device space, or was cut out
    /// already.
    pub fn frame(
        &mut self,
        address: u64,
        size_bits: u8,
        slots: &mut impl Slots,
    ) -> Result<Frame, Error> {
        let block = self.buddy.allocate_at(address, size_bits, slots)?;
        let made = slots.take_slot().and_then(|slot| {
            let made = block.convert(ObjectType::Frame, size_bits.into(), 1, slots.node(), slot);
            if made.is_err() {
                slots.put(slot);
            }
            made.map(|_| slot)
        });
        match made {
            Ok(slot) => {
                self.buddy.note(block, slot as u16, slots)?;
                Ok(Frame::at(slots.descriptor(slot)))
            }
            Err(error) => {
                self.buddy.free(block, slots)?;
                Err(error)
            }
        }
    }

    /// Takes back what [`frame`](Self::frame) answered, and all of its mappings.
    pub fn give_back(&mut self, frame: Frame, slots: &mut impl Slots) -> Result<(), Error> {
        let unknown = Error::new(nun::Reason::InvalidArgument, nun::Culprit::argument(1));
        let slot = slots.index(Descriptor::from(frame)).filter(|slot| *slot != 0).ok_or(unknown)?;
        let block = self.buddy.noted(slot as u16, slots).ok_or(unknown)?;
        self.buddy.free(block, slots)?;
        slots.put(slot);
        Ok(())
    }
}
