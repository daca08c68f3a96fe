//! Workers and what init does with them.

use nun::abi::init::slot::TIMERS;
use nun::aci::{WORKSPACE_ADDRESS, WORKSPACE_BYTES};
use nun::capability::Capability;
use nun::mapped::Mapped;
use nun::{
    Access, Descriptor, Error, Frame, Generic, InitInfo, IpcPort, Message, NotificationPort, Pcb,
    Process, Received, Reply, Resources, Rights, StartError, Timer, Verdict, Window, ticks,
};

use a9n_random::Random;

use crate::shared::{PLAYGROUND, REPORT, report};

/// Most workers at a time.
pub const WORKERS: usize = 16;
/// Logarithm of the bytes that a worker is made from.
const WORKER_BITS: u8 = 20;
/// Logarithm of the bytes of what workers share.
const COMMONS_BITS: u8 = 18;
/// Where init maps the reports, a page each, and after them the playgrounds.
const REPORTS: u64 = WORKSPACE_ADDRESS + WORKSPACE_BYTES / 4;
/// Priority of workers. Init has a higher one.
const PRIORITY: u64 = 100;

/// Hundredths of a second that everybody has to get on after a storm. Whoever does not then hangs.
const PATIENCE: u32 = 12_000;

/// One worker, or room for one.
struct Place {
    quota: Generic,
    report_frame: Frame,
    report: Mapped,
    playground_frame: Frame,
    playground: Mapped,
    process: Option<Process>,
}

/// Everybody.
pub struct Arena {
    init: &'static InitInfo,
    resources: Resources,
    file: &'static [u8],
    places: [Place; WORKERS],
    /// What ports are made from.
    commons: Generic,
    faults: IpcPort,
    /// First of the slots for shared objects; as many follow for what init has to each.
    first_slot: u64,
    random: Random,
    bell: NotificationPort,
}

impl Arena {
    pub fn new(init: &'static InitInfo) -> Result<Self, StartError> {
        let mut resources = Resources::new(init);
        let file = resources.module("storm-worker").expect("it is a boot module")?;
        let mut places = [const { None }; WORKERS];
        for (number, place) in (0..).zip(&mut places) {
            *place = Some(Place::new(&mut resources, REPORTS + number * 2 * 4096)?);
        }
        let places = places.map(|place| place.expect("each was just made"));
        let commons = resources.make(COMMONS_BITS)?;
        let faults = resources.make(0)?;
        let first_slot = resources.slots().take_run(2 * WORKERS as u64).expect("slots are free");
        let port: NotificationPort = resources.make(0)?;
        let bell = NotificationPort::slot(resources.take_slot()?);
        resources.node().mint(bell.descriptor().index(), port, Rights::all(), 1)?;
        let random = Random::new(0x2026_a9a9);
        Ok(Self { init, resources, file, places, commons, faults, first_slot, random, bell })
    }

    /// Number of CPUs.
    pub fn cpus(&self) -> usize {
        self.init.cpus as usize
    }

    /// A number below `end`.
    pub fn below(&mut self, end: usize) -> usize {
        self.random.below(end as u64) as usize
    }

    /// Makes something that workers share, in slot `number` of [`WORKERS`].
    pub fn share<T: Capability>(&self, number: usize) -> Result<T, Error> {
        let slot = self.first_slot + number as u64;
        self.commons.convert(T::TYPE, 0, 1, self.resources.node(), slot)?;
        Ok(T::named(Descriptor::slot(slot)))
    }

    /// A slot of init's own, one for each worker.
    fn own_slot(&self, number: usize) -> u64 {
        self.first_slot + (WORKERS + number) as u64
    }

    /// Signals the Notification Port that is shared as `number`.
    pub fn signal(&self, number: usize) -> Result<(), Error> {
        let (slot, port) = (self.own_slot(number), self.first_slot + number as u64);
        self.resources.node().mint(slot, Descriptor::slot(port), Rights::all(), 1)?;
        NotificationPort::slot(slot).notify()
    }

    /// A Window of the playground of worker `number`, where that is mapped.
    pub fn window(&mut self, number: usize) -> Result<Window, Error> {
        let (node, slot) = (self.resources.node(), self.own_slot(number));
        let space = self.process(number).address_space();
        self.places[number].playground_frame.attach(space, PLAYGROUND, 12, node, slot)?;
        Ok(Window::slot(slot))
    }

    /// What is shared as `number`.
    pub fn shared(&self, number: usize) -> Descriptor {
        Descriptor::slot(self.first_slot + number as u64)
    }

    /// Ends what is shared as `number`.
    pub fn remove(&self, number: usize) -> Result<(), Error> {
        self.resources.node().remove(self.shared(number).index())
    }

    /// Builds worker `number`, which does not run yet.
    pub fn build(&mut self, number: usize, role: u64, cpu: usize) -> Result<(), StartError> {
        let place = &mut self.places[number];
        place.report.write(report::ROUNDS, 0);
        place.report.write(report::REFUSED, 0);
        let mut process = Process::load_from(&mut self.resources, place.quota, self.file)?;
        let access = Access::READ | Access::WRITE;
        process.map(place.report_frame, REPORT, 1, access)?;
        process.set_resolver(self.faults, number as u64 + 1)?;
        process.pcb().configure_entry(process.entry(), 0, 0, role)?;
        process.pcb().configure_schedule(PRIORITY, cpu as u64, 0)?;
        place.process = Some(process);
        Ok(())
    }

    /// The process of worker `number`, which there is.
    pub fn process(&mut self, number: usize) -> &mut Process {
        self.places[number].process.as_mut().expect("this worker was built")
    }

    pub fn pcb(&mut self, number: usize) -> Pcb {
        self.process(number).pcb()
    }

    /// Moves a worker to another CPU.
    pub fn move_to(&mut self, number: usize, cpu: usize) -> Result<(), Error> {
        self.pcb(number).configure_schedule(PRIORITY, cpu as u64, 0)
    }

    /// The frame that a worker plays with, and what init sees of it.
    pub fn playground(&self, number: usize) -> (Frame, Mapped) {
        (self.places[number].playground_frame, self.places[number].playground)
    }

    /// Rounds of a worker.
    pub fn rounds(&self, number: usize) -> u64 {
        self.places[number].report.read(report::ROUNDS)
    }

    /// Kernel calls that a worker was refused.
    pub fn refused(&self, number: usize) -> u64 {
        self.places[number].report.read(report::REFUSED)
    }

    /// Takes a worker away; the memory that it was made from is whole again.
    pub fn destroy(&mut self, number: usize) -> Result<(), Error> {
        let (node, own) = (self.resources.node(), self.own_slot(number));
        if node.look(own)?.0 != 0 {
            node.remove(own)?;
        }
        if let Some(process) = self.places[number].process.take() {
            let quota = process.dismantle(&mut self.resources)?;
            assert!(quota.information()?.2 == 0, "memory is missing after a revoke");
        }
        Ok(())
    }

    /// Takes everything away.
    pub fn clear(&mut self) -> Result<(), Error> {
        self.check_faults()?;
        (0..WORKERS).try_for_each(|number| self.destroy(number))?;
        self.resources.node().revoke(self.commons.descriptor().index())?;
        assert!(self.commons.information()?.2 == 0, "memory is missing after a revoke");
        Ok(())
    }

    /// What befell a worker, if anything.
    pub fn trouble(&self) -> Option<Received> {
        self.faults.try_receive().ok()
    }

    /// Lets the worker whose trouble was received go on.
    pub fn forgive(&self) -> Result<(), Error> {
        Reply::OWED.reply(&Message::verdict(Verdict::Resume))
    }

    /// No worker has faulted.
    pub fn check_faults(&self) -> Result<(), Error> {
        match self.trouble() {
            Some(Received::Fault { process, fault }) => panic!("worker {process}: {fault:x?}"),
            _ => Ok(()),
        }
    }

    /// Lets the workers on this CPU run for so many millionths of a second.
    pub fn sleep(&self, microseconds: u64) -> Result<(), Error> {
        let time = microseconds * self.init.ticks_per_second / 1_000_000;
        Timer::slot(TIMERS).arm(ticks() + time, self.bell)?;
        self.bell.wait().map(|_| ())
    }

    /// Does `step` for some seconds, and so often at least; answers how often.
    pub fn storm(
        &mut self,
        least: u64,
        mut step: impl FnMut(&mut Self) -> Result<(), StartError>,
    ) -> Result<u64, StartError> {
        let end = ticks() + 3 * self.init.ticks_per_second / 2;
        let mut steps = 0;
        while ticks() < end || steps < least {
            step(self)?;
            steps += 1;
        }
        Ok(steps)
    }

    /// Lets the workers run, and does `meanwhile`, until it answers that all is well. A slow machine
    /// only takes longer; answers whether that came about at all.
    pub fn wait_until(
        &mut self,
        mut meanwhile: impl FnMut(&mut Self) -> Result<bool, StartError>,
    ) -> Result<bool, StartError> {
        for _ in 0..PATIENCE {
            if meanwhile(self)? {
                return Ok(true);
            }
            self.sleep(10_000)?;
        }
        Ok(false)
    }
}

impl Place {
    fn new(resources: &mut Resources, address: u64) -> Result<Self, Error> {
        let access = Access::READ | Access::WRITE;
        let quota = resources.make(WORKER_BITS)?;
        let mut page = |at| {
            let (frame, window) = (resources.make::<Frame>(12)?, resources.take_slot()?);
            resources.map(frame, at, window, access)?;
            Ok((frame, Mapped::in_workspace(at, 4096)))
        };
        let (report_frame, report) = page(address)?;
        let (playground_frame, playground) = page(address + 4096)?;
        Ok(Self { quota, report_frame, report, playground_frame, playground, process: None })
    }
}
