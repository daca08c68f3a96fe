//! I/O ports.

use a9n_abi::{Culprit, Error, Reason, io_port::Operation};
use a9n_hal::{Hal, PortWidth};
use a9n_store::{Capability, Ref, Slot};

use crate::Kernel;
use crate::kernel::Caller;
use crate::outcome::{Outcome, Stop, bad_argument};

impl<H: Hal> Kernel<H> {
    pub(crate) fn invoke_io_port(
        &mut self,
        caller: Caller,
        slot: Ref<Slot>,
        range: (u16, u16),
        operation: Operation,
    ) -> Result<Outcome, Stop> {
        match operation {
            Operation::Read { port, bits } => {
                let (port, width) = check(range, port, bits)?;
                Ok(Outcome::Word(u64::from(self.hal().read_port(port, width))))
            }
            Operation::Write { port, bits, value } => {
                let (port, width) = check(range, port, bits)?;
                self.hal().write_port(port, width, value as u32);
                Ok(Outcome::Nothing)
            }
            Operation::Narrow { first, count, node, index } => {
                let (start, end) = range;
                let first = u16::try_from(first)
                    .ok()
                    .filter(|first| (start..=end).contains(first))
                    .ok_or(bad_argument(Reason::InvalidArgument, 1))?;
                let last = count
                    .checked_sub(1)
                    .and_then(|more| u64::from(first).checked_add(more))
                    .and_then(|last| u16::try_from(last).ok())
                    .filter(|last| *last <= end)
                    .ok_or(bad_argument(Reason::InvalidArgument, 2))?;
                let node = self.lookup_node(caller.process, node, 3)?;
                let target = self.empty_slot(node, index, 4)?;
                let depth = self.child_depth(slot, Culprit::DESCRIPTOR)?;
                let rights = self.store.get(slot).rights();
                self.derive_child(slot, target, Capability::IoPort { first, last }, rights, depth);
                Ok(Outcome::Nothing)
            }
        }
    }
}

/// A port and width (arguments 1 and 2) that lie in `range` with all ports they touch.
fn check((first, last): (u16, u16), port: u64, bits: u64) -> Result<(u16, PortWidth), Error> {
    let width = PortWidth::from_bits(bits).ok_or(bad_argument(Reason::InvalidArgument, 2))?;
    let port = u16::try_from(port)
        .ok()
        .filter(|port| *port >= first)
        .ok_or(bad_argument(Reason::InvalidArgument, 1))?;
    let end = port.checked_add(width.ports() - 1).filter(|end| *end <= last);
    end.map(|_| (port, width)).ok_or(bad_argument(Reason::InvalidArgument, 1))
}

#[cfg(test)]
mod tests {
    use super::{PortWidth, check};

    #[test]
    fn an_access_lies_in_the_range_with_its_whole_width() {
        assert_eq!(check((0x60, 0x63), 0x60, 32), Ok((0x60, PortWidth::Double)));
        assert!(check((0x60, 0x63), 0x61, 32).is_err());
        assert!(check((0x60, 0x63), 0x5f, 8).is_err());
        assert!(check((0x60, 0x63), 0x64, 8).is_err());
        assert!(check((0, 0xffff), 0xffff, 16).is_err(), "no wrapping");
        assert!(check((0, 0xffff), 0x1_0000, 8).is_err());
        assert!(check((0, 0xffff), 0, 64).is_err());
    }
}
