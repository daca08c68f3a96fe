//! The registers that all kinds have in common (VIRTIO 1.2, section 4.1.4.3).

use super::feature;
use super::msix::{NO_VECTOR, VECTORS};
use super::queue::{Malformed, Queue};
use super::transport::{Transport, status};

impl Transport {
    fn selected(&mut self) -> Option<&mut Queue> {
        self.queues.get_mut(usize::from(self.selected))
    }

    pub(super) fn read_common(&mut self, offset: u64) -> u32 {
        let half = |value: u64, half: u32| match half {
            0 => value as u32,
            1 => (value >> 32) as u32,
            _ => 0,
        };
        let queue = self.selected().cloned().unwrap_or_default();
        match offset {
            0x00 => self.offered_half,
            0x04 => half(self.offered, self.offered_half),
            0x08 => self.accepted_half,
            0x0c => half(self.accepted, self.accepted_half),
            0x10 => self.change_vector.into(),
            0x12 => self.queues.len() as u32,
            0x14 => self.status.into(),
            0x15 => self.generation.into(),
            0x16 => self.selected.into(),
            0x18 => queue.size.into(),
            0x1a => queue.vector.into(),
            0x1c => queue.enabled.into(),
            0x20 => half(queue.descriptors, 0),
            0x24 => half(queue.descriptors, 1),
            0x28 => half(queue.available, 0),
            0x2c => half(queue.available, 1),
            0x30 => half(queue.used, 0),
            0x34 => half(queue.used, 1),
            _ => 0,
        }
    }

    pub(super) fn write_common(&mut self, offset: u64, value: u32) {
        let vector = if value < VECTORS as u32 { value as u16 } else { NO_VECTOR };
        match offset {
            0x00 => self.offered_half = value,
            0x08 => self.accepted_half = value,
            // Features are settled before the device takes them.
            0x0c if self.status & status::FEATURES_OK == 0 => {
                set_half(&mut self.accepted, self.accepted_half, value);
            }
            0x10 => self.change_vector = vector,
            0x14 => self.write_status(value as u8),
            0x16 => self.selected = value as u16,
            _ => self.write_queue(offset, value, vector),
        }
    }

    fn write_status(&mut self, value: u8) {
        if value == 0 {
            return self.reset();
        }
        let mut value = value & status::BY_DRIVER | self.status & status::NEEDS_RESET;
        let fits = self.accepted & !self.offered == 0 && self.has(feature::VERSION_1);
        if self.status & status::FEATURES_OK == 0 && !fits {
            value &= !status::FEATURES_OK;
        }
        // What the driver has set stays until it resets the device.
        self.status |= value;
    }

    fn write_queue(&mut self, offset: u64, value: u32, vector: u16) {
        let Some(queue) = self.selected() else { return };
        match offset {
            0x1a => queue.vector = vector,
            // What an enabled queue consists of stays.
            _ if queue.enabled => {}
            0x18 => queue.size = value as u16,
            0x1c if value == 1 && queue.is_sound() => queue.enabled = true,
            0x1c => {
                self.refuse::<()>(Malformed::Queue);
            }
            0x20 => set_half(&mut queue.descriptors, 0, value),
            0x24 => set_half(&mut queue.descriptors, 1, value),
            0x28 => set_half(&mut queue.available, 0, value),
            0x2c => set_half(&mut queue.available, 1, value),
            0x30 => set_half(&mut queue.used, 0, value),
            0x34 => set_half(&mut queue.used, 1, value),
            _ => {}
        }
    }
}

/// Sets the lower or the upper half of a register.
const fn set_half(register: &mut u64, half: u32, value: u32) {
    match half {
        0 => *register = *register & !0xffff_ffff | value as u64,
        1 => *register = *register & 0xffff_ffff | (value as u64) << 32,
        _ => {}
    }
}
