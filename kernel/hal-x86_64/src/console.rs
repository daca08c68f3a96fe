//! The early console: the first serial port (a 16550 at its legacy address), 115200 baud.
//!
//! Without one, whatever is written is lost; nothing ever waits for long.

use core::sync::atomic::{AtomicBool, Ordering::Relaxed};

use a9n_hal::Text;
use x86_64::instructions::port::Port;

const BASE: u16 = 0x3f8;
const DATA: u16 = BASE;
const INTERRUPT_ENABLE: u16 = BASE + 1;
const FIFO_CONTROL: u16 = BASE + 2;
const LINE_CONTROL: u16 = BASE + 3;
const MODEM_CONTROL: u16 = BASE + 4;
const LINE_STATUS: u16 = BASE + 5;
const SCRATCH: u16 = BASE + 7;

/// 115200 baud, the highest.
const DIVISOR: u8 = 1;
/// Line control: data and interrupt registers hold the divisor instead.
const DIVISOR_ACCESS: u8 = 0x80;
/// Line control: eight bits, no parity, one stop bit.
const EIGHT_BITS: u8 = 0x03;
/// FIFO control: on, both emptied.
const FIFO_ON: u8 = 0x07;
/// Modem control: terminal ready, request to send.
const READY: u8 = 0x03;
/// Line status: room for a byte.
const CAN_SEND: u8 = 0x20;
/// Line status: everything is sent.
#[cfg(feature = "debug-exit")]
const ALL_SENT: u8 = 0x40;

/// Looks at the line status before the port is given up; far more than a byte takes to send.
const PATIENCE: u32 = 1_000_000;

static PRESENT: AtomicBool = AtomicBool::new(false);

fn read(register: u16) -> u8 {
    // SAFETY: the kernel alone uses this serial port; its registers do not touch memory.
    unsafe { Port::new(register).read() }
}

fn write(register: u16, value: u8) {
    // SAFETY: as for `read`.
    unsafe { Port::new(register).write(value) }
}

/// Sets up the serial port, if there is one.
pub fn start() {
    write(SCRATCH, 0xa9);
    if read(SCRATCH) != 0xa9 {
        return;
    }
    write(INTERRUPT_ENABLE, 0);
    write(LINE_CONTROL, DIVISOR_ACCESS);
    write(DATA, DIVISOR);
    write(INTERRUPT_ENABLE, 0);
    write(LINE_CONTROL, EIGHT_BITS);
    write(FIFO_CONTROL, FIFO_ON);
    write(MODEM_CONTROL, READY);
    PRESENT.store(true, Relaxed);
}

/// Writes one byte; a line feed also returns the carriage.
pub fn write_byte(byte: u8) {
    if byte == b'\n' {
        send(b'\r');
    }
    send(byte);
}

fn send(byte: u8) {
    if !PRESENT.load(Relaxed) {
        return;
    }
    if (0..PATIENCE).any(|_| read(LINE_STATUS) & CAN_SEND != 0) {
        write(DATA, byte);
    } else {
        // What never sends is no serial port, and would take a second for each byte.
        PRESENT.store(false, Relaxed);
    }
}

/// Waits until everything that was written is sent.
#[cfg(feature = "debug-exit")]
pub fn drain() {
    let _ = PRESENT.load(Relaxed) && (0..PATIENCE).any(|_| read(LINE_STATUS) & ALL_SENT != 0);
}

/// Says something.
pub fn say(message: impl FnOnce(&mut Text<'_>)) {
    message(&mut Text::new(&mut write_byte));
}
