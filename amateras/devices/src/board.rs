//! The board: which device answers at which address, and whose line goes where.
//!
//! Its own ports are those of the old bus, a byte wide: a wider access is one to each of its bytes. A
//! [`Bus`] is asked before them. Where nothing is, reads are all ones and writes get lost.

use crate::power::Power;
use crate::{
    Bus, Clock, GuestMemory, Interrupts, Line, NoBus, Pit, Place, Time, Uart, World, mask,
};
use crate::{io_apic, local_apic, power};

/// What a guest asks of the whole machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Request {
    /// To start again from the beginning.
    Reset,
    /// To be switched off.
    Off,
}

/// Where the interrupt controllers are in memory.
const LOCAL: u64 = local_apic::ADDRESS;
const LOCAL_END: u64 = LOCAL + local_apic::BYTES;
const IO: u64 = io_apic::ADDRESS;
const IO_END: u64 = IO + io_apic::BYTES;
/// Status of the keyboard controller: its output is full, and stays so. That is how drivers find out
/// at once that there is none. It can be written to.
const NO_KEYBOARD: u8 = 0x01;
/// Command of the keyboard controller: reset the processor.
const RESET_PULSE: u8 = 0xfe;
/// Port 0x92: reset; line 20 of the addresses is open.
const FAST_RESET: u8 = 0x01;
const A20_OPEN: u8 = 0x02;
/// Where PCI is told which register is meant.
const PCI_ADDRESS: u16 = 0xcf8;
/// Port 0xcf9: reset, now.
const RESET_NOW: u8 = 0x04;

/// An access, but for what is moved.
pub struct Visit<'a> {
    /// The processor that comes, counted from 0.
    pub processor: usize,
    /// The guest's memory.
    pub memory: &'a mut dyn GuestMemory,
    /// The time.
    pub now: Time,
}

impl Visit<'_> {
    /// The same once more.
    pub fn again(&mut self) -> Visit<'_> {
        Visit { processor: self.processor, memory: &mut *self.memory, now: self.now }
    }
}

/// All devices of the machine.
#[derive(Clone, Debug)]
pub struct Board<B = NoBus> {
    /// Devices beside those here.
    pub bus: B,
    interrupts: Interrupts,
    pit: Pit,
    uart: Uart,
    clock: Clock,
    power: Power,
    request: Option<Request>,
}

impl<B: Bus> Board<B> {
    /// A machine with `bus` that is switched on `epoch` seconds after 1970 began.
    /// It has `processors` processors.
    pub fn new(epoch: u64, processors: usize, bus: B) -> Self {
        Self {
            bus,
            interrupts: Interrupts::new(processors),
            pit: Pit::default(),
            uart: Uart::default(),
            clock: Clock::new(epoch),
            power: Power::default(),
            request: None,
        }
    }

    /// Switches it off and on again, `epoch` seconds after 1970 began.
    pub fn restart(&mut self, epoch: u64) {
        self.bus.reset();
        self.interrupts = Interrupts::new(self.interrupts.processors());
        (self.pit, self.uart, self.clock) = (Pit::default(), Uart::default(), Clock::new(epoch));
        (self.power, self.request) = (Power::default(), None);
    }

    /// Lets the bus do `what` it does by itself.
    pub fn with_bus<T>(
        &mut self,
        visit: Visit<'_>,
        what: impl FnOnce(&mut B, &mut World<'_>) -> T,
    ) -> T {
        let Visit { memory, now, .. } = visit;
        what(&mut self.bus, &mut World { memory, interrupts: &mut self.interrupts, now })
    }

    /// Reads `bytes` bytes, 1, 2, 4 or 8, at `place`.
    pub fn read(&mut self, place: Place, bytes: u8, visit: Visit<'_>) -> u64 {
        let (now, processor) = (visit.now, visit.processor);
        if let Place::Memory(address @ LOCAL..LOCAL_END) = place {
            return self.interrupts.read_local(processor, (address - LOCAL) / 16, now).into();
        }
        let value = self.with_bus(visit, |bus, world| bus.read(place, bytes, world));
        let value = match (value, place) {
            (Some(value), _) => value,
            (None, Place::Port(port)) => self.read_port(port, bytes, now).into(),
            (None, Place::Memory(address @ IO..IO_END)) => {
                self.interrupts.io.read(address - IO).into()
            }
            (None, Place::Memory(_)) => u64::MAX,
        };
        value & mask(bytes)
    }

    /// Writes the lowest `bytes` bytes, 1, 2, 4 or 8, of `value` to `place`.
    pub fn write(&mut self, place: Place, bytes: u8, value: u64, visit: Visit<'_>) {
        let (now, processor) = (visit.now, visit.processor);
        if let Place::Memory(address @ LOCAL..LOCAL_END) = place {
            let number = (address - LOCAL) / 16;
            return self.interrupts.write_local(processor, number, value as u32, now);
        }
        let written =
            self.with_bus(visit, |bus, world| bus.write(place, bytes, value & mask(bytes), world));
        match (written, place) {
            (None, Place::Memory(address @ IO..IO_END)) => {
                self.interrupts.write_io(address - IO, value as u32);
            }
            (Some(()), _) | (None, Place::Memory(_)) => {}
            (None, Place::Port(port)) => self.write_port(port, bytes, value, now),
        }
    }

    fn read_port(&mut self, port: u16, bytes: u8, now: Time) -> u32 {
        let mut value = [0xff; 4];
        for (port, byte) in (port..=u16::MAX).zip(value.iter_mut().take(bytes.into())) {
            *byte = self.read_byte(port, now);
        }
        u32::from_le_bytes(value)
    }

    fn write_port(&mut self, port: u16, bytes: u8, value: u64, now: Time) {
        // The one port where PCI would be told which register is meant has a reset in its middle.
        if (port, bytes) == (PCI_ADDRESS, 4) {
            return;
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
            self.interrupts.pulse(Line::TIMER);
        }
        self.interrupts.advance(now);
    }

    /// When [`advance`](Self::advance) has to be called next, even if the guest does nothing.
    pub fn deadline(&mut self) -> Option<Time> {
        let timer = self.pit.timer().next_rise().filter(|_| self.interrupts.hears(Line::TIMER));
        timer.into_iter().chain(self.interrupts.deadline()).min()
    }

    /// The interrupt controllers.
    pub const fn interrupts(&mut self) -> &mut Interrupts {
        &mut self.interrupts
    }

    /// Whether `processor` is asked for an interrupt.
    pub fn has_interrupt(&self, processor: usize) -> bool {
        self.interrupts.is_pending(processor)
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
                self.interrupts.pics.read(port)
            }
            0x4d0 | 0x4d1 => self.interrupts.pics.read_triggers(port),
            0x40..=0x43 => self.pit.read(port, now),
            0x61 => self.pit.read_speaker(now),
            0x60 => 0,
            0x64 => NO_KEYBOARD,
            0x71 => self.clock.read(now),
            0x92 => A20_OPEN,
            power::EVENT..power::END => self.power.read(port, now),
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
            0x20 | 0x21 | 0xa0 | 0xa1 => self.interrupts.pics.write(port, value),
            0x4d0 | 0x4d1 => self.interrupts.pics.write_triggers(port, value),
            0x40..=0x43 => self.pit.write(port, value, now),
            0x61 => self.pit.write_speaker(value, now),
            0x64 if value == RESET_PULSE => self.request = Some(Request::Reset),
            0x70 => self.clock.select(value),
            0x71 => self.clock.write(value),
            0x92 if value & FAST_RESET != 0 => self.request = Some(Request::Reset),
            power::RESET if value & RESET_NOW != 0 => self.request = Some(Request::Reset),
            power::EVENT..power::END => {
                let is_off = self.power.write(port, value);
                if is_off {
                    self.request = Some(Request::Off);
                }
            }
            0x3f8..=0x3ff => {
                self.uart.write(port - 0x3f8, value);
                self.connect_uart();
            }
            _ => {}
        }
    }

    fn connect_uart(&mut self) {
        self.interrupts.set_line(Line::SERIAL, self.uart.is_interrupting());
    }
}
