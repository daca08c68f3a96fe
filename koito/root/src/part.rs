//! A component: what it has for good, and how an instance of it is built from that.

use koito::conventions::{
    BUILDER_RADIX, ENVIRONMENT_ADDRESS, ENVIRONMENT_BYTES, WIDE_MEMORY_BITS, WIDE_RADIX,
    channel_address, signal, slot,
};
use koito::services::Order;
use koito::{Arguments, Channel, Device as Description, Environment, Framebuffer, Module, Name};
use koito_manifest::{
    Component, DEVICES, EVENTS, Failures, MOST_CHANNELS, MOST_COMPONENTS, MOST_MODULES,
    MOST_PIECES, MOST_USES, POWER, SUPERVISOR, Vec,
};
use nun::abi::boot::PAGE_BYTES;
use nun::aci::{self, Convention};
use nun::service::Epoch;
use nun::{
    Access, CrashReport, Error, Fault, Frame, Generic, InitInfo, InitModule, IpcPort,
    NotificationPort, Process, Resources, Rights, Start, StartError,
};

use crate::device::{Device, Readiness, map_table};
use crate::holdings::{Holdings, Lack, make_bell};
use crate::life::Life;
use crate::pool::Pool;

/// What the root server itself is reached by.
#[derive(Clone, Copy)]
pub struct Root {
    /// Its port.
    pub port: IpcPort,
    /// The Notification Port that is bound to it.
    pub bell: NotificationPort,
    /// Ticks of the time-stamp counter in a millisecond.
    pub ticks_per_millisecond: u64,
    /// What that counter was when the kernel was entered.
    pub entry_ticks: u64,
}

/// What a message to the root server is, by the identifier of the capability that it came
/// through. The lower half is the number of the component, counted from 1.
pub mod sender {
    /// A fault.
    pub const FAULT: u64 = 0;
    /// The wish to be woken at a time.
    pub const ALARM: u64 = 1 << 32;
    /// A call of the supervisor's service.
    pub const SUPERVISOR: u64 = 2 << 32;
    /// A call of the service that tells events.
    pub const EVENTS: u64 = 3 << 32;
    /// A call of the service that has PCI devices managed.
    pub const DEVICES: u64 = 6 << 32;
    /// The end of a program that came to it.
    pub const ENDED: u64 = 4 << 32;
    /// A call of the service that ends the machine.
    pub const POWER: u64 = 5 << 32;

    /// The component in an identifier, counted from 0, and its kind.
    pub const fn split(identifier: u64) -> (usize, u64) {
        let number = identifier as u32 as usize;
        (number.wrapping_sub(1), identifier & !0xffff_ffff)
    }

    /// The identifier for component `index`.
    pub const fn join(index: usize, kind: u64) -> u64 {
        kind | (index as u64 + 1)
    }
}

/// What other components mean to one, at the moment of its start.
pub struct Around {
    /// The ports of the services that it uses, as far as they are there.
    pub ports: Vec<Option<IpcPort>, MOST_USES>,
    /// Its clients, with the identifiers that it sees of them.
    pub clients: Vec<(u64, Name), MOST_COMPONENTS>,
    /// Its channels.
    pub ends: Vec<End, MOST_CHANNELS>,
    /// Tables of interrupts and the components whose devices they belong to, for the PCI server.
    pub tables: Vec<(usize, Frame), MOST_COMPONENTS>,
}

/// A component's end of a channel.
pub struct End {
    /// The memory.
    pub frame: Frame,
    /// Rings at the other end.
    pub bell: NotificationPort,
    /// What the component is told.
    pub channel: Channel,
}

/// What an instance is told that its manifest entry does not say.
struct Told {
    clients: Vec<(u64, Name), MOST_COMPONENTS>,
    channels: Vec<Channel, MOST_CHANNELS>,
    device: Option<Description>,
    framebuffer: Option<Framebuffer>,
    modules: Vec<Module, MOST_MODULES>,
    pool: Vec<u8, MOST_PIECES>,
}

/// A component.
pub struct Part {
    /// Its manifest entry.
    pub component: Component<'static>,
    /// What it is doing.
    pub life: Life,
    /// Which instance is the current one, or was the last.
    pub epoch: Epoch,
    /// Its failures lately.
    pub failures: Failures,
    /// All its failures.
    pub failure_count: u32,
    /// Signals that a time has come.
    pub waker: NotificationPort,
    /// Asks for a sign of life.
    pub asker: NotificationPort,
    /// Bytes that its pool has while it runs, if it does so on request.
    pub pool_bytes: u64,
    /// Arguments that whoever started it chose, in place of those of its manifest entry.
    pub arguments: Option<Arguments>,
    /// With what a thread of its own signals.
    thread: NotificationPort,
    index: usize,
    program: &'static [u8],
    notification: NotificationPort,
    /// What it has for good, or why it cannot run.
    holdings: Result<Holdings, Lack>,
}

impl Part {
    /// Shows where its running instance, which waits for its resolver or was stopped by it, met
    /// `fault`, and how it came there.
    pub fn report(&mut self, resources: &mut Resources, fault: &Fault) {
        let Life::Running(instance) = &mut self.life else { return };
        let (name, process) = (self.component.name, &mut instance.process);
        let report = CrashReport::new(resources, process, name, *fault, self.program);
        nun::print!("root: {report}");
    }

    /// Component `index` with its program. It does not run yet.
    pub fn new(
        resources: &mut Resources,
        index: usize,
        component: Component<'static>,
        program: &'static [u8],
        hold: impl FnOnce(&mut Resources, &Component<'_>, NotificationPort) -> Result<Holdings, Lack>,
    ) -> Result<Self, Error> {
        let notification: NotificationPort = resources.make(0)?;
        Ok(Self {
            life: Life::Stopped,
            epoch: 0,
            failures: Failures::default(),
            failure_count: 0,
            waker: make_bell(resources, notification, signal::ALARM)?,
            asker: make_bell(resources, notification, signal::ALIVE)?,
            thread: make_bell(resources, notification, signal::THREAD)?,
            holdings: hold(resources, &component, notification),
            pool_bytes: pool_bytes(&component),
            arguments: None,
            index,
            program,
            notification,
            component,
        })
    }

    /// A capability to signal `bits` to the component.
    pub fn make_bell(
        &self,
        resources: &mut Resources,
        bits: u64,
    ) -> Result<NotificationPort, Error> {
        make_bell(resources, self.notification, bits)
    }

    /// What it lacks to run at all, if anything.
    pub fn lack(&self) -> Option<Lack> {
        let of_device = match self.readiness() {
            Readiness::Never(lack) => Some(lack),
            _ => None,
        };
        self.holdings.as_ref().err().copied().or(of_device)
    }

    /// All memory of its instances, if it has any.
    pub fn quota(&self) -> Option<Generic> {
        self.holdings.as_ref().ok().map(|it| it.quota)
    }

    /// What it builds processes from.
    pub fn pool(&self) -> Option<&Pool> {
        self.holdings.as_ref().ok().map(|it| &it.pool)
    }

    /// See [`pool`](Self::pool).
    pub fn pool_mut(&mut self) -> Option<&mut Pool> {
        self.holdings.as_mut().ok().map(|it| &mut it.pool)
    }

    /// Has it run with a pool of `bytes` bytes from its next start on; without, with the one of its manifest entry.
    /// Says whether it may.
    pub fn allot(&mut self, bytes: Option<u64>) -> bool {
        let may = bytes.is_none_or(|bytes| (1..=self.most_pool_bytes()).contains(&bytes));
        if may {
            self.pool_bytes = bytes.unwrap_or(pool_bytes(&self.component));
        }
        may
    }

    /// Bytes that its pool may have.
    pub fn most_pool_bytes(&self) -> u64 {
        match self.component.most_pool_bits {
            0 => pool_bytes(&self.component),
            bits => 1 << bits,
        }
    }

    /// Its device.
    pub fn device(&self) -> Option<&Device> {
        self.holdings.as_ref().ok()?.device.as_ref()
    }

    /// See [`device`](Self::device).
    pub fn device_mut(&mut self) -> Option<&mut Device> {
        self.holdings.as_mut().ok()?.device.as_mut()
    }

    /// What it waits for before it can start.
    pub fn readiness(&self) -> Readiness {
        self.device().map_or(Readiness::Ready, Device::readiness)
    }

    /// What is to be done with its device.
    pub fn order(&self) -> Option<Order> {
        let runs = matches!(self.life, Life::Running(_));
        let waits = matches!(self.life, Life::Waiting(_));
        self.device()?.order(self.index, runs, waits)
    }

    /// Builds the next instance and lets it run.
    pub fn start(
        &mut self,
        resources: &mut Resources,
        root: &Root,
        served: Option<IpcPort>,
        around: Around,
    ) -> Result<Process, StartError> {
        self.epoch = self.epoch.checked_add(1).unwrap_or(1);
        let Ok(Holdings { quota, pool, environment, device, screen, .. }) = &mut self.holdings
        else {
            return Err(nun::EXHAUSTED.into());
        };
        // Who builds processes needs slots for them.
        let builds = self.component.pool_bits > 0;
        let node_radix = match self.component.memory_bits {
            _ if !builds => aci::NODE_RADIX,
            WIDE_MEMORY_BITS.. => WIDE_RADIX,
            _ => BUILDER_RADIX,
        };
        let convention = Convention { node_radix, ..aci::NUN };
        let mut process = Process::load_from_as(resources, *quota, self.program, &convention)?;
        let pool = pool.grant(resources, &process)?;
        if builds {
            let both = Rights::READ | Rights::WRITE;
            process.grant(aci::slot::ADDRESS_SPACE, process.address_space(), both, 0)?;
        }
        for (index, end) in around.ends.iter().enumerate() {
            let pages = (1 << end.channel.memory_bits) / PAGE_BYTES;
            let both = Access::READ | Access::WRITE;
            process.map(end.frame, channel_address(index), pages, both)?;
            process.grant(slot::CHANNELS + index as u64, end.bell, Rights::WRITE, 0)?;
        }
        for (index, table) in around.tables {
            map_table(&mut process, index, table)?;
        }
        let channels = around.ends.iter().map(|end| end.channel.clone()).collect();
        let device = device.as_mut().map(|device| device.give(&mut process)).transpose()?;
        let framebuffer = screen.as_ref().map(|it| it.give(&mut process)).transpose()?;
        let page = *environment;
        let modules = self.grant_modules(resources.init(), &process)?;
        let told = Told { clients: around.clients, channels, device, framebuffer, modules, pool };
        self.tell(resources, root, told, page)?;
        process.map(page, ENVIRONMENT_ADDRESS, 1, Access::READ)?;
        self.grant(root, served, &process)?;
        for (entry, port) in around.ports.into_iter().enumerate() {
            if let Some(port) = port {
                self.grant_use(&process, entry, port)?;
            }
        }
        process.set_resolver(root.port, sender::join(self.index, sender::FAULT))?;
        process.bind(self.notification)?;
        // What was signalled to the last instance does not concern this one.
        self.notification.poll()?;
        process.start(&Start { priority: self.component.priority, ..Start::default() })?;
        Ok(process)
    }

    /// Lets an instance call the service that its manifest entry names in position `entry`.
    pub fn grant_use(&self, process: &Process, entry: usize, port: IpcPort) -> Result<(), Error> {
        let kind = match self.component.uses.get(entry) {
            Some(&SUPERVISOR) => sender::SUPERVISOR,
            Some(&EVENTS) => sender::EVENTS,
            Some(&DEVICES) => sender::DEVICES,
            Some(&POWER) => sender::POWER,
            _ => 0,
        };
        let identifier = sender::join(self.index, kind);
        process.grant(slot::USED + entry as u64, port, Rights::WRITE, identifier)
    }

    /// Gives an instance the boot modules that its manifest entry names, as far as they are there.
    fn grant_modules(
        &self,
        init: &InitInfo,
        process: &Process,
    ) -> Result<Vec<Module, MOST_MODULES>, Error> {
        let mut modules = Vec::new();
        let mut slot = slot::MODULES;
        for name in &self.component.modules {
            let Some(InitModule { bytes, frames, .. }) = init.module(name) else { continue };
            let (first, count) = (slot, u64::from(frames.count));
            let name = name.chars().collect();
            for frame in frames.first..frames.first + frames.count {
                process.grant(slot, Frame::slot(frame.into()), Rights::READ, 0)?;
                slot += 1;
            }
            // There is room for as many as the manifest has.
            let _ = modules.push(Module { name, first, frames: count, bytes: *bytes });
        }
        Ok(modules)
    }

    /// Writes the environment of the next instance into `page`.
    fn tell(
        &self,
        resources: &mut Resources,
        root: &Root,
        Told { clients, channels, device, framebuffer, modules, pool }: Told,
        page: Frame,
    ) -> Result<(), Error> {
        let name = |text: &str| -> Name { text.chars().collect() };
        let component = &self.component;
        let own = || Arguments::try_from(component.arguments).unwrap_or_default();
        let arguments = self.arguments.clone().unwrap_or_else(own);
        let environment = Environment {
            name: name(component.name),
            arguments,
            epoch: self.epoch,
            ticks_per_millisecond: root.ticks_per_millisecond,
            entry_ticks: root.entry_ticks,
            uses: component.uses.iter().map(|service| name(service)).collect(),
            clients,
            channels,
            io_ports: component.io_ports.clone(),
            interrupts: component.interrupts.clone(),
            device,
            framebuffer,
            modules,
            pool,
        };
        let mut buffer = [0; ENVIRONMENT_BYTES];
        match environment.pack(&mut buffer) {
            Some(packed) => resources.with_mapped(page, |memory| memory.copy_from(0, packed)),
            None => Err(nun::EXHAUSTED),
        }
    }

    /// Gives an instance what is its own, and nothing besides.
    fn grant(&self, root: &Root, served: Option<IpcPort>, process: &Process) -> Result<(), Error> {
        let Ok(Holdings { io_ports, interrupts, .. }) = &self.holdings else { return Ok(()) };
        let identifier = sender::join(self.index, sender::ENDED);
        process.grant(aci::slot::SUPERVISOR, root.port, Rights::WRITE, identifier)?;
        process.grant(slot::NOTIFICATION, self.notification, Rights::READ, 0)?;
        if let Some(port) = served {
            // Who builds processes is their resolver at the same port.
            let hands_out = Rights::READ | Rights::WRITE | Rights::COPY | Rights::MODIFY;
            let rights = if self.component.pool_bits > 0 { hands_out } else { Rights::READ };
            process.grant(slot::SERVED, port, rights, 0)?;
        }
        if self.component.pool_bits > 0 {
            process.grant(slot::BELL, self.thread, Rights::WRITE, 0)?;
        }
        if self.component.alarm {
            let identifier = sender::join(self.index, sender::ALARM);
            process.grant(slot::ALARM, root.port, Rights::WRITE, identifier)?;
        }
        if self.component.heartbeat > 0 {
            process.grant(slot::HEARTBEAT, root.bell, Rights::WRITE, 1 << self.index)?;
        }
        let both = Rights::READ | Rights::WRITE;
        for (at, ports) in (slot::IO_PORTS..).zip(io_ports) {
            process.grant(at, *ports, both, 0)?;
        }
        for (at, interrupt) in (slot::INTERRUPTS..).zip(interrupts) {
            process.grant(at, *interrupt, both, 0)?;
        }
        Ok(())
    }
}

/// Bytes of the pool in a manifest entry.
fn pool_bytes(component: &Component<'_>) -> u64 {
    if component.pool_bits > 0 { 1 << component.pool_bits } else { 0 }
}
