//! Simulated devices: lines and messages that tests raise, and I/O ports that remember.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::{Hash, Hasher};

use a9n_hal::{Devices, Interrupt, InterruptMessage, PortWidth};

use crate::SimMachine;

/// Lines and messages that the machine has, of each.
const INTERRUPTS: u8 = 24;

/// State of the devices.
#[derive(Clone, Debug, Default)]
pub(crate) struct SimDevices {
    unmasked: BTreeSet<u64>,
    ports: BTreeMap<u16, u8>,
}

impl SimDevices {
    /// A device raises `interrupt`. Answers whether it comes in; a line is masked by that.
    pub(crate) fn raise(&mut self, interrupt: Interrupt) -> bool {
        match interrupt {
            Interrupt::Line(_) => self.unmasked.remove(&interrupt.number()),
            Interrupt::Message(_) => self.unmasked.contains(&interrupt.number()),
        }
    }

    /// Tells devices apart that would go on in different ways.
    pub(crate) fn hash_into(&self, hasher: &mut impl Hasher) {
        self.unmasked.hash(hasher);
        self.ports.hash(hasher);
    }
}

impl Devices for SimMachine {
    fn has_interrupt(&self, interrupt: Interrupt) -> bool {
        let (Interrupt::Line(number) | Interrupt::Message(number)) = interrupt;
        number < INTERRUPTS
    }

    fn unmask(&self, interrupt: Interrupt) {
        assert!(self.has_interrupt(interrupt));
        self.state.borrow_mut().devices.unmasked.insert(interrupt.number());
    }

    fn mask(&self, interrupt: Interrupt) {
        self.state.borrow_mut().devices.unmasked.remove(&interrupt.number());
    }

    fn message(&self, interrupt: Interrupt) -> Option<InterruptMessage> {
        match interrupt {
            Interrupt::Message(number) if number < INTERRUPTS => {
                Some(InterruptMessage { address: 0xfee0_0000, data: u64::from(number) })
            }
            _ => None,
        }
    }

    fn read_port(&self, port: u16, width: PortWidth) -> u32 {
        let state = self.state.borrow();
        (0..width.ports()).rev().fold(0, |value, offset| {
            let byte = state.devices.ports.get(&(port + offset)).copied().unwrap_or(0xff);
            (value << 8) | u32::from(byte)
        })
    }

    fn write_port(&self, port: u16, width: PortWidth, value: u32) {
        let ports = &mut self.state.borrow_mut().devices.ports;
        for (offset, byte) in (0..width.ports()).zip(value.to_le_bytes()) {
            ports.insert(port + offset, byte);
        }
    }
}
