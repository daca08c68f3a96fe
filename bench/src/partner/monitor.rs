//! The monitor of a guest.

use nun::abi::guest::{Exit, ExitReason, GuestVerdict};
use nun::{IpcPort, Message, Received};

/// Bytes of `cpuid`, and of `out` to a port that is named.
const INSTRUCTION: u8 = 2;

/// Answers `cpuid` and writes to ports, as a monitor does that has the answer at hand; a guest that
/// halts stays so.
pub fn answer_exits(port: IpcPort) -> ! {
    let mut answer = Message::EMPTY;
    while let Ok(received) = port.reply_receive(&answer) {
        let Received::Other { info, words, .. } = received else { break };
        let exit = Exit::from_words(&words);
        let length = exit.situation.length().unwrap_or(INSTRUCTION);
        let verdict = GuestVerdict::RESUME.after(length);
        answer = match info.label() {
            reason if reason == ExitReason::Identify as u32 => {
                let verdict = verdict.with(GuestVerdict::SET_FOUR);
                Message::new(verdict.0, [exit.detail, exit.value, 3, 4, 0, 0])
            }
            reason if reason == ExitReason::Port as u32 => Message::new(verdict.0, [0; 6]),
            _ => Message::new(GuestVerdict::STOP.0, [0; 6]),
        };
    }
    panic!("the monitor got something else than exits");
}
