//! Where frames go: a learning switch (IEEE 802.1Q, section 8.6 to 8.8) whose ports are given addresses.
//!
//! The address that a port was given is its owner's for good: a frame that claims to come from it elsewhere
//! goes nowhere. Other addresses, of those behind a port that is a bridge itself, are learned from what they send.

use heapless::Vec;
use koito::RateLimit;

use crate::learned::Learned;
use crate::{Address, LEAST_FRAME, MOST_FRAME, MOST_PORTS};

/// Frames for everybody that a port may send at once; then one more in each millisecond.
pub const FLOODS: u64 = 256;

/// Where a frame goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Route {
    /// To this port.
    To(usize),
    /// To all ports but the one that it came from.
    All,
    /// Nowhere: whom it is for heard it already, or it is for the switch alone.
    Nowhere,
}

/// Why a frame goes nowhere that was meant to go somewhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// It is shorter or longer than a frame can be.
    Length,
    /// It comes from an address that cannot send, or is somebody else's.
    Source,
    /// Its port has sent too many for everybody.
    Flood,
}

/// A switch.
#[derive(Clone, Debug)]
pub struct Switch {
    ports: Vec<Port, MOST_PORTS>,
}

#[derive(Clone, Debug)]
struct Port {
    learned: Learned,
    floods: RateLimit,
}

impl Switch {
    /// One with so many ports, at most [`MOST_PORTS`], at `now`, in milliseconds. Port `index` is
    /// [`Address::of_port`]'s.
    pub fn new(ports: usize, now: u64) -> Self {
        let port = || Port { learned: Learned::default(), floods: RateLimit::new(FLOODS, 1, now) };
        Self { ports: core::iter::repeat_with(port).take(ports.min(MOST_PORTS)).collect() }
    }

    /// Where `frame` goes, which came in at port `from`. What it tells of its sender is learned.
    pub fn route(&mut self, from: usize, frame: &[u8], now: u64) -> Result<Route, Refused> {
        let is_of_length = (LEAST_FRAME..=MOST_FRAME).contains(&frame.len());
        let addresses = frame.as_chunks::<6>().0;
        let (true, [to, source, ..]) = (is_of_length, addresses) else {
            return Err(Refused::Length);
        };
        let (to, source) = (Address(*to), Address(*source));
        self.learn(from, source, now)?;
        if to.is_reserved() {
            return Ok(Route::Nowhere);
        }
        match self.find(to, now).filter(|_| !to.is_group()) {
            Some(port) if port == from => Ok(Route::Nowhere),
            Some(port) => Ok(Route::To(port)),
            None => {
                let allowed = self.ports.get_mut(from).is_some_and(|it| it.floods.allows(now));
                if allowed { Ok(Route::All) } else { Err(Refused::Flood) }
            }
        }
    }

    /// `source` is behind port `from`, unless it cannot be.
    fn learn(&mut self, from: usize, source: Address, now: u64) -> Result<(), Refused> {
        if source.is_group() || source.number() == 0 {
            return Err(Refused::Source);
        }
        match self.owner(source) {
            Some(owner) if owner == from => return Ok(()),
            Some(_) => return Err(Refused::Source),
            None => {}
        }
        for (index, port) in self.ports.iter_mut().enumerate() {
            if index == from {
                port.learned.hear(source, now);
            } else {
                port.learned.forget(source);
            }
        }
        Ok(())
    }

    fn find(&self, address: Address, now: u64) -> Option<usize> {
        let learned = || self.ports.iter().position(|port| port.learned.knows(address, now));
        self.owner(address).or_else(learned)
    }

    /// The port that was given this address.
    fn owner(&self, address: Address) -> Option<usize> {
        (0..self.ports.len()).find(|index| Address::of_port(*index) == address)
    }
}
