//! The rules that a manifest has to keep. Each defect says where it is and what to do about it.

use core::fmt;

use crate::{
    CHANNEL_BITS, Component, DEVICES, DMA_BITS, HIGHEST_PRIORITY, MEMORY_BITS, MOST_CHANNELS,
    MOST_COMPONENTS, Manifest, NAME_BYTES, PortRange, Vec, is_of_root,
};

/// Where a defect is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// Which component, counted from 0.
    pub component: usize,
    /// What of it.
    pub field: Field,
}

/// A field of a component; of a list, which entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Field {
    /// Its name.
    Name,
    /// Its program.
    Program,
    /// Its priority.
    Priority,
    /// Its memory.
    Memory,
    /// The memory for processes of its own.
    Pool,
    /// The most of that.
    MostPool,
    /// The service that it offers.
    Offers,
    /// A service that it uses.
    Uses(usize),
    /// One of its channels.
    Channels(usize),
    /// Some of its I/O ports.
    IoPorts(usize),
    /// One of its interrupts.
    Interrupts(usize),
    /// The screen.
    Framebuffer,
    /// Its PCI device.
    Pci,
    /// The memory that it shares with its device.
    Dma,
    /// Its restart policy.
    Restart,
}

/// What is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(clippy::large_enum_variant, reason = "there is no heap, and few defects at a time")]
pub enum Defect<'a> {
    /// There is no component.
    Empty,
    /// A name is too long, or has other characters than it may.
    BadName(&'a str),
    /// Another component, this one, has the same name.
    NameTaken(usize),
    /// Another component offers the same service, or the supervisor does.
    ServiceTaken(&'a str),
    /// Nobody offers this service.
    NoSuchService(&'a str),
    /// It is named twice.
    UsedTwice(&'a str),
    /// A channel leads to a service that it does not use, or that is none of a component.
    NotUsed(&'a str),
    /// The memory of a channel is too little or too much.
    BadChannel,
    /// The component has more channels, its clients' included, than it can have.
    TooManyChannels,
    /// Components call each other in a circle: these, in this order.
    Circle(Vec<&'a str, MOST_COMPONENTS>),
    /// The component of this name has some of these ports, too.
    PortsTaken(&'a str),
    /// The range ends before it begins.
    BadRange(PortRange),
    /// The component of this name has this interrupt, too.
    InterruptTaken(&'a str),
    /// The component of this name has the screen, too.
    FramebufferTaken(&'a str),
    /// The component of this name has this device, too.
    DeviceTaken(&'a str),
    /// It has a PCI device, and nobody manages those.
    NoPciServer,
    /// The component of this name manages PCI devices, too.
    TwoPciServers(&'a str),
    /// It shares memory with a device that it does not have, too little or too much.
    BadDma,
    /// The priority is the root server's.
    TooUrgent,
    /// The memory is too little or too much.
    BadMemory,
    /// The memory for processes of its own is too little or too much.
    BadPool,
    /// There may be more of it than there is, but the component always runs, or that is less, or too much.
    BadMostPool,
    /// The longest delay is shorter than the first, or nothing is ever tried.
    BadRestart,
}

impl fmt::Display for Defect<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("a system has at least one [[component]]"),
            Self::BadName(name) => write!(
                f,
                "{name:?} is no name: use 1 to {NAME_BYTES} of the characters a-z, 0-9, - and _"
            ),
            Self::NameTaken(_) => f.write_str("another component has this name"),
            Self::ServiceTaken(service) => {
                write!(f, "the service {service:?} is offered by somebody else already")
            }
            Self::NoSuchService(service) => write!(f, "nobody offers the service {service:?}"),
            Self::UsedTwice(service) => write!(f, "{service:?} is named twice"),
            Self::NotUsed(service) => write!(
                f,
                "a channel leads to a service among those of `uses`, and not to the root server; \
                 {service:?} is no such service"
            ),
            Self::BadChannel => write!(
                f,
                "a channel has at least {} KiB, and at most {} MiB",
                1 << (CHANNEL_BITS.start() - 10),
                1 << (CHANNEL_BITS.end() - 20),
            ),
            Self::TooManyChannels => write!(
                f,
                "a component has at most {MOST_CHANNELS} channels, those of its clients included"
            ),
            Self::Circle(names) => {
                f.write_str("components must not call each other in a circle: ")?;
                names.iter().try_for_each(|name| write!(f, "{name} -> "))?;
                f.write_str(names.first().copied().unwrap_or_default())
            }
            Self::PortsTaken(name) => write!(f, "{name:?} has some of these I/O ports, too"),
            Self::BadRange(PortRange { first, last }) => {
                write!(f, "the range {first:#x}..{last:#x} ends before it begins")
            }
            Self::InterruptTaken(name) => write!(f, "{name:?} has this interrupt, too"),
            Self::FramebufferTaken(name) => write!(f, "{name:?} has the framebuffer, too"),
            Self::DeviceTaken(name) => write!(f, "{name:?} has this device, too"),
            Self::NoPciServer => write!(
                f,
                "a PCI device needs a PCI server: a component that uses the service {DEVICES:?}"
            ),
            Self::TwoPciServers(name) => {
                write!(f, "{name:?} uses {DEVICES:?}, too: a system has one PCI server")
            }
            Self::BadDma => write!(
                f,
                "a component with a PCI device shares {} KiB to {} MiB with it; one without, none",
                1 << (DMA_BITS.start() - 10),
                1 << (DMA_BITS.end() - 20),
            ),
            Self::TooUrgent => {
                write!(f, "a component's priority is at most {HIGHEST_PRIORITY}")
            }
            Self::BadPool => write!(
                f,
                "a component builds processes from at least {} KiB, and at most {} GiB",
                1 << (MEMORY_BITS.start() - 10),
                1 << (MEMORY_BITS.end() - 30),
            ),
            Self::BadMostPool => write!(
                f,
                "a pool may become larger than usual, of at most {} GiB",
                1 << (MEMORY_BITS.end() - 30),
            ),
            Self::BadMemory => write!(
                f,
                "a component has at least {} KiB of memory, and at most {} GiB",
                1 << (MEMORY_BITS.start() - 10),
                1 << (MEMORY_BITS.end() - 30),
            ),
            Self::BadRestart => f.write_str(
                "the longest delay must not be shorter than the first, and there must be a try",
            ),
        }
    }
}

impl<'a> Manifest<'a> {
    /// Tells every defect to `found`.
    pub fn check(&self, mut found: impl FnMut(Place, Defect<'a>)) {
        if self.components.is_empty() {
            found(Place { component: 0, field: Field::Name }, Defect::Empty);
        }
        for (index, component) in self.components.iter().enumerate() {
            let mut report = |field, defect| found(Place { component: index, field }, defect);
            check_alone(component, &mut report);
            self.check_services(index, component, &mut report);
            self.check_channels(index, component, &mut report);
            self.check_devices(index, component, &mut report);
        }
        self.check_order(&mut found);
    }

    fn check_services(
        &self,
        index: usize,
        component: &Component<'a>,
        report: &mut impl FnMut(Field, Defect<'a>),
    ) {
        let before = self.components.get(..index).unwrap_or_default();
        if let Some(other) = before.iter().position(|other| other.name == component.name) {
            report(Field::Name, Defect::NameTaken(other));
        }
        if let Some(service) = component.offers {
            let taken = before.iter().any(|other| other.offers == Some(service));
            if taken || is_of_root(service) {
                report(Field::Offers, Defect::ServiceTaken(service));
            }
        }
        for (entry, service) in component.uses.iter().enumerate() {
            if self.provider(service).is_none() && !is_of_root(service) {
                report(Field::Uses(entry), Defect::NoSuchService(service));
            }
            if component.uses.iter().take(entry).any(|other| other == service) {
                report(Field::Uses(entry), Defect::UsedTwice(service));
            }
            if *service == DEVICES
                && let Some(other) = before.iter().find(|other| other.uses.contains(&DEVICES))
            {
                report(Field::Uses(entry), Defect::TwoPciServers(other.name));
            }
        }
    }

    fn check_channels(
        &self,
        index: usize,
        component: &Component<'a>,
        report: &mut impl FnMut(Field, Defect<'a>),
    ) {
        for (entry, channel) in component.channels.iter().enumerate() {
            let earlier = component.channels.iter().take(entry);
            if !component.uses.contains(&channel.to) || is_of_root(channel.to) {
                report(Field::Channels(entry), Defect::NotUsed(channel.to));
            } else if earlier.into_iter().any(|other| other.to == channel.to) {
                report(Field::Channels(entry), Defect::UsedTwice(channel.to));
            }
            if !CHANNEL_BITS.contains(&channel.memory_bits) {
                report(Field::Channels(entry), Defect::BadChannel);
            }
        }
        let both =
            self.channels().filter(|(client, _, server)| *client == index || *server == index);
        if both.count() > MOST_CHANNELS {
            report(Field::Name, Defect::TooManyChannels);
        }
    }

    fn check_devices(
        &self,
        index: usize,
        component: &Component<'a>,
        report: &mut impl FnMut(Field, Defect<'a>),
    ) {
        for (entry, ports) in component.io_ports.iter().enumerate() {
            if ports.last < ports.first {
                report(Field::IoPorts(entry), Defect::BadRange(*ports));
            }
            let before = self.owners(index, entry, |other| &other.io_ports);
            let overlaps =
                |other: &PortRange| other.first <= ports.last && ports.first <= other.last;
            if let Some((owner, _)) = before.into_iter().find(|(_, other)| overlaps(other)) {
                report(Field::IoPorts(entry), Defect::PortsTaken(owner));
            }
        }
        for (entry, line) in component.interrupts.iter().enumerate() {
            let mut before = self.owners(index, entry, |other| &other.interrupts);
            if let Some((owner, _)) = before.find(|(_, other)| other == line) {
                report(Field::Interrupts(entry), Defect::InterruptTaken(owner));
            }
        }
        let before = self.components.get(..index).unwrap_or_default();
        if component.framebuffer
            && let Some(owner) = before.iter().find(|other| other.framebuffer)
        {
            report(Field::Framebuffer, Defect::FramebufferTaken(owner.name));
        }
        if let Some(pci) = component.pci
            && let Some(owner) = before.iter().find(|other| other.pci == Some(pci))
        {
            report(Field::Pci, Defect::DeviceTaken(owner.name));
        }
        if component.pci.is_some() && self.pci_server().is_none() {
            report(Field::Pci, Defect::NoPciServer);
        }
    }

    /// Everything of a kind that stands before entry `entry` of component `index`, with the name
    /// of its owner.
    fn owners<'s, T: Copy + 's>(
        &'s self,
        index: usize,
        entry: usize,
        list: impl Fn(&'s Component<'a>) -> &'s [T],
    ) -> impl Iterator<Item = (&'a str, T)> {
        self.components.iter().enumerate().take(index + 1).flat_map(move |(other, component)| {
            let list = list(component);
            let end = if other == index { entry } else { list.len() };
            list.iter().take(end).map(|item| (component.name, *item))
        })
    }

    /// Looks for circles of calls: each is told once, at the use that closes it.
    fn check_order(&self, found: &mut impl FnMut(Place, Defect<'a>)) {
        let mut done = [false; MOST_COMPONENTS];
        for start in 0..self.components.len() {
            self.follow(start, &mut Vec::new(), &mut done, found);
        }
    }

    /// Goes from `index`, to which `path` leads, to all that it calls. As deep as there are
    /// components.
    fn follow(
        &self,
        index: usize,
        path: &mut Vec<usize, MOST_COMPONENTS>,
        done: &mut [bool; MOST_COMPONENTS],
        found: &mut impl FnMut(Place, Defect<'a>),
    ) {
        if done[index] || path.push(index).is_err() {
            return;
        }
        for (entry, service) in self.components[index].uses.iter().enumerate() {
            let Some(next) = self.provider(service) else { continue };
            match path.iter().position(|step| *step == next) {
                Some(first) => {
                    let circle = path.iter().skip(first).map(|step| self.components[*step].name);
                    let place = Place { component: index, field: Field::Uses(entry) };
                    found(place, Defect::Circle(circle.collect()));
                }
                None => self.follow(next, path, done, found),
            }
        }
        path.pop();
        done[index] = true;
    }
}

/// What can be said of a component without looking at the others.
fn check_alone<'a>(component: &Component<'a>, report: &mut impl FnMut(Field, Defect<'a>)) {
    let mut check_name = |field, name: &'a str| {
        if !is_name(name) {
            report(field, Defect::BadName(name));
        }
    };
    check_name(Field::Name, component.name);
    check_name(Field::Program, component.program);
    if let Some(service) = component.offers {
        check_name(Field::Offers, service);
    }
    if component.priority > HIGHEST_PRIORITY {
        report(Field::Priority, Defect::TooUrgent);
    }
    if !MEMORY_BITS.contains(&component.memory_bits) {
        report(Field::Memory, Defect::BadMemory);
    }
    let pool = component.pool_bits;
    if pool > 0 && !MEMORY_BITS.contains(&pool) {
        report(Field::Pool, Defect::BadPool);
    }
    let most = component.most_pool_bits;
    let may_grow = pool > 0 && (pool..=*MEMORY_BITS.end()).contains(&most);
    if most > 0 && !may_grow {
        report(Field::MostPool, Defect::BadMostPool);
    }
    let shares = component.dma_bits > 0;
    if shares && (component.pci.is_none() || !DMA_BITS.contains(&component.dma_bits)) {
        report(Field::Dma, Defect::BadDma);
    }
    let restart = &component.restart;
    if restart.longest_delay < restart.first_delay || restart.tries == 0 {
        report(Field::Restart, Defect::BadRestart);
    }
}

fn is_name(text: &str) -> bool {
    let allowed = |byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_');
    (1..=NAME_BYTES).contains(&text.len()) && text.bytes().all(allowed)
}
