//! How a virtual machine is made: processors, spread over those CPUs of the machine that are there, and a
//! thread for each of these but the first.

use amateras_devices::MOST_PROCESSORS;
use amateras_devices::pci::Pci;
use amateras_machine::Machine;
use nun::memory::{Maker, Space};
use nun::{Culprit, Error, IpcPort, NotificationPort, Reason, Rights, Slots, VirtualAddressSpace};

use crate::memory::Memory;
use crate::processors::{self, VirtualProcessor, VirtualProcessors};
use crate::shared::{FIRST, SHARED, Seat, Seats, Shared};
use crate::threads::Stacks;
use crate::{Options, StartError};

/// There is one already.
const THERE_IS_ONE: Error = Error::new(Reason::Busy, Culprit::OTHER);

/// Makes what threads have before them, of objects from `maker`, and starts those threads besides the
/// `first`. `machine` makes the machine for these processors.
pub fn shared<M: Maker, const REGIONS: usize, const TABLES: usize>(
    maker: &mut M,
    space: &mut Space<REGIONS, TABLES>,
    first: Seat,
    options: &Options,
    machine: impl FnOnce(&VirtualProcessors) -> Machine<Pci>,
) -> Result<&'static Shared, StartError> {
    if SHARED.is_completed() {
        return Err(THERE_IS_ONE.into());
    }
    let physical: VirtualAddressSpace = maker.make(0)?;
    let (seats, processors) = seat(maker, physical, first, options)?;
    let memory = Memory::new(maker, space, physical, options.memory)?;
    let machine = machine(&processors);
    let rate = options.ticks_per_millisecond;
    let shared = SHARED.call_once(|| Shared::new(machine, processors, memory, seats, rate));
    let mut stacks = Stacks::new(space.address_space());
    for (seat, it) in shared.seats().iter().enumerate().skip(FIRST + 1) {
        stacks.start(maker, seat, it, options.monitor_priority, first.port)?;
    }
    Ok(shared)
}

/// Makes processors: each on the machine's CPU of its number, as long as there are so many, and the others
/// on the same once more; and the seats for those.
fn seat(
    maker: &mut impl Maker,
    physical: VirtualAddressSpace,
    first: Seat,
    options: &Options,
) -> Result<(Seats, VirtualProcessors), Error> {
    let mut seats = Seats::new();
    let mut processors = VirtualProcessors::new();
    let mut cpus = None;
    for number in 0..options.processors.clamp(1, MOST_PROCESSORS) {
        let pcb = processors::make(maker, physical)?;
        let on = |cpu: usize| pcb.configure_schedule(options.priority.into(), cpu as u64, 0);
        if cpus.is_none() && number > FIRST && on(number).is_err() {
            cpus = Some(number);
        }
        let seat = number % cpus.unwrap_or(number + 1);
        on(seat)?;
        if seat == seats.len() {
            let made = if seat == FIRST { first } else { make_seat(maker)? };
            // There is room for one of each processor.
            let _ = seats.push(made);
        }
        let monitor = seats.get(seat).map_or(first.port, |it| it.port);
        processors::tell_exits(maker, pcb, monitor, number)?;
        let _ = processors.push(VirtualProcessor::new(pcb, seat));
    }
    Ok((seats, processors))
}

fn make_seat(maker: &mut impl Maker) -> Result<Seat, Error> {
    let (port, notification): (IpcPort, NotificationPort) = (maker.make(0)?, maker.make(0)?);
    let slot = maker.slots().take_slot()?;
    maker.slots().node().mint(slot, notification, Rights::WRITE, 1)?;
    let bell = NotificationPort::at(maker.slots().descriptor(slot));
    Ok(Seat { port, bell, notification })
}
