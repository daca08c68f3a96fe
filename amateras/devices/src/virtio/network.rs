//! A network card (VIRTIO 1.2, section 5.1): whole frames, one to a buffer, and nothing that hardware would do
//! for them.
//!
//! Where frames go to and come from is not its business: [`take`](Network::take) hands out what the guest sends,
//! [`give`](Network::give) what it receives.

use super::layout::OWN_BYTES;
use super::queue::Malformed;
use super::transport::{Description, Kind, Transport};
use crate::GuestMemory;

/// Most bytes of a frame, with a tag of 802.1Q.
pub const FRAME_BYTES: usize = 1518;
/// Queues: to the guest, from it.
const INPUT: usize = 0;
const OUTPUT: usize = 1;
/// An Ethernet controller.
const CLASS: u32 = 0x02_00_00;
/// What precedes each frame. All of it is zero, but for the number of buffers that a received one lies in.
const HEADER_BYTES: usize = 12;
const RECEIVED: [u8; HEADER_BYTES] = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0];
/// Of the header of a frame to be sent: what is to be done for it before. The rest has no meaning without.
const WISHES: usize = 2;
/// Where its own registers have the status.
const STATUS: usize = 6;

/// Features.
mod feature {
    pub const ADDRESS: u64 = 1 << 5;
    pub const STATUS: u64 = 1 << 16;
}

/// Whether somebody is at the other end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Link {
    /// Nobody.
    Down = 0,
    /// Somebody.
    Up = 1,
}

/// A network card.
#[derive(Clone, Copy, Debug)]
pub struct Network;

impl Network {
    /// The device for the bus, with this address and link.
    pub fn description(address: [u8; 6], link: Link) -> Description {
        let mut own = [0; OWN_BYTES];
        let registers = address.into_iter().chain((link as u16).to_le_bytes());
        own.iter_mut().zip(registers).for_each(|(to, byte)| *to = byte);
        let features = feature::ADDRESS | feature::STATUS;
        Description { kind: Kind::Network, class: CLASS, features, queues: 2, own }
    }

    /// Has the guest know how the link is.
    pub fn set_link(transport: &mut Transport, link: Link) {
        transport.change(STATUS, &(link as u16).to_le_bytes());
    }

    /// Takes the next frame that the guest sends: its length in `frame`, which is 0 for one that is too long.
    pub fn take(
        transport: &mut Transport,
        memory: &mut (impl GuestMemory + ?Sized),
        frame: &mut [u8; FRAME_BYTES],
    ) -> Option<usize> {
        let chain = transport.take(OUTPUT, memory)?;
        let mut header = [0; HEADER_BYTES];
        let read = chain.read(memory, 0, &mut header);
        // No driver asks for what was not offered.
        if read.is_err() || header.iter().take(WISHES).any(|byte| *byte != 0) {
            return transport.refuse(Malformed::Request);
        }
        let length = usize::try_from(chain.readable()).map_or(usize::MAX, |it| it - HEADER_BYTES);
        let read = |bytes: &mut [u8]| chain.read(memory, HEADER_BYTES as u64, bytes).is_ok();
        let is_whole = frame.get_mut(..length).is_some_and(read);
        transport.put(OUTPUT, memory, &chain, 0);
        Some(if is_whole { length } else { 0 })
    }

    /// Whether the guest has room for a frame is asked anew with the next one.
    pub fn heed(transport: &mut Transport) {
        transport.heed(INPUT);
    }

    /// Hands the guest a frame, which `fill` puts into a buffer, and of which it answers the length. Whether the
    /// guest had room; else nothing is filled.
    pub fn give(
        transport: &mut Transport,
        memory: &mut (impl GuestMemory + ?Sized),
        fill: impl FnOnce(&mut [u8; FRAME_BYTES]) -> usize,
    ) -> bool {
        let Some(chain) = transport.take(INPUT, memory) else { return false };
        let mut bytes = [0; FRAME_BYTES];
        let length = fill(&mut bytes);
        let frame = bytes.get(..length).unwrap_or_default();
        let written = chain.write(memory, 0, &RECEIVED);
        match written.and_then(|()| chain.write(memory, HEADER_BYTES as u64, frame)) {
            Ok(()) => transport.put(INPUT, memory, &chain, (HEADER_BYTES + frame.len()) as u32),
            Err(_) => {
                transport.refuse::<()>(Malformed::Request);
            }
        }
        true
    }
}
