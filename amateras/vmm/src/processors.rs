//! The processors of a guest: a process for each, and what it is doing.

use core::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};

use amateras_devices::MOST_PROCESSORS;
use amateras_machine::{Processor, XCR0};
use nun::abi::MESSAGE_REGISTERS;
use nun::abi::guest::{Event, StateGroups};
use nun::heapless::Vec;
use nun::memory::Maker;
use nun::{
    Descriptor, Error, IpcPort, Pcb, Rights, Slots, VectorState, VirtualAddressSpace, VirtualCpu,
    buffer,
};

/// What a processor is doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Doing {
    /// It runs, or waits for an answer.
    Running,
    /// It sleeps until an interrupt comes.
    Halted,
    /// It does nothing until another starts it.
    Waiting,
}

/// A processor. Only the thread at its seat changes what it does; all see it.
#[derive(Debug)]
pub struct VirtualProcessor {
    /// Its process.
    pub pcb: Pcb,
    /// The seat whose thread serves it: on the CPU that it runs on.
    pub seat: usize,
    /// How often it left the guest.
    pub exits: AtomicU64,
    doing: AtomicU8,
    /// It will be left soon, since somebody asked for it.
    awaited: AtomicBool,
}

/// All of a guest.
pub type VirtualProcessors = Vec<VirtualProcessor, MOST_PROCESSORS>;

impl VirtualProcessor {
    /// One that waits to be started.
    pub const fn new(pcb: Pcb, seat: usize) -> Self {
        let (doing, awaited) = (AtomicU8::new(Doing::Waiting as u8), AtomicBool::new(false));
        Self { pcb, seat, exits: AtomicU64::new(0), doing, awaited }
    }

    /// What it is doing.
    pub fn doing(&self) -> Doing {
        match self.doing.load(Ordering::SeqCst) {
            0 => Doing::Running,
            1 => Doing::Halted,
            _ => Doing::Waiting,
        }
    }

    /// It is doing something else now.
    pub fn set_doing(&self, doing: Doing) {
        self.doing.store(doing as u8, Ordering::SeqCst);
    }

    /// Whether it will be left soon anyway.
    pub fn set_awaited(&self, awaited: bool) {
        self.awaited.store(awaited, Ordering::SeqCst);
    }

    /// Lets it go on after it halted, with `event`.
    pub fn wake(&self, event: Event) -> Result<(), Error> {
        buffer().write(MESSAGE_REGISTERS, event.0);
        buffer().write(MESSAGE_REGISTERS + 1, 0);
        self.pcb.write_guest(StateGroups::EVENTS)?;
        self.resume()
    }

    /// Lets it run. Whoever asked for it before may have done so in vain: from now on it is asked anew.
    pub fn resume(&self) -> Result<(), Error> {
        self.set_doing(Doing::Running);
        self.set_awaited(false);
        self.pcb.resume()
    }

    /// The extended states that there are for guests: all that are left of XCR0, to which it is set, as if there were
    /// every one.
    pub(crate) fn extended_states(&self) -> u64 {
        let mut registers = Registers(self.pcb);
        registers.set(StateGroups::CONTROL, XCR0, u64::MAX);
        registers.get(StateGroups::CONTROL, XCR0)
    }

    /// Makes its process leave the guest, unless that will happen anyway.
    pub fn kick(&self) -> Result<(), Error> {
        match self.awaited.swap(true, Ordering::SeqCst) {
            true => Ok(()),
            false => self.pcb.interrupt(),
        }
    }
}

/// The registers of a processor that does not run.
#[derive(Clone, Copy, Debug)]
pub struct Registers(pub Pcb);

impl Processor for Registers {
    fn get(&mut self, group: StateGroups, index: usize) -> u64 {
        self.0.read_guest(group).map_or(0, |_| buffer().read(MESSAGE_REGISTERS + index))
    }

    fn set(&mut self, group: StateGroups, index: usize, value: u64) {
        if self.0.read_guest(group).is_ok() {
            buffer().write(MESSAGE_REGISTERS + index, value);
            // It could be read, so it can be written.
            let _ = self.0.write_guest(group);
        }
    }
}

/// Makes the process of a processor, which does not run yet.
pub fn make<M: Maker>(maker: &mut M, physical: VirtualAddressSpace) -> Result<Pcb, Error> {
    let cpu: VirtualCpu = maker.make(0)?;
    let vectors: VectorState = maker.make(0)?;
    let pcb: Pcb = maker.make(0)?;
    pcb.configure_vector(vectors)?;
    pcb.configure_guest(cpu, physical)?;
    Ok(pcb)
}

/// Has `monitor` receive the exits of processor `number`, whose process is `pcb`.
pub fn tell_exits<M: Maker>(
    maker: &mut M,
    pcb: Pcb,
    monitor: IpcPort,
    number: usize,
) -> Result<(), Error> {
    let slot = maker.slots().take_slot()?;
    maker.slots().node().mint(slot, monitor, Rights::WRITE, number as u64)?;
    let monitor = IpcPort::at(maker.slots().descriptor(slot));
    pcb.configure_ports(monitor, Descriptor::NULL)
}
