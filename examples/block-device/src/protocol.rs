//! What the owner of the machine and the driver agree upon.

use nun::aci::{WORKSPACE_ADDRESS, slot};
use nun_driver::virtio::{Layout, Part};

/// Where the device's registers are mapped for the driver.
pub const REGISTERS: u64 = WORKSPACE_ADDRESS;

/// Where the memory is mapped for it that it shares with the device, and its pages.
pub const DMA: u64 = WORKSPACE_ADDRESS + (1 << 30);
/// See above.
pub const DMA_PAGES: u64 = 64;

/// Slot of the Notification Port that the device's interrupt signals.
pub const SIGNAL: u64 = slot::GRANTED;

/// Entry of the device's MSI-X table that its queue uses.
pub const VECTOR: u16 = 0;

/// What the driver is told, as the words of a message.
pub const WORDS: usize = 9;

/// What a driver has to know.
#[derive(Clone, Copy)]
pub struct Assignment {
    /// Bytes of the registers.
    pub bytes: u64,
    /// Physical address of the shared memory.
    pub physical: u64,
    /// Where the parts of the registers lie, all of them in one BAR.
    pub layout: Layout,
}

impl Assignment {
    /// It as the words of a message.
    #[allow(dead_code, reason = "the driver only reads it")]
    pub fn to_words(self) -> [u64; WORDS] {
        let Layout { common, notify, notify_multiplier, interrupt_status, device } = self.layout;
        let word = |part: Part| u64::from(part.offset) << 32 | u64::from(part.bytes);
        [
            self.bytes,
            self.physical,
            common.bar.into(),
            word(common),
            word(notify),
            notify_multiplier.into(),
            word(interrupt_status),
            device.is_some().into(),
            device.map_or(0, word),
        ]
    }

    /// What [`to_words`](Self::to_words) made words of.
    #[allow(dead_code, reason = "the owner only writes it")]
    pub fn from_words(words: &[u64; WORDS]) -> Self {
        let [bytes, physical, bar, common, notify, multiplier, status, has_device, device] = *words;
        let part =
            |word: u64| Part { bar: bar as u8, offset: (word >> 32) as u32, bytes: word as u32 };
        let layout = Layout {
            common: part(common),
            notify: part(notify),
            notify_multiplier: multiplier as u32,
            interrupt_status: part(status),
            device: (has_device != 0).then(|| part(device)),
        };
        Self { bytes, physical, layout }
    }
}
