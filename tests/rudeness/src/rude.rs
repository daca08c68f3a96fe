//! Sends every service that its manifest entry gives it random messages: ordinals, epochs, lengths, words
//! and capabilities that nobody asked for. Now and then they are almost right, and some are carried out.
#![no_std]
#![no_main]
#![forbid(unsafe_code)]

use a9n_random::Random;
use koito::{Environment, Missing};
use nun::{Descriptor, IpcPort, Message, println};

nun::entry!(main, stack = 64 * 1024);

/// Calls of each service.
const CALLS: u64 = 100_000;
/// The epoch of all servers, as long as none of them dies, and where it stands in a label.
const EPOCH: u32 = 1;
const EPOCH_SHIFT: u32 = 16;
/// Ordinals are mostly below this.
const ORDINALS: u64 = 32;
/// Most words of a message.
const WORDS: usize = 120;
/// Longest text that is almost right, in bytes.
const TEXT: u64 = 12;
/// Labels of answers up to this are those of methods that were carried out.
const CARRIED_OUT: u32 = 1;
/// Methods that are not called: they wait for what does not come, fail on purpose, or end the machine.
const SPARED: [(&str, &[u32]); 5] = [
    ("clock", &[2]),
    ("console", &[6]),
    ("keyboard", &[2]),
    ("echo", &[4, 5]),
    ("supervisor", &[7]),
];

fn main() -> Result<(), Missing> {
    let environment = Environment::read()?;
    let mut random = Random::new(0x7275_6465);
    for (index, name) in environment.uses.iter().enumerate() {
        let port = IpcPort::slot(koito::conventions::slot::USED + index as u64);
        let spared = SPARED.iter().find(|(of, _)| of == name).map_or(&[][..], |(_, all)| all);
        let mut carried_out = 0_u64;
        for _ in 0..CALLS {
            let answer = port.call(&message(&mut random, spared));
            carried_out += u64::from(answer.is_ok_and(|it| it.label() <= CARRIED_OUT));
        }
        println!("rudeness: {CALLS} calls of {name}, {carried_out} carried out");
    }
    Ok(())
}

/// A message that is no call of the `spared` methods.
fn message(random: &mut Random, spared: &[u32]) -> Message {
    let mut words = [0; WORDS];
    let length = match random.below(4) {
        0 => random.below(WORDS as u64 + 1),
        _ => random.below(9),
    };
    for word in words.iter_mut().take(length as usize) {
        *word = match random.below(4) {
            0 => random.next(),
            1 => u64::from_le_bytes([b'a' + random.below(26) as u8; 8]),
            _ => random.below(TEXT),
        };
    }
    let mut ordinal = random.below(ORDINALS) as u32;
    if spared.contains(&ordinal) {
        ordinal = ORDINALS as u32;
    }
    let label = match random.below(8) {
        // Not in this session.
        0 => ordinal | (random.next() as u32 | 2) << EPOCH_SHIFT,
        _ => ordinal | EPOCH << EPOCH_SHIFT,
    };
    let message = Message::long(label, words.get(..length as usize).unwrap_or_default());
    match random.below(32) {
        0 => message.with_capabilities(&[Descriptor::slot(random.below(64))]),
        _ => message,
    }
}
