//! The monitor of a guest.

use nun::abi::guest::{ExitReason, GuestVerdict};
use nun::{IpcPort, Message};

/// Bytes of `cpuid`, and of `out` to a port that is named.
const INSTRUCTION: u8 = 2;

/// Answers `cpuid` and writes to ports, as a monitor does that has the answer at hand; a guest that
/// halts stays so.
pub fn answer_exits(port: IpcPort) -> ! {
    let mut arrival = port.await_arrival();
    while let Some((_, left)) = arrival.exit() {
        let length = left.exit.situation.length().unwrap_or(INSTRUCTION);
        let verdict = GuestVerdict::RESUME.after(length);
        let answer = match left.reason() {
            Some(ExitReason::Identify) => {
                let words = [left.exit.detail, left.exit.value, 3, 4, 0, 0];
                Message::guest_verdict(verdict.with(GuestVerdict::SET_FOUR), words)
            }
            Some(ExitReason::Port) => Message::guest_verdict(verdict, [0; 6]),
            _ => Message::guest_verdict(GuestVerdict::STOP, [0; 6]),
        };
        arrival = port.answer_and_await(&answer);
    }
    panic!("the monitor got something else than exits");
}
