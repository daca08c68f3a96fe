//! Foreign system calls and the two ways to answer them.

use a9n_bench::machine::foreign_call;
use a9n_bench::measure::{Measured, measure};
use a9n_bench::roles::tell;
use nun::{IpcPort, Message, Received, Verdict};

use crate::{publish, tell_init};

/// Number of a call that is to be answered; for a result, with its argument.
const MEASURED: u64 = 1;
/// Number of a call whose arguments are the figures.
const FIGURES: u64 = 2;

/// Makes many foreign calls, then tells what one costs. Never comes back: there is nothing else
/// that a foreign process can do.
pub fn measure_calls(name: &str) -> ! {
    let measured = measure(name, || foreign_call(MEASURED, [7, 0, 0, 0, 0, 0]), |_| {});
    loop {
        foreign_call(FIGURES, measured.into_words());
    }
}

/// Answers every call with a result.
pub fn give_results(port: IpcPort) -> ! {
    answer(port, |argument| Message::new(Verdict::Resume as u32, [argument]))
}

/// Lets every caller go on with its registers as they are.
pub fn let_go_on(port: IpcPort) -> ! {
    answer(port, |_| Message::verdict(Verdict::ResumeWhole))
}

/// Answers calls until the figures come, which it publishes.
#[inline(always)]
fn answer(port: IpcPort, with: impl Fn(u64) -> Message) -> ! {
    let mut received = port.receive();
    while let Ok(Received::ForeignCall { number, arguments, .. }) = received {
        if u64::from(number) == FIGURES {
            publish(&Measured::from_words(arguments));
            tell_init(&Message::new(tell::DONE, []));
        }
        received = port.reply_receive(&with(arguments[0]));
    }
    panic!("the resolver got something else");
}
