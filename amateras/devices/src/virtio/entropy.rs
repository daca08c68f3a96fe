//! A source of random numbers (VIRTIO 1.2, section 5.4).

use super::layout::OWN_BYTES;
use super::transport::{Description, Kind, Transport};
use crate::GuestMemory;

/// The only queue.
const QUEUE: usize = 0;
/// A base system peripheral that is none of the kinds before.
const CLASS: u32 = 0x08_80_00;

/// A source of random numbers.
#[derive(Clone, Copy, Debug)]
pub struct Entropy;

impl Entropy {
    /// The device for the bus.
    pub const fn description() -> Description {
        Description {
            kind: Kind::Entropy,
            class: CLASS,
            features: 0,
            queues: 1,
            own: [0; OWN_BYTES],
        }
    }

    /// Answers the guest's next request with what `fill` puts into a buffer: it says how many bytes these
    /// are. Whether there was a request.
    pub fn serve<const MOST: usize>(
        transport: &mut Transport,
        memory: &mut (impl GuestMemory + ?Sized),
        fill: impl FnOnce(&mut [u8]) -> usize,
    ) -> bool {
        let Some(chain) = transport.take(QUEUE, memory) else { return false };
        let mut bytes = [0; MOST];
        let wanted = chain.writable().min(MOST as u64) as usize;
        let count = bytes.get_mut(..wanted).map_or(0, fill);
        let given = bytes.get(..count).is_some_and(|from| chain.write(memory, 0, from).is_ok());
        transport.put(QUEUE, memory, &chain, if given { count as u32 } else { 0 });
        true
    }
}
