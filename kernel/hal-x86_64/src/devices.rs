//! Devices as user-level drivers reach them: the HAL's [`Devices`].
//!
//! All interrupts go to the CPU that booted. A line is masked at its I/O APIC. A message cannot
//! be: one that arrives unwanted is dropped.

use core::sync::atomic::{AtomicU64, Ordering::Relaxed};

use a9n_hal::{Devices, Interrupt, InterruptMessage, PortWidth};
use x86_64::instructions::port::Port;

use crate::cpu::Cpu;
use crate::vectors::Vector;
use crate::{X86_64, apic, io_apic};

/// Where a message to local APIC 0 is written (Intel SDM, volume 3, section 11.11.1).
const MESSAGE_ADDRESS: u64 = 0xfee0_0000;
/// Message address: where the receiving local APIC's identifier stands.
const DESTINATION_SHIFT: u32 = 12;

/// A bit for each message that is not masked.
static WANTED: [AtomicU64; 4] = [const { AtomicU64::new(0) }; 4];

/// The word with the bit of `message`, and that bit.
fn wanted(message: u8) -> (&'static AtomicU64, u64) {
    (&WANTED[usize::from(message >> 6)], 1 << (message & 63))
}

/// Takes notice, in the kernel, that `interrupt` came in on this CPU: a line is masked. Answers
/// whether anybody wants it.
pub fn accept(interrupt: Interrupt) -> bool {
    if let Interrupt::Line(line) = interrupt {
        io_apic::mask(line);
    }
    apic::end_interrupt();
    is_wanted(interrupt)
}

/// Whether anybody wants `interrupt`, which came in.
fn is_wanted(interrupt: Interrupt) -> bool {
    match interrupt {
        Interrupt::Line(_) => true,
        Interrupt::Message(message) => {
            let (word, bit) = wanted(message);
            word.load(Relaxed) & bit != 0
        }
    }
}

impl Devices for X86_64 {
    fn has_interrupt(&self, interrupt: Interrupt) -> bool {
        let exists = match interrupt {
            Interrupt::Line(line) => io_apic::has(line),
            Interrupt::Message(_) => true,
        };
        exists && Vector::of(interrupt).is_some()
    }

    fn unmask(&self, interrupt: Interrupt) {
        match interrupt {
            Interrupt::Line(line) => io_apic::unmask(line),
            Interrupt::Message(message) => {
                let (word, bit) = wanted(message);
                word.store(word.load(Relaxed) | bit, Relaxed);
            }
        }
    }

    fn mask(&self, interrupt: Interrupt) {
        match interrupt {
            Interrupt::Line(line) => io_apic::mask(line),
            Interrupt::Message(message) => {
                let (word, bit) = wanted(message);
                word.store(word.load(Relaxed) & !bit, Relaxed);
            }
        }
    }

    fn message(&self, interrupt: Interrupt) -> Option<InterruptMessage> {
        match (interrupt, Vector::of(interrupt)) {
            (Interrupt::Message(_), Some(vector)) => {
                let receiver = u64::from(Cpu::boot().local_apic.load(Relaxed));
                let address = MESSAGE_ADDRESS | receiver << DESTINATION_SHIFT;
                Some(InterruptMessage { address, data: vector.0.into() })
            }
            _ => None,
        }
    }

    fn read_port(&self, port: u16, width: PortWidth) -> u32 {
        // SAFETY: reading a port changes no memory, unless a device is told to by that; whoever
        // was given the port is trusted with it (see the crate's documentation).
        unsafe {
            match width {
                PortWidth::Byte => Port::<u8>::new(port).read().into(),
                PortWidth::Word => Port::<u16>::new(port).read().into(),
                PortWidth::Double => Port::<u32>::new(port).read(),
            }
        }
    }

    fn write_port(&self, port: u16, width: PortWidth, value: u32) {
        // SAFETY: as for `read_port`.
        unsafe {
            match width {
                PortWidth::Byte => Port::new(port).write(value as u8),
                PortWidth::Word => Port::new(port).write(value as u16),
                PortWidth::Double => Port::new(port).write(value),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_is_dropped_unless_it_is_unmasked() {
        let (machine, message) = (X86_64, Interrupt::Message(77));
        assert!(!is_wanted(message));
        machine.unmask(message);
        assert!(is_wanted(message) && is_wanted(message));
        assert!(!is_wanted(Interrupt::Message(78)));
        machine.mask(message);
        assert!(!is_wanted(message));
    }

    #[test]
    fn a_message_names_its_receiver_and_vector() {
        Cpu::boot().local_apic.store(3, Relaxed);
        let message = X86_64.message(Interrupt::Message(1));
        let data = u64::from(Vector::FIRST_MESSAGE.0) + 1;
        assert_eq!(message, Some(InterruptMessage { address: 0xfee0_3000, data }));
        assert_eq!(X86_64.message(Interrupt::Line(1)), None);
    }
}
