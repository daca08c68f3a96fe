//! The game: attackers, a victim, and what init does about them.

use nun::abi::init::slot::TIMERS;
use nun::aci::{WORKSPACE_ADDRESS, WORKSPACE_BYTES};
use nun::mapped::Mapped;
use nun::{
    Access, Descriptor, Error, Frame, Generic, InitInfo, IpcPort, NotificationPort, ObjectType,
    Pcb, Process, Received, Resources, Rights, Start, StartError, Timer, println,
};

use crate::ballast::Ballast;
use crate::shared::{PRIORITY, REPORT, report};
use crate::world::{Commons, World};
use a9n_random::Random;

/// Number of attackers.
const ATTACKERS: usize = 6;
/// Identifier of the victim's faults.
const VICTIM: u64 = 63;
/// Where init maps the reports; the victim's comes last.
const REPORTS: u64 = WORKSPACE_ADDRESS + WORKSPACE_BYTES / 4;
/// States of a process, as its information tells them.
const STOPPED: u64 = 0;
const CALLING: u64 = 4;
/// Looks at the attackers in a second.
const LOOKS: u64 = 500;
/// Looks without a call after which a world is built anew.
const PATIENCE: u64 = 25;
/// Looks between two rebuildings that nobody asked for, and between two of everything.
const REBUILD: u64 = 40;
const REBUILD_ALL: u64 = 1000;
/// Looks within which the victim must have made a round.
const VICTIM_PATIENCE: u64 = 20 * LOOKS;
/// Looks between two lines on the console.
const NEWS: u64 = 2 * LOOKS;

/// What happened.
#[derive(Clone, Copy, Debug, Default)]
pub struct Tally {
    pub calls: u64,
    pub granted: u64,
    pub faults: u64,
    pub worlds: u64,
    pub exhaustions: u64,
    pub rounds: u64,
}

/// Everybody.
pub struct Arena {
    resources: Resources,
    file: &'static [u8],
    worlds: [World; ATTACKERS],
    commons: Commons,
    /// What the commons are made from.
    ground: Generic,
    ballast: Ballast,
    faults: IpcPort,
    bell: NotificationPort,
    victim: Mapped,
    victim_faults: IpcPort,
    random: Random,
    tally: Tally,
    looks: u64,
    /// The victim's rounds, and the look at which they were last more than before.
    seen: (u64, u64),
    ticks_per_look: u64,
}

impl Arena {
    /// Builds everything and lets it run.
    pub fn new(init: &'static InitInfo, seed: u64) -> Result<Self, StartError> {
        let mut resources = Resources::new(init);
        let module = |resources: &mut Resources, name| {
            resources.module(name).expect("the boot configuration has it")
        };
        let file = module(&mut resources, "attacker")?;
        let faults: IpcPort = resources.make(0)?;
        let victim_faults: IpcPort = resources.make(0)?;
        let mut worlds = [const { None }; ATTACKERS];
        for (world, number) in worlds.iter_mut().zip(0..) {
            let cpu = number % u64::from(init.cpus);
            *world = Some(World::new(&mut resources, REPORTS + number * 4096, number + 1, cpu)?);
        }
        let worlds = worlds.map(|world| world.expect("each was just made"));
        let victim = module(&mut resources, "victim")?;
        let victim = start_victim(&mut resources, victim, victim_faults, seed)?;

        let timer: NotificationPort = resources.make(0)?;
        let bell = NotificationPort::slot(resources.take_slot()?);
        resources.node().mint(bell.descriptor().index(), timer, Rights::all(), 1)?;

        let ground = resources.make(16)?;
        let ballast = Ballast::new(&mut resources)?;
        let commons = Commons {
            port: IpcPort::slot(resources.take_slot()?),
            bare_port: IpcPort::slot(resources.take_slot()?),
            notification: NotificationPort::slot(resources.take_slot()?),
        };
        let mut arena = Self {
            resources,
            file,
            worlds,
            commons,
            ground,
            ballast,
            faults,
            bell,
            victim,
            victim_faults,
            random: Random::new(seed),
            tally: Tally::default(),
            looks: 0,
            seen: (0, 0),
            ticks_per_look: init.ticks_per_second / LOOKS,
        };
        arena.build_all()?;
        arena.set_alarm()?;
        Ok(arena)
    }

    /// Kernel calls that the attackers made so far.
    pub fn calls(&self) -> u64 {
        self.worlds.iter().map(World::calls).sum()
    }

    /// Waits for the next look and looks.
    ///
    /// Init never receives what attackers send, faults included: who serves a call does so at the
    /// urgency of its caller, and an attacker that gave itself none would make init wait behind
    /// everybody else. A fault shows in the state of who faulted.
    pub fn handle_next(&mut self) -> Result<(), StartError> {
        self.bell.wait()?;
        self.look()
    }

    /// Ends the attackers, and sees that the victim goes on.
    pub fn finish(mut self) -> Result<Tally, StartError> {
        self.tally.calls = self.calls();
        self.tally.granted = self.worlds.iter().map(World::granted).sum();
        for world in &mut self.worlds {
            world.tear_down(&mut self.resources)?;
        }
        self.resources.node().revoke(self.ground.descriptor().index())?;
        let rounds = self.rounds();
        while self.rounds() < rounds + 2 {
            self.handle_next()?;
        }
        self.tally.rounds = self.rounds();
        Ok(self.tally)
    }

    /// What init does from time to time: it wakes who sleeps, and changes the world.
    fn look(&mut self) -> Result<(), StartError> {
        self.set_alarm()?;
        self.looks += 1;
        let rounds = self.rounds();
        if rounds != self.seen.0 {
            self.seen = (rounds, self.looks);
        }
        if let Ok(Received::Fault { process: VICTIM, fault }) = self.victim_faults.try_receive() {
            panic!("the victim got a fault: {fault:x?}");
        }
        assert!(self.looks < self.seen.1 + VICTIM_PATIENCE, "the victim does not get to run");
        if self.tally.calls != 0 {
            // It is over.
            return Ok(());
        }
        for index in 0..ATTACKERS {
            let idle = self.worlds[index].idle_for();
            let Some(pcb) = self.worlds[index].pcb() else { continue };
            if idle > PATIENCE {
                self.rebuild(index)?;
            } else if idle > 0 {
                self.wake(index, pcb)?;
            }
        }
        if self.looks.is_multiple_of(NEWS) {
            println!("hostile: so far {} calls and {} faults", self.calls(), self.tally.faults);
        }
        if self.looks.is_multiple_of(REBUILD_ALL) {
            self.build_all()
        } else if self.looks.is_multiple_of(REBUILD) {
            let index = self.random.below(ATTACKERS as u64) as usize;
            self.rebuild(index)
        } else {
            Ok(())
        }
    }

    /// Gets an attacker going that faulted, waits for others or stopped itself.
    fn wake(&mut self, index: usize, pcb: Pcb) -> Result<(), StartError> {
        match pcb.information()?.2 {
            // Other attackers may have been faster, and what it needs may be gone; then it is built
            // anew some looks later.
            STOPPED | CALLING => {
                self.tally.faults += 1;
                if self.random.once_in(16) {
                    return self.rebuild(index);
                }
                let seed = self.seed(index);
                let again = || {
                    pcb.suspend()?;
                    self.worlds[index].restart(seed)?;
                    pcb.resume()
                };
                let _ = again();
            }
            _ => pcb.cancel()?,
        }
        Ok(())
    }

    fn rebuild(&mut self, index: usize) -> Result<(), StartError> {
        let seed = self.seed(index);
        let neighbour = self.worlds[(index + 1) % ATTACKERS].pcb();
        let world = &mut self.worlds[index];
        world.tear_down(&mut self.resources)?;
        let (file, commons) = (self.file, &self.commons);
        world.build(&mut self.resources, file, self.faults, commons, neighbour, seed)?;
        self.tally.worlds += 1;
        Ok(())
    }

    /// Everything anew, what attackers share included, and all memory used up in between.
    fn build_all(&mut self) -> Result<(), StartError> {
        for world in &mut self.worlds {
            world.tear_down(&mut self.resources)?;
        }
        let node = self.resources.node();
        node.revoke(self.ground.descriptor().index())?;
        self.ballast.exhaust(&self.resources)?;
        self.tally.exhaustions += 1;
        let Commons { port, bare_port, notification } = self.commons;
        let make = |object, to: Descriptor| self.ground.convert(object, 0, 1, node, to.index());
        make(ObjectType::IpcPort, port.descriptor())?;
        make(ObjectType::IpcPort, bare_port.descriptor())?;
        make(ObjectType::NotificationPort, notification.descriptor())?;
        (0..ATTACKERS).try_for_each(|index| self.rebuild(index))
    }

    /// A fresh seed; its lowest bit says whether the attacker ever waits.
    fn seed(&mut self, index: usize) -> u64 {
        self.random.next() & !1 | u64::from(index.is_multiple_of(3))
    }

    fn rounds(&self) -> u64 {
        self.victim.read(report::COUNT)
    }

    fn set_alarm(&self) -> Result<(), Error> {
        Timer::slot(TIMERS).arm(nun::ticks() + self.ticks_per_look, self.bell)
    }
}

/// Starts the victim; answers its report.
fn start_victim(
    resources: &mut Resources,
    file: &[u8],
    faults: IpcPort,
    seed: u64,
) -> Result<Mapped, StartError> {
    let address = REPORTS + ATTACKERS as u64 * 4096;
    let frame: Frame = resources.make(12)?;
    let (window, access) = (resources.take_slot()?, Access::READ | Access::WRITE);
    resources.map(frame, address, window, access)?;
    let mut victim = Process::load(resources, file)?;
    victim.map(frame, REPORT, 1, access)?;
    victim.set_resolver(faults, VICTIM)?;
    victim.start(&Start { priority: PRIORITY as u8, argument: seed, ..Start::default() })?;
    Ok(Mapped::in_workspace(address, 4096))
}
