//! The board: which device answers at which port, and whose line goes where.
//!
//! The bus is the old one, a byte wide: a wider access is one to each of its bytes. Where nothing is,
//! reads are all ones and writes get lost. [PCI](crate::pci) is wider, and sees an access first, whole.

use crate::pci::{INTERRUPT_LINES, Pci};
use crate::{Clock, Line, Pics, Pit, Time, Uart, mask};

/// What a guest asks of the whole machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Request {
    /// To start again from the beginning.
    Reset,
}

/// Status of the keyboard controller: its output is full, and stays so. That is how drivers find out
/// at once that there is none. It can be written to.
const NO_KEYBOARD: u8 = 0x01;
/// Command of the keyboard controller: reset the processor.
const RESET_PULSE: u8 = 0xfe;
/// Port 0x92: reset; line 20 of the addresses is open.
const FAST_RESET: u8 = 0x01;
const A20_OPEN: u8 = 0x02;
/// Port 0xcf9: reset, now.
const RESET_NOW: u8 = 0x04;

/// All devices of the machine.
#[derive(Clone, Debug)]
pub struct Board {
    pics: Pics,
    pit: Pit,
    uart: Uart,
    clock: Clock,
    /// What is on its bus.
    pub pci: Pci,
    request: Option<Request>,
}

impl Board {
    /// A machine that is switched on `epoch` seconds after 1970 began.
    pub fn new(epoch: u64) -> Self {
        let mut pics = Pics::default();
        // Firmware tells the controllers where pins of PCI are, which share lines.
        let levels = INTERRUPT_LINES.iter().fold(0_u16, |lines, line| lines | 1 << line);
        pics.write_triggers(0x4d0, levels as u8);
        pics.write_triggers(0x4d1, (levels >> 8) as u8);
        Self {
            pics,
            pit: Pit::default(),
            uart: Uart::default(),
            clock: Clock::new(epoch),
            pci: Pci::default(),
            request: None,
        }
    }

    /// Switches it off, and on again `epoch` seconds after 1970 began. What is on its bus stays there.
    pub fn restart(&mut self, epoch: u64) {
        let mut pci = core::mem::take(&mut self.pci);
        pci.restart();
        *self = Self { pci, ..Self::new(epoch) };
    }

    /// Reads `bytes` bytes, at most 4, from `port` on.
    pub fn read(&mut self, port: u16, bytes: u8, now: Time) -> u32 {
        if let Some(value) = self.pci.read_port(port, bytes) {
            self.connect_pci();
            return value;
        }
        let mut value = [0xff; 4];
        for (port, byte) in (port..=u16::MAX).zip(value.iter_mut().take(bytes.into())) {
            *byte = self.read_byte(port, now);
        }
        u32::from_le_bytes(value) & mask(bytes)
    }

    /// Writes the lowest `bytes` bytes of `value`, at most 4, from `port` on.
    pub fn write(&mut self, port: u16, bytes: u8, value: u32, now: Time) {
        if self.pci.write_port(port, bytes, value) {
            return self.connect_pci();
        }
        for (port, byte) in (port..=u16::MAX).zip(value.to_le_bytes()).take(bytes.into()) {
            self.write_byte(port, byte, now);
        }
    }

    /// Lets happen what happens by itself up to `now`.
    pub fn advance(&mut self, now: Time) {
        // The line falls in between, however often the output rose: rises that nobody took in time
        // are one.
        if self.pit.timer().take_rises(now) > 0 {
            self.pics.set_line(Line::TIMER, false);
            self.pics.set_line(Line::TIMER, true);
        }
    }

    /// When [`advance`](Self::advance) has to be called next, even if the guest does nothing.
    pub fn deadline(&mut self) -> Option<Time> {
        if self.pics.is_masked(Line::TIMER) { None } else { self.pit.timer().next_rise() }
    }

    /// Whether the processor is asked for an interrupt.
    pub const fn has_interrupt(&self) -> bool {
        self.pics.is_pending()
    }

    /// The processor takes the interrupt; answers its vector.
    pub fn take_interrupt(&mut self) -> u8 {
        self.pics.acknowledge()
    }

    /// What the guest asked of the machine since this was last called.
    pub const fn take_request(&mut self) -> Option<Request> {
        self.request.take()
    }

    /// Takes what the guest sent over its serial port, as much as `bytes` has room for. Answers how
    /// much.
    pub fn take_output(&mut self, bytes: &mut [u8]) -> usize {
        let count = self.uart.take_output(bytes);
        self.connect_uart();
        count
    }

    /// Whether there is something to take.
    pub fn has_output(&self) -> bool {
        self.uart.has_output()
    }

    /// How many bytes the serial port can receive now.
    pub fn input_room(&self) -> usize {
        self.uart.room()
    }

    /// Bytes come in at the serial port; what it has no room for is lost.
    pub fn input(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|byte| self.uart.receive(*byte));
        self.connect_uart();
    }

    fn read_byte(&mut self, port: u16, now: Time) -> u8 {
        match port {
            0x20 | 0x21 | 0xa0 | 0xa1 => {
                self.advance(now);
                self.pics.read(port)
            }
            0x4d0 | 0x4d1 => self.pics.read_triggers(port),
            0x40..=0x43 => self.pit.read(port, now),
            0x61 => self.pit.read_speaker(now),
            0x60 => 0,
            0x64 => NO_KEYBOARD,
            0x71 => self.clock.read(now),
            0x92 => A20_OPEN,
            0x3f8..=0x3ff => {
                let value = self.uart.read(port - 0x3f8);
                self.connect_uart();
                value
            }
            _ => 0xff,
        }
    }

    fn write_byte(&mut self, port: u16, value: u8, now: Time) {
        match port {
            0x20 | 0x21 | 0xa0 | 0xa1 => self.pics.write(port, value),
            0x4d0 | 0x4d1 => self.pics.write_triggers(port, value),
            0x40..=0x43 => self.pit.write(port, value, now),
            0x61 => self.pit.write_speaker(value, now),
            0x64 if value == RESET_PULSE => self.request = Some(Request::Reset),
            0x70 => self.clock.select(value),
            0x71 => self.clock.write(value),
            0x92 if value & FAST_RESET != 0 => self.request = Some(Request::Reset),
            0xcf9 if value & RESET_NOW != 0 => self.request = Some(Request::Reset),
            0x3f8..=0x3ff => {
                self.uart.write(port - 0x3f8, value);
                self.connect_uart();
            }
            _ => {}
        }
    }

    /// Has the lines be as the devices on the bus want them, after something was done for one of these.
    pub fn connect_pci(&mut self) {
        let lines = self.pci.lines();
        for line in INTERRUPT_LINES {
            // All of them are lines.
            let Some(name) = Line::new(line) else { continue };
            self.pics.set_line(name, lines & 1 << line != 0);
        }
    }

    fn connect_uart(&mut self) {
        self.pics.set_line(Line::SERIAL, self.uart.is_interrupting());
    }
}
