//! Starts and ends of components.

use koito_manifest::{Verdict, is_of_root};
use nun::{Error, Fault, IpcPort, StartError, ticks};

use crate::device::Readiness;
use crate::holdings::Lack;
use crate::life::{Heartbeat, Instance, Life};
use crate::part::{Around, Part, sender};
use crate::supervisor::State;

impl State {
    /// Starts the next instance of a component that does not run.
    pub fn start(&mut self, index: usize) -> Result<(), StartError> {
        let Some(part) = self.parts.get_mut(index) else { return Ok(()) };
        match part.readiness() {
            Readiness::Ready => {}
            Readiness::At(time) => {
                part.life = Life::Restarting(time);
                return Ok(());
            }
            Readiness::Waits => return self.await_device(index),
            Readiness::Never(_) => return Err(nun::EXHAUSTED.into()),
        }
        let Some(part) = self.parts.get(index) else { return Ok(()) };
        let component = &part.component;
        let calls = |(_, other): &(usize, &Part)| {
            component.offers.is_some_and(|service| other.component.uses.contains(&service))
        };
        let around = Around {
            ports: component.uses.iter().map(|service| self.port(service)).collect(),
            clients: self
                .parts
                .iter()
                .enumerate()
                .filter(calls)
                .map(|(index, it)| (sender::join(index, 0), it.component.name.chars().collect()))
                .collect(),
            ends: self.links.ends(index),
            tables: self.tables_for(index),
        };
        let served = self.ports.get(index).copied().flatten();
        let Some(part) = self.parts.get_mut(index) else { return Ok(()) };
        match part.start(&mut self.resources, &self.root, served, around) {
            Ok(process) => {
                let now = ticks();
                let heartbeat = match u64::from(part.component.heartbeat) {
                    0 => Heartbeat::Never,
                    period => Heartbeat::AskAt(now + period * self.root.ticks_per_millisecond),
                };
                let instance = Instance { process, started: now, alarm: None, heartbeat };
                part.life = Life::Running(instance);
                Ok(())
            }
            Err(error) => {
                // What was made by then goes back.
                if let Some(quota) = part.quota() {
                    self.resources.node().revoke(quota.descriptor().index())?;
                }
                Err(error)
            }
        }
    }

    /// Starts the next instance of a component, or gives the component up if that cannot be.
    pub fn bring_up(&mut self, index: usize) {
        let Err(error) = self.start(index) else { return };
        self.tell_why(index, &error);
        if let Some(part) = self.parts.get_mut(index) {
            part.life = Life::GivenUp;
        }
        self.close(index);
    }

    /// Says why a component cannot be started.
    pub fn tell_why(&mut self, index: usize, error: &StartError) {
        let Some(part) = self.parts.get(index) else { return };
        let name = part.component.name;
        let nobody_comes = matches!(part.readiness(), Readiness::Waits).then_some(Lack::PciServer);
        match part.lack().or(nobody_comes) {
            Some(lack) => self.events.say(format_args!("{name} cannot be started: {lack}")),
            None => self.events.say(format_args!("{name} cannot be started: {error}")),
        }
    }

    /// Takes the running instance of a component apart, all its memory comes back; answers how
    /// many milliseconds it ran.
    pub fn end(&mut self, index: usize) -> Option<u64> {
        let part = self.parts.get_mut(index)?;
        // What waits for its restart goes on waiting.
        part.life.instance()?;
        let Life::Running(instance) = core::mem::replace(&mut part.life, Life::Stopped) else {
            return None;
        };
        let ran = ticks().saturating_sub(instance.started) / self.root.ticks_per_millisecond;
        // Its device comes to rest when the PCI server gets to it. What it may reach by itself is the
        // device's for good.
        if let Err(error) = instance.process.dismantle(&mut self.resources) {
            let name = part.component.name;
            self.events.say(format_args!("{name} cannot be taken apart: {error}"));
        }
        Some(ran)
    }

    /// Ends the instance of a component that failed, and does what its policy says.
    pub fn fail(&mut self, index: usize) -> Option<Verdict> {
        let ran = self.end(index)?;
        self.outlive_pci_server(index);
        let part = self.parts.get_mut(index)?;
        part.failure_count += 1;
        let verdict = part.failures.judge(&part.component.restart, ran);
        match verdict {
            Verdict::RestartIn(delay) => {
                let delay = u64::from(delay) * self.root.ticks_per_millisecond;
                part.life = Life::Restarting(ticks().saturating_add(delay));
            }
            Verdict::GiveUp => {
                part.life = Life::GivenUp;
                self.close(index);
            }
        }
        Some(verdict)
    }

    /// A component does not run for now. Its service is taken away from its clients: those that wait for it get an
    /// error, and so do all later calls. What it has only while it is wanted goes back.
    pub fn close(&mut self, index: usize) {
        self.give_pool_back(index);
        let Some(port) = self.ports.get_mut(index).and_then(Option::take) else { return };
        let removed = self.resources.discard(port);
        let told = self.links.tell_clients(&mut self.resources, index, true);
        if let Err(error) = removed.and(told) {
            self.events.say(format_args!("a service cannot be taken away: {error}"));
        }
    }

    /// Gives pools that may become larger what all others leave, once and for good: half of it where components run on
    /// request, which take theirs later, or else most of it.
    pub fn share_out(&mut self) {
        let Self { parts, resources, .. } = self;
        let kept = if parts.iter().any(|it| it.component.on_request) { 2 } else { 8 };
        for part in parts.iter_mut().filter(|it| !it.component.on_request) {
            let (free, most) = (resources.free_bytes(), part.most_pool_bytes());
            if let Some(pool) = part.pool_mut() {
                let missing = most.saturating_sub(pool.bytes());
                pool.widen(resources, missing.min(free - free / kept));
            }
        }
    }

    /// Takes the memory that a component on request builds processes from.
    pub fn take_pool(&mut self, index: usize) -> Result<(), Error> {
        let Some(part) = self.parts.get_mut(index) else { return Ok(()) };
        let bytes = part.pool_bytes;
        match part.pool_mut() {
            Some(pool) => pool.fill(&mut self.resources, bytes),
            None => Ok(()),
        }
    }

    fn give_pool_back(&mut self, index: usize) {
        let Some(part) = self.parts.get_mut(index).filter(|it| it.component.on_request) else {
            return;
        };
        let name = part.component.name;
        let given = part.pool_mut().map(|pool| pool.give_back(&mut self.resources));
        if let Some(Err(error)) = given {
            self.events.say(format_args!("memory of {name} is lost: {error}"));
        }
    }

    /// Makes the service of a component anew, for all who may use it.
    pub fn open(&mut self, index: usize) -> Result<(), Error> {
        let Some(part) = self.parts.get(index) else { return Ok(()) };
        let Some(service) = part.component.offers else { return Ok(()) };
        if self.port(service).is_some() {
            return Ok(());
        }
        let port: IpcPort = self.resources.make(0)?;
        if let Some(place) = self.ports.get_mut(index) {
            *place = Some(port);
        }
        for user in &self.parts {
            let entry = user.component.uses.iter().position(|used| *used == service);
            if let (Some(entry), Life::Running(instance)) = (entry, &user.life) {
                user.grant_use(&instance.process, entry, port)?;
            }
        }
        self.links.tell_clients(&mut self.resources, index, false)
    }

    /// The port of a service, if it has one now.
    fn port(&self, service: &str) -> Option<IpcPort> {
        if is_of_root(service) {
            return Some(self.root.port);
        }
        let provider = self.parts.iter().position(|part| part.component.offers == Some(service))?;
        self.ports.get(provider).copied().flatten()
    }

    pub fn faulted(&mut self, index: usize, fault: &Fault) {
        let Some(part) = self.parts.get_mut(index) else { return };
        let name = part.component.name;
        part.report(&mut self.resources, fault);
        let Fault { instruction, address, .. } = fault;
        match fault.reason {
            Some(reason) => self.events.note(format_args!(
                "{name} faulted: {reason:?} at {instruction:#x}, address {address:#x}"
            )),
            None => self.events.note(format_args!("{name} faulted at {instruction:#x}")),
        }
        let verdict = self.fail(index);
        self.say(name, verdict);
    }

    /// Takes a component apart whose program came to its end; one that says that it failed has failed.
    pub fn ended(&mut self, index: usize, code: u64) {
        let Some(part) = self.parts.get(index) else { return };
        let name = part.component.name;
        if code == 0 {
            self.events.say(format_args!("{name} came to its end"));
            self.end(index);
            self.close(index);
        } else {
            self.events.say(format_args!("{name} ended with code {code}"));
            let verdict = self.fail(index);
            self.say(name, verdict);
        }
    }

    /// Says what becomes of a component that failed.
    pub fn say(&mut self, name: &str, verdict: Option<Verdict>) {
        match verdict {
            Some(Verdict::RestartIn(delay)) => {
                self.events.say(format_args!("{name} restarts in {delay} ms"));
            }
            Some(Verdict::GiveUp) => self.events.say(format_args!("{name} is given up")),
            None => {}
        }
    }
}
