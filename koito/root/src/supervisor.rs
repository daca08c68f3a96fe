//! The supervisor: one loop over faults, wishes, calls and time.

use core::cell::RefCell;

use koito::services::SupervisorServer;
use koito_manifest::{MOST_COMPONENTS, Manifest, SUPERVISOR, Vec, Verdict};
use nun::abi::init;
use nun::service::respond;
use nun::{
    Descriptor, Error, Fault, InitInfo, IpcPort, Message, NotificationPort, Pcb, Received, Reply,
    Resources, Rights, StartError, Timer, ticks,
};

use crate::RootError;
use crate::device::Machine;
use crate::life::{Heartbeat, Instance, Life};
use crate::links::Links;
use crate::part::{Around, Part, Root, sender};
use crate::serve::Service;

/// The signal of the root server's own timer. The lower bits are signs of life.
const TIMER: u64 = 1 << 63;
/// Milliseconds from one look for components that came to their ends to the next, at least. Nothing
/// wakes the root server for that alone: signs of life do often enough.
const LOOK_PERIOD: u64 = 100;
/// The epoch of the supervisor's service: it never starts anew.
const EPOCH: u16 = 1;

const _: () = assert!(MOST_COMPONENTS < 63, "each component has a bit");

/// All components.
pub struct Supervisor {
    root: Root,
    state: RefCell<State>,
}

/// What changes.
pub struct State {
    pub init: &'static InitInfo,
    pub resources: Resources,
    pub machine: Machine,
    pub parts: Vec<Part, MOST_COMPONENTS>,
    root: Root,
    /// The port of the service that each component offers.
    ports: Vec<Option<IpcPort>, MOST_COMPONENTS>,
    links: Links,
    /// Signals [`TIMER`].
    alarm: NotificationPort,
    /// What the timer is set for.
    armed: Option<u64>,
    /// When to look again for components that came to their ends.
    next_look: u64,
}

impl Supervisor {
    /// Makes everything that `manifest` describes, and starts it.
    pub fn new(
        init: &'static InitInfo,
        mut resources: Resources,
        manifest: Manifest<'static>,
    ) -> Result<Self, RootError> {
        let bell: NotificationPort = resources.make(0)?;
        let root = Root {
            port: resources.make(0)?,
            bell,
            ticks_per_millisecond: (init.ticks_per_second / 1000).max(1),
            entry_ticks: init.entry_ticks,
        };
        Pcb::slot(init::slot::PROCESS).configure_ports(Descriptor::NULL, bell)?;
        let alarm = resources.take_slot()?;
        resources.node().mint(alarm, bell, Rights::WRITE | Rights::COPY, TIMER)?;

        let mut state = State {
            init,
            resources,
            parts: Vec::new(),
            root,
            ports: Vec::new(),
            links: Links::default(),
            alarm: NotificationPort::slot(alarm),
            armed: None,
            machine: Machine::new(init),
            next_look: 0,
        };
        let mut programs: Vec<(&str, &[u8]), MOST_COMPONENTS> = Vec::new();
        for (index, component) in manifest.components.iter().cloned().enumerate() {
            let known = programs.iter().find(|(name, _)| *name == component.program);
            let program = match known {
                Some((_, program)) => *program,
                None => {
                    let module = state.resources.module(component.program);
                    module.ok_or(RootError::NoModule(component.program))??
                }
            };
            // There is room for as many as the manifest has.
            let _ = programs.push((component.program, program));
            let port = component.offers.map(|_| state.resources.make(0)).transpose()?;
            let _ = state.ports.push(port);
            let (machine, resources) = (&mut state.machine, &mut state.resources);
            let part = Part::new(init, machine, resources, index, component, program)?;
            let _ = state.parts.push(part);
        }
        state.links = Links::new(&mut state.resources, &manifest, &state.parts)?;
        let waits = |part: &Part| part.component.on_request;
        // Nobody shall wait for a service that is not there.
        for index in 0..state.parts.len() {
            if state.parts.get(index).is_some_and(waits) {
                state.close(index);
            }
        }
        for index in 0..state.parts.len() {
            if !state.parts.get(index).is_some_and(waits) {
                state.start(index)?;
            }
        }
        Ok(Self { root, state: RefCell::new(state) })
    }

    /// Serves for as long as the kernel lets it.
    pub fn run(&self) -> Error {
        loop {
            match self.root.port.receive() {
                Ok(Received::Fault { process, fault }) => {
                    // It stays where it is, on nobody's time, until it is taken apart below.
                    let _ = Reply::OWED.reply(&Message::verdict(nun::Verdict::Stop));
                    let (index, _) = sender::split(process);
                    self.state.borrow_mut().faulted(index, &fault);
                }
                Ok(Received::Message { sender, message }) => self.take(sender, &message),
                Ok(Received::Signals { bits }) => self.state.borrow_mut().heard(bits & !TIMER),
                Ok(_) => {}
                Err(error) => return error,
            }
            if let Err(error) = self.state.borrow_mut().do_what_is_due() {
                return error;
            }
        }
    }

    fn take(&self, sender: u64, message: &Message) {
        let (index, kind) = sender::split(sender);
        match kind {
            sender::ALARM => {
                let [deadline, ..] = *message.words();
                if let Some(instance) = self.state.borrow_mut().instance(index) {
                    instance.alarm = Some(deadline);
                }
            }
            sender::SUPERVISOR => {
                let service = SupervisorServer(Service(&self.state));
                if let Some(answer) = respond(&service, EPOCH, sender, message) {
                    // The caller may have been taken apart meanwhile.
                    let _ = Reply::OWED.reply(&answer);
                }
            }
            _ => {}
        }
    }
}

impl State {
    fn instance(&mut self, index: usize) -> Option<&mut Instance> {
        self.parts.get_mut(index)?.life.instance()
    }

    /// Starts the next instance of a component that does not run.
    pub fn start(&mut self, index: usize) -> Result<(), StartError> {
        let Some(part) = self.parts.get_mut(index) else { return Ok(()) };
        if part.lacks_device() {
            nun::println!("root: there is no device for {}", part.component.name);
            part.life = Life::GivenUp;
            self.close(index);
            return Ok(());
        }
        if ticks() < part.ready() {
            part.life = Life::Restarting(part.ready());
            return Ok(());
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
                self.resources.node().revoke(part.quota.descriptor().index())?;
                Err(error)
            }
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
        instance.process.stop();
        part.quiesce(&self.root);
        if let Err(error) = instance.process.dismantle(&mut self.resources) {
            nun::println!("root: {} cannot be taken apart: {error}", part.component.name);
        }
        Some(ran)
    }

    /// Ends the instance of a component that failed, and does what its policy says.
    pub fn fail(&mut self, index: usize) -> Option<Verdict> {
        let ran = self.end(index)?;
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

    /// Takes the service of a component away from its clients: those that wait for it get an
    /// error, and so do all later calls.
    pub fn close(&mut self, index: usize) {
        let Some(port) = self.ports.get_mut(index).and_then(Option::take) else { return };
        let removed = self.resources.discard(port);
        let told = self.links.tell_clients(&mut self.resources, index, true);
        if let Err(error) = removed.and(told) {
            nun::println!("root: a service cannot be taken away: {error}");
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
        if service == SUPERVISOR {
            return Some(self.root.port);
        }
        let provider = self.parts.iter().position(|part| part.component.offers == Some(service))?;
        self.ports.get(provider).copied().flatten()
    }

    fn faulted(&mut self, index: usize, fault: &Fault) {
        let Some(part) = self.parts.get_mut(index) else { return };
        let name = part.component.name;
        part.report(&mut self.resources, fault);
        let verdict = self.fail(index);
        say(name, verdict);
    }

    /// Notes signs of life.
    fn heard(&mut self, bits: u64) {
        for (index, part) in self.parts.iter_mut().enumerate() {
            let period = u64::from(part.component.heartbeat) * self.root.ticks_per_millisecond;
            if bits & (1 << index) != 0
                && let Some(instance) = part.life.instance()
                && instance.heartbeat != Heartbeat::Never
            {
                instance.heartbeat = Heartbeat::AskAt(ticks() + period);
            }
        }
    }

    /// Does all that is due by now, and sets the timer for what comes next.
    fn do_what_is_due(&mut self) -> Result<(), Error> {
        let now = ticks();
        for index in 0..self.parts.len() {
            self.do_due(index, now)?;
        }
        if now >= self.next_look {
            self.next_look = now + LOOK_PERIOD * self.root.ticks_per_millisecond;
            (0..self.parts.len()).for_each(|index| self.take_ended(index));
        }
        let next = self.parts.iter().filter_map(|part| part.life.next()).min();
        if let Some(deadline) = next
            && self.armed != next
        {
            Timer::slot(init::slot::TIMERS).arm(deadline, self.alarm)?;
        }
        self.armed = next.filter(|deadline| *deadline > now);
        Ok(())
    }

    fn do_due(&mut self, index: usize, now: u64) -> Result<(), Error> {
        let Some(part) = self.parts.get_mut(index) else { return Ok(()) };
        let name = part.component.name;
        let period = u64::from(part.component.heartbeat) * self.root.ticks_per_millisecond;
        match &mut part.life {
            Life::Running(instance) => {
                if instance.alarm.take_if(|at| *at <= now).is_some() {
                    part.waker.notify()?;
                }
                match instance.heartbeat {
                    Heartbeat::AskAt(at) if at <= now => {
                        part.asker.notify()?;
                        instance.heartbeat = Heartbeat::AnswerBy(now + period);
                    }
                    Heartbeat::AnswerBy(at) if at <= now => {
                        nun::println!("root: {name} gives no sign of life");
                        say(name, self.fail(index));
                    }
                    _ => {}
                }
            }
            Life::Restarting(at) if *at <= now => {
                if let Err(error) = self.start(index) {
                    nun::println!("root: {name} cannot be started: {error}");
                    if let Some(part) = self.parts.get_mut(index) {
                        part.life = Life::GivenUp;
                    }
                    self.close(index);
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// The unit of times in components' status.
    pub const fn ticks_per_millisecond(&self) -> u64 {
        self.root.ticks_per_millisecond
    }

    /// Takes a component apart whose program came to its end: it stopped itself.
    fn take_ended(&mut self, index: usize) {
        const STOPPED: u64 = 0;
        let Some(part) = self.parts.get_mut(index) else { return };
        let name = part.component.name;
        let Some(instance) = part.life.instance() else { return };
        if instance.process.pcb().information().is_ok_and(|(_, _, state, _)| state == STOPPED) {
            nun::println!("root: {name} came to its end");
            self.end(index);
            self.close(index);
        }
    }

    /// Bytes of all memory, and how many of them are in use.
    pub fn memory(&self) -> (u64, u64) {
        let ordinary = self.init.generics().iter().filter(|generic| generic.device == 0);
        let bytes: u64 = ordinary.map(|generic| 1 << generic.size_bits).sum();
        (bytes, bytes.saturating_sub(self.resources.free_bytes()))
    }
}

/// Says what becomes of a component that failed.
fn say(name: &str, verdict: Option<Verdict>) {
    match verdict {
        Some(Verdict::RestartIn(delay)) => nun::println!("root: {name} restarts in {delay} ms"),
        Some(Verdict::GiveUp) => nun::println!("root: {name} is given up"),
        None => {}
    }
}
