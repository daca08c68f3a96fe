//! A console (VIRTIO 1.2, section 5.3): one port, bytes in and out.

use super::layout::OWN_BYTES;
use super::transport::{Description, Kind, Transport};
use crate::GuestMemory;

/// Queues: to the guest, from it.
const INPUT: usize = 0;
const OUTPUT: usize = 1;
/// A simple communication device that is none of the kinds before.
const CLASS: u32 = 0x07_80_00;
/// Most bytes that are moved of a chain; what else the guest wrote in it is lost. Its own driver writes less.
const MOST_BYTES: usize = 4096;

/// A console.
#[derive(Clone, Copy, Debug)]
pub struct Console;

impl Console {
    /// The device for the bus.
    pub const fn description() -> Description {
        Description {
            kind: Kind::Console,
            class: CLASS,
            features: 0,
            queues: 2,
            own: [0; OWN_BYTES],
        }
    }

    /// Takes what the guest wrote next, as one piece; answers how many of `bytes` it has.
    pub fn output(
        transport: &mut Transport,
        memory: &mut (impl GuestMemory + ?Sized),
        bytes: &mut [u8; MOST_BYTES],
    ) -> Option<usize> {
        // Room for input is looked for when there is some.
        transport.heed(INPUT);
        let chain = transport.take(OUTPUT, memory)?;
        let count = chain.readable().min(MOST_BYTES as u64) as usize;
        let filled = bytes.get_mut(..count).is_some_and(|to| chain.read(memory, 0, to).is_ok());
        transport.put(OUTPUT, memory, &chain, 0);
        Some(if filled { count } else { 0 })
    }

    /// Hands `bytes` to the guest; answers how many it took: none, while it has made no room.
    pub fn input(
        transport: &mut Transport,
        memory: &mut (impl GuestMemory + ?Sized),
        bytes: &[u8],
    ) -> usize {
        if bytes.is_empty() {
            return 0;
        }
        let Some(chain) = transport.take(INPUT, memory) else { return 0 };
        let count = chain.writable().min(bytes.len() as u64) as usize;
        let taken = bytes.get(..count).is_some_and(|from| chain.write(memory, 0, from).is_ok());
        let count = if taken { count } else { 0 };
        transport.put(INPUT, memory, &chain, count as u32);
        count
    }
}
