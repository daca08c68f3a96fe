//! The supervisor: one loop over faults, wishes, calls and time.

use core::cell::RefCell;

use koito::services::{DevicesServer, EventsServer, PowerServer, SupervisorServer};
use koito_manifest::{Component, MOST_COMPONENTS, Manifest, Patience, Vec};
use nun::abi::init;
use nun::aci;
use nun::service::respond;
use nun::{
    Descriptor, Error, InitInfo, IpcPort, Message, Node, NotificationPort, Pcb, Received, Reply,
    Resources, Rights, Timer, ticks,
};

use crate::RootError;
use crate::device::Machine;
use crate::events::Events;
use crate::holdings::Holdings;
use crate::life::{Heartbeat, Instance, Life};
use crate::links::Links;
use crate::part::{Part, Root, sender};
use crate::pci::PciServer;
use crate::serve::Service;

/// The signal of the root server's own timer. The lower bits are signs of life.
const TIMER: u64 = 1 << 63;
/// The epoch of the root server's services: it never starts anew.
const EPOCH: u16 = 1;

const _: () = assert!(MOST_COMPONENTS < 63, "each component has a bit");

/// All components.
pub struct Supervisor {
    root: Root,
    /// The slot for the Reply of whom it serves.
    reply: u64,
    state: RefCell<State>,
}

/// What changes.
pub struct State {
    pub init: &'static InitInfo,
    pub resources: Resources,
    pub machine: Machine,
    /// Who manages PCI devices.
    pub pci: PciServer,
    pub parts: Vec<Part, MOST_COMPONENTS>,
    /// What happened lately.
    pub events: Events,
    pub root: Root,
    /// The port of the service that each component offers.
    pub ports: Vec<Option<IpcPort>, MOST_COMPONENTS>,
    pub links: Links,
    /// Signals [`TIMER`].
    alarm: NotificationPort,
    /// What the timer is set for.
    armed: Option<u64>,
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
        let (alarm, reply) = (resources.take_slot()?, resources.take_slot()?);
        resources.node().mint(alarm, bell, Rights::WRITE | Rights::COPY, TIMER)?;

        let mut state = State {
            events: Events::new(root.ticks_per_millisecond),
            init,
            resources,
            parts: Vec::new(),
            root,
            ports: Vec::new(),
            links: Links::default(),
            alarm: NotificationPort::slot(alarm),
            armed: None,
            machine: Machine::new(init),
            pci: PciServer::default(),
        };
        let mut programs: Vec<(&str, &[u8]), MOST_COMPONENTS> = Vec::new();
        for (index, component) in manifest.components.iter().cloned().enumerate() {
            let known = programs.iter().find(|(name, _)| *name == component.program);
            let program = match known {
                Some((_, program)) => *program,
                // One that is not there cannot be started, which is said below.
                None => state.resources.module(component.program).transpose()?.unwrap_or_default(),
            };
            // There is room for as many as the manifest has.
            let _ = programs.push((component.program, program));
            let port = component.offers.map(|_| state.resources.make(0)).transpose()?;
            let _ = state.ports.push(port);
            let machine = &mut state.machine;
            let hold = |resources: &mut Resources, component: &Component<'_>, notification| {
                Holdings::new(init, machine, resources, component, notification)
            };
            let part = Part::new(&mut state.resources, index, component, program, hold)?;
            let _ = state.parts.push(part);
        }
        state.links = Links::new(&mut state.resources, &mut state.events, &manifest, &state.parts)?;
        state.share_out();
        if let Some(index) = manifest.pci_server() {
            state.employ(index)?;
            // Drivers wait for it.
            state.bring_up(index);
        }
        let waits = |part: &Part| part.component.on_request;
        // Nobody shall wait for a service that is not there.
        for index in 0..state.parts.len() {
            if state.parts.get(index).is_some_and(waits) {
                state.close(index);
            }
        }
        for index in 0..state.parts.len() {
            if !state.parts.get(index).is_some_and(waits) && manifest.pci_server() != Some(index) {
                state.bring_up(index);
            }
        }
        Ok(Self { root, reply, state: RefCell::new(state) })
    }

    /// Serves for as long as the kernel lets it: on its own priority, however little urgent are those
    /// who call or fault.
    pub fn run(&self) -> Error {
        loop {
            match self.root.port.receive_on_own_time(self.reply) {
                Ok(Received::Fault { process, fault }) => {
                    // It stays where it is until it is taken apart below.
                    self.answer(Some(Message::verdict(nun::Verdict::Stop)));
                    let (index, _) = sender::split(process);
                    self.state.borrow_mut().faulted(index, &fault);
                }
                Ok(Received::Message { sender, message }) => self.take(sender, &message),
                Ok(Received::Signals { bits }) => self.state.borrow_mut().heard(bits & !TIMER),
                Ok(_) => self.answer(None),
                Err(error) => return error,
            }
            if let Err(error) = self.state.borrow_mut().do_what_is_due() {
                return error;
            }
        }
    }

    fn take(&self, sender: u64, message: &Message) {
        let (index, kind) = sender::split(sender);
        let answer = match kind {
            sender::ALARM => {
                let [deadline, ..] = *message.words();
                if let Some(instance) = self.state.borrow_mut().instance(index) {
                    instance.alarm = Some(deadline);
                }
                None
            }
            sender::ENDED if message.label() == aci::label::EXITED => {
                let [code, ..] = *message.words();
                self.state.borrow_mut().ended(index, code);
                None
            }
            sender::SUPERVISOR => {
                let service = SupervisorServer(Service(&self.state));
                respond(&service, EPOCH, sender, message)
            }
            sender::EVENTS => respond(&EventsServer(Service(&self.state)), EPOCH, sender, message),
            sender::DEVICES => {
                respond(&DevicesServer(Service(&self.state)), EPOCH, sender, message)
            }
            sender::POWER => respond(&PowerServer(Service(&self.state)), EPOCH, sender, message),
            _ => None,
        };
        self.answer(answer);
    }

    /// Answers whoever is waiting for it. Without an answer, or where that cannot be given, a call ends
    /// in an error: in any case the slot of its Reply is empty again.
    fn answer(&self, answer: Option<Message>) {
        let is_given = answer.is_some_and(|answer| Reply::slot(self.reply).reply(&answer).is_ok());
        if !is_given {
            // Who sent a message without a call is not there, nor who was taken apart meanwhile.
            let _ = Node::slot(init::slot::NODE).remove(self.reply);
        }
    }
}

impl State {
    fn instance(&mut self, index: usize) -> Option<&mut Instance> {
        self.parts.get_mut(index)?.life.instance()
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
        self.ring_for_orders()?;
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
        let busy = self.more_urgent_time(index, now);
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
                        instance.heartbeat = Heartbeat::Asked(Patience::new(period, now, busy));
                    }
                    Heartbeat::Asked(mut patience) if patience.next() <= now => {
                        let is_over = patience.look(now, busy);
                        instance.heartbeat = Heartbeat::Asked(patience);
                        if is_over {
                            self.events.say(format_args!("{name} gives no sign of life"));
                            let verdict = self.fail(index);
                            self.say(name, verdict);
                        }
                    }
                    _ => {}
                }
            }
            Life::Restarting(at) if *at <= now => self.bring_up(index),
            Life::Waiting(until) => {
                let is_late = *until <= now;
                self.attend(index, is_late);
            }
            _ => {}
        }
        Ok(())
    }

    /// For how long components that are more urgent than component `index`, and the root server, were on
    /// the CPU, in ticks; 0 if nothing is due of its signs of life.
    fn more_urgent_time(&self, index: usize, now: u64) -> u64 {
        let Some(Part { life: Life::Running(instance), component, .. }) = self.parts.get(index)
        else {
            return 0;
        };
        if instance.heartbeat.next().is_none_or(|at| now < at) {
            return 0;
        }
        let time = |pcb: Pcb| pcb.information().map_or(0, |it| it.0);
        let others = self.parts.iter().filter_map(|other| match &other.life {
            Life::Running(it) if other.component.priority > component.priority => {
                Some(time(it.process.pcb()))
            }
            _ => None,
        });
        others.sum::<u64>() + time(Pcb::slot(init::slot::PROCESS))
    }

    /// The unit of times in components' status.
    pub const fn ticks_per_millisecond(&self) -> u64 {
        self.root.ticks_per_millisecond
    }

    /// Bytes of all memory, and how many of them are in use.
    pub fn memory(&self) -> (u64, u64) {
        let ordinary = self.init.generics().iter().filter(|generic| generic.device == 0);
        let bytes: u64 = ordinary.map(|generic| 1 << generic.size_bits).sum();
        (bytes, bytes.saturating_sub(self.resources.free_bytes()))
    }
}
