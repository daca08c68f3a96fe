//! Foreign system calls and the two ways to answer them.

use nun::{IpcPort, Message, Received, Verdict, aci, println};

use crate::machine::foreign_call;
use crate::measure::{most_frequent, sample};
use crate::roles::tell;

/// Number of a call that is to be answered; for a result, with its argument.
const MEASURED: u64 = 1;
/// Number of a call whose argument is the figure.
const FIGURE: u64 = 2;

/// Makes many foreign calls, then tells what one costs. Never comes back: there is nothing else
/// that a foreign process can do.
pub fn measure_calls() -> ! {
    let mut samples = sample("foreign", || foreign_call(MEASURED, 7), |_| {});
    let figure = most_frequent(&mut samples);
    loop {
        foreign_call(FIGURE, figure.into());
    }
}

/// Answers every call with a result.
pub fn give_results(port: IpcPort) -> ! {
    answer(port, "foreign.result", |argument| Message::new(Verdict::Resume as u32, [argument]))
}

/// Lets every caller go on with its registers as they are.
pub fn let_go_on(port: IpcPort) -> ! {
    answer(port, "foreign.full", |_| Message::verdict(Verdict::ResumeWhole))
}

/// Answers calls until the figure comes, which it prints under `name`.
#[inline(always)]
fn answer(port: IpcPort, name: &str, with: impl Fn(u64) -> Message) -> ! {
    let mut received = port.receive();
    while let Ok(Received::ForeignCall { number, arguments, .. }) = received {
        if u64::from(number) == FIGURE {
            println!("bench {name} {}", arguments[0]);
            let done = Message::new(tell::DONE, []);
            IpcPort::slot(aci::slot::PARENT).call(&done).expect("init listens");
        }
        received = port.reply_receive(&with(arguments[0]));
    }
    panic!("the resolver got something else");
}
