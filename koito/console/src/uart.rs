//! The 16550 (National Semiconductor PC16550D data sheet, section 8): registers, no queues.

use nun::IoPort;

/// A serial port.
pub struct Uart {
    ports: IoPort,
    base: u16,
    /// What the interrupt enable register holds.
    enabled: u8,
}

/// Registers, as offsets.
mod register {
    pub const DATA: u16 = 0;
    pub const INTERRUPT_ENABLE: u16 = 1;
    /// Read: which interrupt. Written: FIFO control.
    pub const INTERRUPT: u16 = 2;
    pub const LINE_CONTROL: u16 = 3;
    pub const MODEM_CONTROL: u16 = 4;
    pub const LINE_STATUS: u16 = 5;
}

/// Interrupt enable: a byte came.
const RECEIVED: u8 = 1;
/// Interrupt enable: there is room to send.
const SENT: u8 = 2;
/// Interrupt: none. (The bit is inverted.)
const NONE: u8 = 1;
/// FIFO control: on, neither side emptied, an interrupt for every byte.
const FIFO_ON: u8 = 0x01;
/// Line control: eight bits, no parity, one stop bit.
const EIGHT_BITS: u8 = 0x03;
/// Modem control: terminal ready, request to send, and the gate of the interrupt line.
const READY: u8 = 0x0b;
/// Line status: a byte is there.
const HAS_BYTE: u8 = 0x01;
/// Line status: all that was to be sent is gone.
const CAN_SEND: u8 = 0x20;

impl Uart {
    /// Bytes that can be sent at once.
    pub const FIFO_BYTES: usize = 16;

    /// The port whose registers begin at `base`. Its speed stays what the kernel set.
    pub fn start(ports: IoPort, base: u16) -> Self {
        let mut uart = Self { ports, base, enabled: 0 };
        uart.write(register::INTERRUPT_ENABLE, 0);
        uart.write(register::LINE_CONTROL, EIGHT_BITS);
        uart.write(register::INTERRUPT, FIFO_ON);
        uart.write(register::MODEM_CONTROL, READY);
        uart.enable(RECEIVED);
        uart
    }

    /// The next byte that came.
    pub fn receive(&self) -> Option<u8> {
        let has_byte = self.read(register::LINE_STATUS) & HAS_BYTE != 0;
        has_byte.then(|| self.read(register::DATA))
    }

    /// Whether [`FIFO_BYTES`](Self::FIFO_BYTES) can be sent.
    pub fn can_send(&self) -> bool {
        self.read(register::LINE_STATUS) & CAN_SEND != 0
    }

    /// Sends a byte.
    pub fn send(&self, byte: u8) {
        self.write(register::DATA, byte);
    }

    /// Whether an interrupt comes when there is room to send.
    pub fn ask_to_send(&mut self, asked: bool) {
        self.enable(if asked { RECEIVED | SENT } else { RECEIVED });
    }

    /// Whether it has something to interrupt for.
    pub fn is_interrupting(&self) -> bool {
        self.read(register::INTERRUPT) & NONE == 0
    }

    fn enable(&mut self, interrupts: u8) {
        if self.enabled != interrupts {
            self.enabled = interrupts;
            self.write(register::INTERRUPT_ENABLE, interrupts);
        }
    }

    fn read(&self, register: u16) -> u8 {
        let value = self.ports.read(u64::from(self.base + register), 8);
        value.expect("the ports are the component's own") as u8
    }

    fn write(&self, register: u16, value: u8) {
        let written = self.ports.write(u64::from(self.base + register), 8, value.into());
        written.expect("the ports are the component's own");
    }
}
