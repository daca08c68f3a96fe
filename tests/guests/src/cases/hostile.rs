//! Guests that nobody could have meant: whatever state they are given, their monitor hears of them and
//! nobody else does.

use a9n_cases::{Failure, Verdict, cases, check, check_eq};
use a9n_random::Random;
use nun::Reply;
use nun::abi::MESSAGE_REGISTERS;
use nun::abi::guest::{ExitReason, GuestVerdict, StateGroups};

use crate::guest::{Answer, CODE, Guest, Left, left, message};
use crate::test::Test;

cases!("hostile": random_states, random_answers);

/// Words of all groups.
pub const WORDS: usize = StateGroups::all().words();
/// What all of a guest's memory consists of: `hlt`, so that no guest runs for ever.
const HALT: u8 = 0xf4;
const ROUNDS: u64 = 300;

/// A guest whose memory is full of `hlt`, and the state with which it would begin.
fn halting(test: &mut Test) -> Result<(Guest, [u64; WORDS]), Failure> {
    let guest = Guest::real(test, &[HALT])?;
    for page in (0..guest.memory.bytes()).step_by(4096) {
        guest.memory.copy_from(page, &[HALT; 4096]);
    }
    let state = guest.read(StateGroups::all())?;
    Ok((guest, state))
}

/// A value of the kinds that are likely to matter: anything, a single bit, next to nothing.
fn odd(random: &mut Random, word: u64) -> u64 {
    match random.below(4) {
        0 => random.next(),
        1 => word ^ 1 << random.below(64),
        2 => random.below(1 << 16),
        _ => word ^ 1 << random.below(32),
    }
}

/// The guest's next exit; if it goes on for too long, since it found something else to do, it is kicked.
pub fn next(test: &mut Test, guest: &Guest) -> Result<Left, Failure> {
    for _ in 0..5 {
        if let Ok(received) = guest.port.try_receive() {
            return left(received);
        }
        test.sleep(5000)?;
    }
    guest.pcb.interrupt()?;
    left(guest.port.receive()?)
}

/// The same, of a guest that leaves by itself if it gets the time.
pub fn next_own(test: &mut Test, guest: &Guest) -> Result<Left, Failure> {
    loop {
        let left = next(test, guest)?;
        if left.reason != Some(ExitReason::Kick) {
            return Ok(left);
        }
        Reply::OWED.reply(&message(Answer::RESUME))?;
    }
}

/// QEMU leaves a guest with long mode on (word 23, EFER) but neither paging nor PAE (word 21, CR4) by
/// losing the machine's own paging.
fn spare_emulator(words: &mut [u64; WORDS]) {
    const LONG: u64 = 1 << 8;
    const PAE: u64 = 1 << 5;
    if words[21] & PAE == 0 {
        words[23] &= !LONG;
    }
}

fn random_states(test: &mut Test) -> Verdict {
    let (guest, state) = halting(test)?;
    let mut random = Random::new(7);
    let (mut ran, mut refused) = (0, 0);
    for _ in 0..ROUNDS {
        let mut words = state;
        for _ in 0..=random.below(6) {
            let number = random.below(WORDS as u64) as usize;
            words[number] = odd(&mut random, words[number]);
        }
        spare_emulator(&mut words);
        guest.write(StateGroups::all(), &words)?;
        guest.pcb.resume()?;
        match next(test, &guest)?.reason {
            Some(ExitReason::Invalid) => refused += 1,
            _ => ran += 1,
        }
        Reply::OWED.reply(&message(Answer { verdict: GuestVerdict::STOP, ..Answer::RESUME }))?;
    }
    check!(ran > ROUNDS / 10 && refused > 0);
    // What was run with all this runs as ever.
    guest.write(StateGroups::all(), &state)?;
    guest.pcb.resume()?;
    let left = next_own(test, &guest)?;
    check_eq!((left.reason, left.exit.instruction), (Some(ExitReason::Halt), CODE));
    Ok(())
}

fn random_answers(test: &mut Test) -> Verdict {
    let (guest, state) = halting(test)?;
    let mut random = Random::new(11);
    guest.pcb.resume()?;
    let mut last = next(test, &guest)?;
    for _ in 0..ROUNDS {
        let verdict = GuestVerdict(random.next() as u32 & 0xf_3f00);
        let words: [u64; MESSAGE_REGISTERS] = core::array::from_fn(|_| odd(&mut random, 0));
        Reply::OWED.reply(&message(Answer { verdict, words }))?;
        last = next(test, &guest)?;
    }
    check!(last.reason.is_some());
    Reply::OWED.reply(&message(Answer { verdict: GuestVerdict::STOP, ..Answer::RESUME }))?;
    guest.write(StateGroups::all(), &state)?;
    guest.pcb.resume()?;
    check_eq!(next_own(test, &guest)?.reason, Some(ExitReason::Halt));
    Ok(())
}
