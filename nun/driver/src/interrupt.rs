//! Interrupts.

use nun::memory::Maker;
use nun::{Descriptor, Error, InterruptPort, InterruptRegion, NotificationPort, Slots};

/// What a device writes, and where, to interrupt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InterruptMessage {
    /// Address on the bus.
    pub address: u64,
    /// What to write there.
    pub data: u32,
}

/// An interrupt and where it is signalled.
#[derive(Clone, Copy, Debug)]
pub struct Interrupt {
    port: InterruptPort,
}

/// Values of `kind` for `make_port`.
const LINE: u64 = 0;
const MESSAGE: u64 = 1;

impl Interrupt {
    /// The interrupt of `port`, which exists already.
    pub const fn new(port: InterruptPort) -> Self {
        Self { port }
    }

    /// Makes the port of line `line`.
    pub fn line(region: InterruptRegion, line: u8, maker: &mut impl Maker) -> Result<Self, Error> {
        Self::make(region, line.into(), LINE, maker).map(|(interrupt, _)| interrupt)
    }

    /// Makes the port of some message-signalled interrupt that has none yet; answers what raises it.
    pub fn message(
        region: InterruptRegion,
        maker: &mut impl Maker,
    ) -> Result<(Self, InterruptMessage), Error> {
        let mut number = 0;
        loop {
            match Self::make(region, number, MESSAGE, maker) {
                Err(Error { reason: nun::Reason::Busy, .. }) => number += 1,
                other => return other,
            }
        }
    }

    fn make(
        region: InterruptRegion,
        line: u64,
        kind: u64,
        maker: &mut impl Maker,
    ) -> Result<(Self, InterruptMessage), Error> {
        let slots = maker.slots();
        let slot = slots.take_slot()?;
        let made = region.make_port(line, kind, slots.node(), slot);
        if made.is_err() {
            slots.put(slot);
        }
        let port = InterruptPort::at(slots.descriptor(slot));
        made.map(|(address, data)| (Self { port }, InterruptMessage { address, data: data as u32 }))
    }

    /// The capability.
    pub const fn port(self) -> InterruptPort {
        self.port
    }

    /// Has it signalled by `bell`, a Notification Port under an identifier that is not 0, and lets the
    /// first come in. How to wait for that, and for what else at once, is the driver's choice.
    pub fn enable(self, bell: NotificationPort) -> Result<(), Error> {
        self.port.bind(Descriptor::from(bell))?;
        self.acknowledge()
    }

    /// Lets the next one come in. For a line: after the device was told that this one was seen.
    pub fn acknowledge(self) -> Result<(), Error> {
        self.port.acknowledge()
    }

    /// Keeps further ones from coming in.
    pub fn disable(self) -> Result<(), Error> {
        self.port.unbind()
    }
}
