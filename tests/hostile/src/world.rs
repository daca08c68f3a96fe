//! The world of one attacker: a process with a root node and an address space of its own, made
//! from one Generic, which is taken away and given back as a whole.

use nun::capability::Capability;
use nun::mapped::Mapped;
use nun::{
    Access, Descriptor, Error, Frame, Generic, IpcPort, Node, NotificationPort, ObjectType, Pcb,
    Process, Resources, Rights, StartError,
};

use crate::shared::{PLAYGROUND, PRIORITY, REPORT, report, slot};

/// Logarithm of the bytes that a world is made from.
const WORLD_BITS: u8 = 21;
/// Logarithm of the bytes of the Generic in an attacker's own hands.
const GENERIC_BITS: u64 = 18;
/// Logarithm of the bytes of the range of an attacker's window.
const PLAYGROUND_BITS: u64 = 16;

/// What all attackers share.
#[derive(Clone, Copy)]
pub struct Commons {
    pub port: IpcPort,
    pub bare_port: IpcPort,
    pub notification: NotificationPort,
}

/// One attacker.
pub struct World {
    quota: Generic,
    process: Option<Process>,
    report: Mapped,
    report_frame: Frame,
    /// For what passes through init's hands on its way into the world.
    hand: u64,
    /// Identifier of its faults.
    identifier: u64,
    /// The CPU that it lives on.
    cpu: u64,
    /// Its number of calls when it was last looked at, and how often that was the same.
    last: u64,
    still: u64,
}

impl World {
    /// An empty one.
    pub fn new(
        resources: &mut Resources,
        address: u64,
        identifier: u64,
        cpu: u64,
    ) -> Result<Self, Error> {
        let quota = resources.make(WORLD_BITS)?;
        let report_frame = resources.make(12)?;
        let window = resources.take_slot()?;
        resources.map(report_frame, address, window, Access::READ | Access::WRITE)?;
        let hand = resources.take_slot()?;
        let report = Mapped::in_workspace(address, 4096);
        let (last, still) = (0, 0);
        Ok(Self { quota, process: None, report, report_frame, hand, identifier, cpu, last, still })
    }

    /// Kernel calls that were made in it, ever.
    pub fn calls(&self) -> u64 {
        self.report.read(report::COUNT)
    }

    /// Kernel calls that were not refused.
    pub fn granted(&self) -> u64 {
        self.report.read(report::GRANTED)
    }

    /// For how many looks nothing has happened, this one included.
    pub fn idle_for(&mut self) -> u64 {
        let calls = self.calls();
        self.still = if calls == self.last { self.still + 1 } else { 0 };
        self.last = calls;
        self.still
    }

    /// Its attacker's PCB.
    pub fn pcb(&self) -> Option<Pcb> {
        self.process.as_ref().map(Process::pcb)
    }

    /// Builds it and lets its attacker run with `seed`.
    pub fn build(
        &mut self,
        resources: &mut Resources,
        file: &[u8],
        faults: IpcPort,
        commons: &Commons,
        neighbour: Option<Pcb>,
        seed: u64,
    ) -> Result<(), StartError> {
        let mut process = Process::load_from(resources, self.quota, file)?;
        let read_write = Access::READ | Access::WRITE;
        process.map(self.report_frame, REPORT, 1, read_write)?;
        process.set_resolver(faults, self.identifier)?;
        let all = Rights::all();
        process.grant(slot::PORT, commons.port, all, self.identifier)?;
        process.grant(slot::BARE_PORT, commons.bare_port, all, 0)?;
        process.grant(slot::NOTIFICATION, commons.notification, all, 1 << self.identifier)?;
        process.grant(slot::SPACE, process.address_space(), all, 0)?;

        let (node, to) = (resources.node(), process.node());
        self.give::<Generic>(node, to, slot::GENERIC, GENERIC_BITS)?;
        self.give::<Node>(node, to, slot::INNER, slot::INNER_RADIX.into())?;
        self.quota.convert(ObjectType::Frame, 12, 1, node, self.hand)?;
        let (frame, space) = (Frame::slot(self.hand), process.address_space());
        frame.attach(space, PLAYGROUND, PLAYGROUND_BITS, to, slot::WINDOW)?;
        to.move_from(slot::FRAME, frame)?;
        for (pcb, index) in [(Some(process.pcb()), slot::SELF), (neighbour, slot::NEIGHBOUR)] {
            let Some(pcb) = pcb else { continue };
            node.mint(self.hand, pcb, all, 0)?;
            Pcb::slot(self.hand).limit_priority(PRIORITY)?;
            to.move_from(index, Descriptor::slot(self.hand))?;
        }
        self.process = Some(process);
        self.restart(seed)?;
        Ok(self.process.as_ref().map_or(Ok(()), |process| process.pcb().resume())?)
    }

    /// Sets its attacker, which is stopped, to its beginning, whatever became of it.
    pub fn restart(&self, seed: u64) -> Result<(), Error> {
        let Some(process) = &self.process else { return Ok(()) };
        process.pcb().configure_entry(process.entry(), 0, 0, seed)?;
        process.pcb().configure_schedule(PRIORITY, self.cpu, 0)
    }

    /// Takes all of it away.
    pub fn tear_down(&mut self, resources: &mut Resources) -> Result<(), Error> {
        if let Some(process) = self.process.take() {
            process.dismantle(resources)?;
            assert!(self.quota.information()?.2 == 0, "memory is missing after a revoke");
        }
        Ok(())
    }

    /// Makes an object of its own and puts it into slot `index` of its root node.
    fn give<T: Capability>(
        &self,
        node: Node,
        to: Node,
        index: u64,
        bits: u64,
    ) -> Result<(), Error> {
        self.quota.convert(T::TYPE, bits, 1, node, self.hand)?;
        to.move_from(index, Descriptor::slot(self.hand))
    }
}
