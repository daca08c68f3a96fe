//! A guest that counts what its exits cost.

use a9n_bench::measure::{Measured, SAMPLES, WARM_UP, announce_guest};
use nun::abi::MESSAGE_REGISTERS;
use nun::abi::guest::StateGroups;
use nun::heapless::Vec;
use nun::mapped::Mapped;
use nun::{
    Access, AddressSpace, Descriptor, Error, Frame, IpcPort, NotificationPort, PageTable, Pcb,
    Resources, Rights, Timer, VectorState, VirtualAddressSpace, VirtualCpu, Window, aci, buffer,
    map_pages, ticks,
};

use crate::counting::{CODE, PATHS, SAMPLE, program};
use crate::report::Report;

/// Its memory, in the own workspace: far from what `Resources` maps there by itself.
const ADDRESS: u64 = aci::WORKSPACE_ADDRESS + aci::WORKSPACE_BYTES / 2;
/// Logarithm of its bytes.
const MEMORY_BITS: u8 = 16;
const ACCESS: Access = Access::READ.union(Access::WRITE);
const ROUNDS: usize = WARM_UP + SAMPLES;
/// Room for a guest's program.
const PROGRAM_BYTES: usize = 64;
/// Where XCR0 stands among the control registers.
const EXTENDED: usize = 6;
/// Measures exits of a guest whose monitor is at `port`, with `priority`.
pub fn measure_all(
    resources: &mut Resources,
    report: &mut Report,
    port: IpcPort,
    priority: u8,
) -> Result<(), Error> {
    let (cpu, physical): (VirtualCpu, VirtualAddressSpace) =
        (resources.make(0)?, resources.make(0)?);
    let (pcb, vectors): (Pcb, VectorState) = (resources.make(0)?, resources.make(0)?);
    let frame: Frame = resources.make(MEMORY_BITS)?;
    let (own, others) = (resources.take_slot()?, resources.take_slot()?);
    resources.map(frame, ADDRESS, own, ACCESS)?;
    let memory = Mapped::in_workspace(ADDRESS, 1 << MEMORY_BITS);
    let space = AddressSpace::at(physical.descriptor());
    frame.attach(space, 0, MEMORY_BITS.into(), resources.node(), others)?;
    let pages = 1 << (MEMORY_BITS - 12);
    map_pages(space, Window::slot(others), 0, pages, ACCESS, || resources.make::<PageTable>(0))?;
    pcb.configure_ports(port, Descriptor::NULL)?;
    pcb.configure_vector(vectors)?;
    pcb.configure_guest(cpu, physical)?;
    pcb.configure_schedule(priority.into(), 0, 0)?;

    for (name, path) in PATHS {
        let program: Vec<u8, PROGRAM_BYTES> = program(path, ROUNDS).collect();
        memory.copy_from(CODE, &program);
        begin(pcb)?;
        pcb.resume()?;
        wait(resources, pcb)?;
        let mut samples = [0; SAMPLES];
        for (number, sample) in samples.iter_mut().enumerate() {
            let mut bytes = [0; 4];
            memory.copy_to(SAMPLE + 4 * (WARM_UP + number), &mut bytes);
            *sample = u32::from_le_bytes(bytes);
        }
        report.show(&Measured::of(name, &mut samples));
        // Once more, warmed up, for whoever follows it.
        begin(pcb)?;
        announce_guest(name, &program, CODE);
        pcb.resume()?;
        wait(resources, pcb)?;
    }
    resources.node().remove(own)?;
    resources.discard(pcb)?;
    resources.discard(cpu)
}

/// Makes the guest begin its program, in real mode with all segments at 0, and with the extended states
/// of the machine, as operating systems have them.
fn begin(pcb: Pcb) -> Result<(), Error> {
    pcb.read_guest(StateGroups::SEGMENTS)?;
    for segment in 0..4 {
        let first = MESSAGE_REGISTERS + 2 * segment;
        buffer().write(first, buffer().read(first) & !0xffff);
        buffer().write(first + 1, 0);
    }
    pcb.write_guest(StateGroups::SEGMENTS)?;
    pcb.read_guest(StateGroups::CONTROL)?;
    buffer().write(MESSAGE_REGISTERS + EXTENDED, u64::MAX);
    pcb.write_guest(StateGroups::CONTROL)?;
    buffer().write(MESSAGE_REGISTERS, CODE as u64);
    buffer().write(MESSAGE_REGISTERS + 1, 2);
    pcb.write_guest(StateGroups::EXECUTION)
}

/// Sleeps until the guest has halted.
fn wait(resources: &mut Resources, pcb: Pcb) -> Result<(), Error> {
    const STOPPED: u64 = 0;
    const NAP: u64 = 100_000;
    let signal: NotificationPort = resources.make(0)?;
    let bell = resources.take_slot()?;
    resources.node().mint(bell, signal, Rights::WRITE, 1)?;
    while pcb.information()?.2 != STOPPED {
        let timer = Timer::slot(nun::abi::init::slot::TIMERS);
        timer.arm(ticks() + NAP, NotificationPort::slot(bell))?;
        signal.wait()?;
    }
    Ok(())
}
