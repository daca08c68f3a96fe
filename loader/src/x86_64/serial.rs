//! The first serial port of a PC (16550 UART), polled.

use core::{arch::asm, fmt};

const COM1: u16 = 0x3f8;
const DATA: u16 = COM1;
const INTERRUPTS: u16 = COM1 + 1;
const FIFO: u16 = COM1 + 2;
const LINE: u16 = COM1 + 3;
const MODEM: u16 = COM1 + 4;
const LINE_STATUS: u16 = COM1 + 5;
const TRANSMITTER_EMPTY: u8 = 1 << 5;

/// Polls before a byte is given up: there may be no port, or nobody who reads.
const PATIENCE: u32 = 100_000;

/// The port.
pub struct Serial;

impl Serial {
    /// Sets 115200 bits per second, eight bits, no parity, one stop bit, without interrupts.
    pub fn start() {
        for (port, value) in [
            (INTERRUPTS, 0),
            (LINE, 0x80), // the next two set the divisor
            (DATA, 1),
            (INTERRUPTS, 0),
            (LINE, 3),
            (FIFO, 7),
            (MODEM, 3),
        ] {
            write(port, value);
        }
    }
}

impl fmt::Write for Serial {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for byte in text.bytes() {
            (0..PATIENCE).find(|_| read(LINE_STATUS) & TRANSMITTER_EMPTY != 0).ok_or(fmt::Error)?;
            write(DATA, byte);
        }
        Ok(())
    }
}

fn write(port: u16, value: u8) {
    // SAFETY: only called with the ports above, which reach nothing but the UART.
    unsafe {
        asm!("out dx, al", in("dx") port, in("al") value, options(nomem, nostack, preserves_flags));
    }
}

fn read(port: u16) -> u8 {
    let value;
    // SAFETY: as for `write`.
    unsafe {
        asm!("in al, dx", in("dx") port, out("al") value, options(nomem, nostack, preserves_flags));
    }
    value
}
