//! What the programs of this test have in common: their ports, and frames that show whether they are whole.

#![no_std]
#![forbid(unsafe_code)]

use koito::{Environment, Missing};
use koito_ethernet::{Address, Cable, LEAST_FRAME, MOST_FRAME, Side};
use nun::channel::ClientEnd;
use nun::mapped::Mapped;

/// The addresses of the ports, in the order of the manifest.
pub const TALKER: Address = Address::of_port(0);
/// See above.
pub const LISTENER: Address = Address::of_port(1);
/// See above.
pub const BABBLER: Address = Address::of_port(2);
/// What the frames carry: an experiment (IEEE 802).
const KIND: [u8; 2] = [0x88, 0xb5];
/// Bytes of a frame before its contents.
const HEADER: usize = LEAST_FRAME + size_of::<u64>();

/// A port of the switch.
pub struct Port {
    /// What frames travel through.
    pub cable: Cable,
    /// The same memory, for who has no manners.
    pub memory: Mapped,
    /// Rings the switch.
    pub line: ClientEnd,
}

impl Port {
    /// The own one.
    pub fn plug(environment: &Environment) -> Result<Self, Missing> {
        let memory = environment.bulk(|channel| channel.to.is_some())?;
        let cable = Cable::new(memory, Side::Client).ok_or(Missing::Channel("switch"))?;
        Ok(Self { cable, memory, line: environment.channel("switch")? })
    }

    /// Takes the next frame, whatever it is.
    pub fn receive<'f>(&mut self, frame: &'f mut [u8; MOST_FRAME]) -> Option<&'f [u8]> {
        let length = self.cable.receive(frame)?;
        frame.get(..length)
    }
}

/// How long frame `number` is.
const fn length(number: u64) -> usize {
    HEADER + (number.wrapping_mul(37) % (MOST_FRAME - HEADER + 1) as u64) as usize
}

/// Byte `index` of the contents of frame `number`.
const fn content(number: u64, index: usize) -> u8 {
    number.wrapping_mul(7) as u8 ^ index as u8
}

/// Writes frame `number` of `from`'s to `to`; answers how long it is.
pub fn write(frame: &mut [u8; MOST_FRAME], to: Address, from: Address, number: u64) -> usize {
    let header = to.0.into_iter().chain(from.0).chain(KIND).chain(number.to_le_bytes());
    let contents = (HEADER..length(number)).map(|index| content(number, index));
    frame.iter_mut().zip(header.chain(contents)).for_each(|(place, byte)| *place = byte);
    length(number)
}

/// Which number `frame` has, if it is one of `from`'s to `to`.
///
/// # Panics
/// If it is, and is not as it was sent: that nobody but `from` can have done, or the switch.
pub fn read(frame: &[u8], to: Address, from: Address) -> Option<u64> {
    let rest = frame.strip_prefix(&to.0)?.strip_prefix(&from.0)?.strip_prefix(&KIND)?;
    let (number, contents) = rest.split_first_chunk()?;
    let number = u64::from_le_bytes(*number);
    assert!(frame.len() == length(number), "frame {number} has {} bytes", frame.len());
    for (index, byte) in (HEADER..).zip(contents) {
        assert!(*byte == content(number, index), "frame {number} is not as it was sent");
    }
    Some(number)
}
