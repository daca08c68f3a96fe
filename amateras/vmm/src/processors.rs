//! The processors of a guest: a process for each, and what it is doing.

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
pub enum Doing {
    /// It runs, or waits for an answer.
    Running,
    /// It sleeps until an interrupt comes.
    Halted,
    /// It does nothing until another starts it.
    Waiting,
}

/// A processor.
#[derive(Clone, Copy, Debug)]
pub struct VirtualProcessor {
    /// Its process.
    pub pcb: Pcb,
    /// What it is doing.
    pub doing: Doing,
    /// It will be left soon, since somebody asked for it.
    pub awaited: bool,
}

/// All of a guest.
pub type VirtualProcessors = Vec<VirtualProcessor, MOST_PROCESSORS>;

impl VirtualProcessor {
    /// Lets it go on after it halted, with `event`.
    pub fn wake(&mut self, event: Event) -> Result<(), Error> {
        buffer().write(MESSAGE_REGISTERS, event.0);
        buffer().write(MESSAGE_REGISTERS + 1, 0);
        self.pcb.write_guest(StateGroups::EVENTS)?;
        self.doing = Doing::Running;
        self.pcb.resume()
    }

    /// The extended states that there are for guests: all that are left of XCR0, to which it is set, as if there were
    /// every one.
    pub(crate) fn extended_states(&mut self) -> u64 {
        self.set(StateGroups::CONTROL, XCR0, u64::MAX);
        self.get(StateGroups::CONTROL, XCR0)
    }

    /// Makes its process leave the guest, unless that will happen anyway.
    pub fn kick(&mut self) -> Result<(), Error> {
        if self.awaited {
            return Ok(());
        }
        self.awaited = true;
        self.pcb.interrupt()
    }
}

impl Processor for VirtualProcessor {
    fn get(&mut self, group: StateGroups, index: usize) -> u64 {
        self.pcb.read_guest(group).map_or(0, |_| buffer().read(MESSAGE_REGISTERS + index))
    }

    fn set(&mut self, group: StateGroups, index: usize, value: u64) {
        if self.pcb.read_guest(group).is_ok() {
            buffer().write(MESSAGE_REGISTERS + index, value);
            // It could be read, so it can be written.
            let _ = self.pcb.write_guest(group);
        }
    }
}

/// Makes the process of processor `number`, which does not run yet: on the machine's CPU of that number,
/// or, where there is none, on the first.
pub fn make<M: Maker>(
    maker: &mut M,
    physical: VirtualAddressSpace,
    resolver: IpcPort,
    priority: u8,
    number: u64,
) -> Result<Pcb, Error> {
    let cpu: VirtualCpu = maker.make(0)?;
    let vectors: VectorState = maker.make(0)?;
    let pcb: Pcb = maker.make(0)?;
    let slot = maker.slots().take_slot()?;
    maker.slots().node().mint(slot, resolver, Rights::WRITE, number)?;
    let resolver = IpcPort::at(maker.slots().descriptor(slot));
    pcb.configure_ports(resolver, Descriptor::NULL)?;
    pcb.configure_vector(vectors)?;
    pcb.configure_guest(cpu, physical)?;
    let priority = priority.into();
    // A monitor serves an exit as urgently as who left: one of another CPU must not wait for the guest on
    // the monitor's own.
    if number == 0 || pcb.configure_schedule(priority + 1, number, 0).is_err() {
        pcb.configure_schedule(priority, 0, 0)?;
    }
    Ok(pcb)
}
