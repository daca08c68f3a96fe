//! The devices that share a lock: which of them answers at which address, and whose line goes where.
//!
//! Its own ports are those of the old bus, a byte wide: a wider access is one to each of its bytes. A
//! [`Bus`] is asked before them. Where nothing is, reads are all ones and writes get lost.

use crate::interrupts::{Controllers, Interrupts};
use crate::locals::Locals;
use crate::power::Power;
use crate::{
    Bus, Clock, GuestMemory, Line, Pit, Place, Request, Time, Uart, Visit, World, io_apic, mask,
    power,
};

/// Where the I/O APIC is in memory.
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

/// All of them.
#[derive(Clone, Debug)]
pub struct Devices<B> {
    /// Devices beside those here.
    pub bus: B,
    /// Where their lines lead.
    pub controllers: Controllers,
    /// What the guest asked of the machine.
    pub request: Option<Request>,
    pit: Pit,
    uart: Uart,
    clock: Clock,
    power: Power,
}

impl<B: Bus> Devices<B> {
    /// Those of a machine with `bus` that is switched on `epoch` seconds after 1970 began.
    pub fn new(epoch: u64, bus: B) -> Self {
        Self {
            bus,
            controllers: Controllers::default(),
            request: None,
            pit: Pit::default(),
            uart: Uart::default(),
            clock: Clock::new(epoch),
            power: Power::default(),
        }
    }

    /// Switches them off and on again, `epoch` seconds after 1970 began.
    pub fn restart(&mut self, epoch: u64) {
        self.bus.reset();
        (self.controllers, self.request) = (Controllers::default(), None);
        (self.pit, self.uart, self.clock) = (Pit::default(), Uart::default(), Clock::new(epoch));
        self.power = Power::default();
    }

    /// Whether one of them wants to be looked after, or asks something of the machine.
    pub fn calls(&self) -> bool {
        self.request.is_some() || self.uart.has_output() || self.bus.calls()
    }

    /// Lets the bus do `what` it does by itself.
    pub fn with_bus<T>(
        &mut self,
        locals: &Locals,
        memory: &mut dyn GuestMemory,
        now: Time,
        what: impl FnOnce(&mut B, &mut World<'_>) -> T,
    ) -> T {
        let interrupts = self.controllers.with(locals);
        what(&mut self.bus, &mut World { memory, interrupts, now })
    }

    /// Reads `bytes` bytes at `place`.
    pub fn read(&mut self, place: Place, bytes: u8, locals: &Locals, visit: Visit<'_>) -> u64 {
        let Visit { memory, now, .. } = visit;
        let value = self.with_bus(locals, memory, now, |bus, world| bus.read(place, bytes, world));
        match (value, place) {
            (Some(value), _) => value,
            (None, Place::Port(port)) => self.read_port(port, bytes, locals, now).into(),
            (None, Place::Memory(address @ IO..IO_END)) => {
                self.controllers.io.read(address - IO).into()
            }
            (None, Place::Memory(_)) => u64::MAX,
        }
    }

    /// Writes the lowest `bytes` bytes of `value` to `place`.
    pub fn write(
        &mut self,
        place: Place,
        bytes: u8,
        value: u64,
        locals: &Locals,
        visit: Visit<'_>,
    ) {
        let Visit { memory, now, .. } = visit;
        let written = self.with_bus(locals, memory, now, |bus, world| {
            bus.write(place, bytes, value & mask(bytes), world)
        });
        match (written, place) {
            (None, Place::Memory(address @ IO..IO_END)) => {
                self.controllers.with(locals).write_io(address - IO, value as u32);
            }
            (Some(()), _) | (None, Place::Memory(_)) => {}
            (None, Place::Port(port)) => self.write_port(port, bytes, value, locals, now),
        }
    }

    fn read_port(&mut self, port: u16, bytes: u8, locals: &Locals, now: Time) -> u32 {
        let mut value = [0xff; 4];
        for (port, byte) in (port..=u16::MAX).zip(value.iter_mut().take(bytes.into())) {
            *byte = self.read_byte(port, locals, now);
        }
        u32::from_le_bytes(value)
    }

    fn write_port(&mut self, port: u16, bytes: u8, value: u64, locals: &Locals, now: Time) {
        // The one port where PCI would be told which register is meant has a reset in its middle.
        if (port, bytes) == (PCI_ADDRESS, 4) {
            return;
        }
        for (port, byte) in (port..=u16::MAX).zip(value.to_le_bytes()).take(bytes.into()) {
            self.write_byte(port, byte, locals, now);
        }
    }

    /// Lets happen what happens by itself up to `now`.
    pub fn advance(&mut self, locals: &Locals, now: Time) {
        // The line falls in between, however often the output rose: rises that nobody took in time
        // are one.
        if self.pit.timer().take_rises(now) > 0 {
            self.interrupts(locals).pulse(Line::TIMER);
        }
    }

    /// When [`advance`](Self::advance) has to be called next, even if the guest does nothing.
    pub fn deadline(&mut self) -> Option<Time> {
        let is_heard = self.controllers.hears(Line::TIMER);
        is_heard.then(|| self.pit.timer().next_rise())?
    }

    /// Takes what the guest sent over its serial port; answers how much.
    pub fn take_output(&mut self, bytes: &mut [u8], locals: &Locals) -> usize {
        let count = self.uart.take_output(bytes);
        self.connect_uart(locals);
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
    pub fn input(&mut self, bytes: &[u8], locals: &Locals) {
        bytes.iter().for_each(|byte| self.uart.receive(*byte));
        self.connect_uart(locals);
    }

    const fn interrupts<'a>(&'a mut self, locals: &'a Locals) -> Interrupts<'a> {
        self.controllers.with(locals)
    }

    fn read_byte(&mut self, port: u16, locals: &Locals, now: Time) -> u8 {
        match port {
            0x20 | 0x21 | 0xa0 | 0xa1 => {
                self.advance(locals, now);
                self.interrupts(locals).with_old(|pics| pics.read(port))
            }
            0x4d0 | 0x4d1 => self.controllers.pics.read_triggers(port),
            0x40..=0x43 => self.pit.read(port, now),
            0x61 => self.pit.read_speaker(now),
            0x60 => 0,
            0x64 => NO_KEYBOARD,
            0x71 => self.clock.read(now),
            0x92 => A20_OPEN,
            power::EVENT..power::END => self.power.read(port, now),
            0x3f8..=0x3ff => {
                let value = self.uart.read(port - 0x3f8);
                self.connect_uart(locals);
                value
            }
            _ => 0xff,
        }
    }

    fn write_byte(&mut self, port: u16, value: u8, locals: &Locals, now: Time) {
        match port {
            0x20 | 0x21 | 0xa0 | 0xa1 => {
                self.interrupts(locals).with_old(|pics| pics.write(port, value));
            }
            0x4d0 | 0x4d1 => {
                self.interrupts(locals).with_old(|pics| pics.write_triggers(port, value));
            }
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
                self.connect_uart(locals);
            }
            _ => {}
        }
    }

    fn connect_uart(&mut self, locals: &Locals) {
        let is_interrupting = self.uart.is_interrupting();
        self.interrupts(locals).set_line(Line::SERIAL, is_interrupting);
    }
}
