//! Signals on their way: sent, and not yet taken.

use alloc::vec::Vec;

use koito_linux::Errno;

use crate::signals::{Detail, Info, Signal, SignalSet};

/// Signals that were sent and not yet taken, with what is told of them: of the first ones each at most once,
/// of those for real time as many as were sent, in their order.
#[derive(Clone, Debug, Default)]
pub struct Pending {
    set: SignalSet,
    told: Vec<Info>,
}

/// Signals that wait at one place, at most.
const MOST_PENDING: usize = 256;

impl Pending {
    /// None.
    pub const fn new() -> Self {
        Self { set: SignalSet(0), told: Vec::new() }
    }

    /// Which.
    #[inline]
    pub const fn set(&self) -> SignalSet {
        self.set
    }

    /// One more; one that is not queued is left out if it is there already. `EAGAIN` if too many wait.
    pub fn add(&mut self, info: Info) -> Result<(), Errno> {
        let is_there = self.set.contains(info.signal);
        if is_there && !info.signal.is_queued() {
            return Ok(());
        }
        if is_there && self.told.len() >= MOST_PENDING {
            return Err(Errno::EAGAIN);
        }
        self.set = self.set.with(SignalSet::of(info.signal));
        self.told.push(info);
        Ok(())
    }

    /// Takes `signal` out: the oldest of it.
    pub fn take(&mut self, signal: Signal) -> Option<Info> {
        let place = self.told.iter().position(|info| info.signal == signal)?;
        let info = self.told.remove(place);
        if !self.told.iter().any(|info| info.signal == signal) {
            self.set = self.set.without(SignalSet::of(signal));
        }
        Some(info)
    }

    /// A timer rang again whose last signal still waits: that one tells it, too. Whether there is one.
    pub fn ring_again(&mut self, timer: u32, rings: u64) -> bool {
        let told = self.told.iter_mut().find_map(|info| match &mut info.detail {
            Detail::Timer(number, overrun, _) if *number == timer => Some(overrun),
            _ => None,
        });
        let is_there = told.is_some();
        if let Some(overrun) = told {
            *overrun = overrun.saturating_add(rings.min(u64::from(u32::MAX)) as u32);
        }
        is_there
    }

    /// Forgets all of `set`.
    pub fn forget(&mut self, set: SignalSet) {
        self.set = self.set.without(set);
        self.told.retain(|info| !set.contains(info.signal));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn info(signal: Signal) -> Info {
        Info { signal, code: 0, detail: Detail::Sender(5, 7) }
    }

    #[test]
    fn a_signal_is_pending_once_and_taken_in_order() {
        let mut pending = Pending::new();
        for signal in
            [Signal::TERMINATE, Signal::INTERRUPT, Signal::TERMINATE, Signal::SEGMENTATION]
        {
            pending.add(info(signal)).unwrap();
        }
        let mut taken = alloc::vec::Vec::new();
        while let Some(signal) = pending.set().first() {
            taken.push(pending.take(signal).unwrap().signal);
        }
        assert_eq!(taken, [Signal::SEGMENTATION, Signal::INTERRUPT, Signal::TERMINATE]);
        assert_eq!(pending.take(Signal::TERMINATE), None);
    }

    #[test]
    fn signals_for_real_time_queue_up_in_order() {
        let mut pending = Pending::new();
        let signal = Signal::new(40).unwrap();
        let told = |value| Info { detail: Detail::Value(5, 7, value), ..info(signal) };
        for value in 0..MOST_PENDING as u64 {
            pending.add(told(value)).unwrap();
        }
        assert_eq!(pending.add(told(0)), Err(Errno::EAGAIN));
        assert_eq!(pending.add(info(Signal::TERMINATE)), Ok(()));
        for value in 0..MOST_PENDING as u64 {
            assert_eq!(pending.take(signal), Some(told(value)));
        }
        assert_eq!(pending.set(), SignalSet::of(Signal::TERMINATE));
    }
}
