//! Simulated devices: lines and messages that tests raise, and I/O ports that remember.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use a9n_hal::{Devices, Interrupt, InterruptMessage, PortWidth};

use crate::SimMachine;

/// Lines and messages that the machine has, of each.
const INTERRUPTS: u8 = 24;

/// State of the devices.
#[derive(Debug, Default)]
pub struct SimDevices {
    unmasked: RefCell<BTreeSet<u64>>,
    ports: RefCell<BTreeMap<u16, u8>>,
}

impl SimDevices {
    /// A device raises `interrupt`. Answers whether it comes in; a line is masked by that.
    pub fn raise(&self, interrupt: Interrupt) -> bool {
        let mut unmasked = self.unmasked.borrow_mut();
        match interrupt {
            Interrupt::Line(_) => unmasked.remove(&interrupt.number()),
            Interrupt::Message(_) => unmasked.contains(&interrupt.number()),
        }
    }
}

impl Devices for SimMachine {
    fn has_interrupt(&self, interrupt: Interrupt) -> bool {
        let (Interrupt::Line(number) | Interrupt::Message(number)) = interrupt;
        number < INTERRUPTS
    }

    fn unmask(&self, interrupt: Interrupt) {
        assert!(self.has_interrupt(interrupt));
        self.devices.unmasked.borrow_mut().insert(interrupt.number());
    }

    fn mask(&self, interrupt: Interrupt) {
        self.devices.unmasked.borrow_mut().remove(&interrupt.number());
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
        let ports = self.devices.ports.borrow();
        (0..width.ports()).rev().fold(0, |value, offset| {
            let byte = ports.get(&(port + offset)).copied().unwrap_or(0xff);
            (value << 8) | u32::from(byte)
        })
    }

    fn write_port(&self, port: u16, width: PortWidth, value: u32) {
        let mut ports = self.devices.ports.borrow_mut();
        for (offset, byte) in (0..width.ports()).zip(value.to_le_bytes()) {
            ports.insert(port + offset, byte);
        }
    }
}
