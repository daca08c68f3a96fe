//! A 16550A serial port (National Semiconductor PC16550D data sheet, section 8).
//!
//! What the guest sends goes into a queue that somebody takes it from; while that is nearly full, the
//! port says that it is still sending. Speed and parity change nothing.

use heapless::Deque;

/// Bytes that wait to be taken from a port.
const OUTPUT_BYTES: usize = 4096;
/// Bytes that a port takes in one go once it says that it can.
const FIFO_BYTES: usize = 16;

/// Interrupt enable: a byte came, there is room, an error, the modem.
const RECEIVED: u8 = 0x01;
const SENT: u8 = 0x02;
/// Interrupt identification: none; then, in the same bits, which.
const NONE: u8 = 0x01;
const IS_SENT: u8 = 0x02;
const IS_RECEIVED: u8 = 0x04;
const IS_TIMEOUT: u8 = 0x0c;
/// Interrupt identification: the FIFOs are on.
const HAS_FIFOS: u8 = 0xc0;
/// FIFO control: on, empty the receiver's.
const FIFOS_ON: u8 = 0x01;
const EMPTY: u8 = 0x02;
/// Line control: the first two registers are the divisor.
const DIVISOR: u8 = 0x80;
/// Modem control: the interrupt's gate, and the port hears itself.
const GATE: u8 = 0x08;
const LOOP: u8 = 0x10;
/// Line status: a byte is there; one was lost; can send; all is sent.
const HAS_BYTE: u8 = 0x01;
const OVERRUN: u8 = 0x02;
const CAN_SEND: u8 = 0x20;
const ALL_SENT: u8 = 0x40;
/// Modem status: the other side is ready and listens.
const CONNECTED: u8 = 0xb0;

/// A serial port.
#[derive(Clone, Debug, Default)]
pub struct Uart {
    divisor: [u8; 2],
    enabled: u8,
    fifo_control: u8,
    line_control: u8,
    modem_control: u8,
    scratch: u8,
    overrun: bool,
    /// There is room to send since the guest looked last.
    is_room_news: bool,
    input: Deque<u8, FIFO_BYTES>,
    output: Deque<u8, OUTPUT_BYTES>,
}

impl Uart {
    /// Whether it asks for an interrupt.
    pub fn is_interrupting(&self) -> bool {
        self.modem_control & GATE != 0 && self.cause() != NONE
    }

    /// How many bytes it can receive now.
    pub fn room(&self) -> usize {
        let capacity = if self.fifo_control & FIFOS_ON != 0 { FIFO_BYTES } else { 1 };
        capacity.saturating_sub(self.input.len())
    }

    /// A byte comes in over the line; without room it is lost.
    pub fn receive(&mut self, byte: u8) {
        if self.room() == 0 || self.input.push_back(byte).is_err() {
            self.overrun = true;
        }
    }

    /// Takes bytes that were sent, as many as there are and `bytes` has room for. Answers how many.
    pub fn take_output(&mut self, bytes: &mut [u8]) -> usize {
        let could_send = self.can_send();
        let mut count = 0;
        for place in bytes {
            let Some(byte) = self.output.pop_front() else { break };
            *place = byte;
            count += 1;
        }
        self.is_room_news |= !could_send && self.can_send();
        count
    }

    /// Whether there are bytes to be taken.
    pub fn has_output(&self) -> bool {
        !self.output.is_empty()
    }

    /// Reads register 0 to 7.
    pub fn read(&mut self, register: u16) -> u8 {
        match register & 7 {
            0 if self.is_divisor() => self.divisor[0],
            1 if self.is_divisor() => self.divisor[1],
            0 => self.input.pop_front().unwrap_or(0),
            1 => self.enabled,
            2 => {
                let cause = self.cause();
                if cause == IS_SENT {
                    self.is_room_news = false;
                }
                if self.fifo_control & FIFOS_ON != 0 { cause | HAS_FIFOS } else { cause }
            }
            3 => self.line_control,
            4 => self.modem_control,
            5 => self.line_status(),
            6 if self.modem_control & LOOP != 0 => {
                // Outputs of the modem control come back: request, ready, and the two spare ones.
                let [ready, request, first, second] =
                    [0, 1, 2, 3].map(|bit| self.modem_control >> bit & 1);
                request << 4 | ready << 5 | first << 6 | second << 7
            }
            6 => CONNECTED,
            _ => self.scratch,
        }
    }

    /// Writes register 0 to 7.
    pub fn write(&mut self, register: u16, value: u8) {
        match register & 7 {
            0 if self.is_divisor() => self.divisor[0] = value,
            1 if self.is_divisor() => self.divisor[1] = value,
            0 if self.modem_control & LOOP != 0 => {
                self.receive(value);
                self.is_room_news = true;
            }
            0 => {
                // A guest that does not wait loses what it sends, as on the wire.
                let _ = self.output.push_back(value);
                self.is_room_news = self.can_send();
            }
            1 => {
                // To ask for this interrupt is to be told at once, if there is room.
                self.is_room_news |= value & !self.enabled & SENT != 0 && self.can_send();
                self.enabled = value & 0x0f;
            }
            2 => {
                if value & EMPTY != 0 || (value ^ self.fifo_control) & FIFOS_ON != 0 {
                    self.input.clear();
                }
                self.fifo_control = value;
            }
            3 => self.line_control = value,
            4 => self.modem_control = value & 0x1f,
            7 => self.scratch = value,
            _ => {}
        }
    }

    fn is_divisor(&self) -> bool {
        self.line_control & DIVISOR != 0
    }

    fn can_send(&self) -> bool {
        OUTPUT_BYTES - self.output.len() >= FIFO_BYTES
    }

    fn line_status(&mut self) -> u8 {
        let overrun = if core::mem::take(&mut self.overrun) { OVERRUN } else { 0 };
        let input = if self.input.is_empty() { 0 } else { HAS_BYTE };
        let output = if self.can_send() { CAN_SEND | ALL_SENT } else { 0 };
        overrun | input | output
    }

    /// Why it interrupts: the most urgent of what is enabled.
    fn cause(&self) -> u8 {
        if self.enabled & RECEIVED != 0 && !self.input.is_empty() {
            return if self.input.len() >= self.threshold() { IS_RECEIVED } else { IS_TIMEOUT };
        }
        if self.enabled & SENT != 0 && self.is_room_news { IS_SENT } else { NONE }
    }

    /// From how many bytes on it is not silence that makes it interrupt.
    fn threshold(&self) -> usize {
        match (self.fifo_control & FIFOS_ON, self.fifo_control >> 6) {
            (0, _) | (_, 0) => 1,
            (_, 1) => 4,
            (_, 2) => 8,
            _ => 14,
        }
    }
}
