//! A worker: it does one thing for ever, checks it, and counts. If something is wrong it panics,
//! which is a fault, and init learns of it.
#![no_std]
#![no_main]

mod shared;

use core::hint::black_box;

use a9n_random::Random;
use nun::abi::MESSAGE_WORDS;
use nun::mapped::Mapped;
use nun::{IpcPort, Message, NotificationPort, Received, yield_now};
use shared::{PLAYGROUND, REPORT, answer, report, role, slot};

nun::entry!(main);

/// Words that a keeper looks at.
const KEPT: usize = 512;

fn main(role: u64) {
    let page = Mapped::in_workspace(REPORT, 4096);
    match role {
        role::SERVER => serve(page),
        role::CLIENT => call(page),
        role::RUNNER => run(page),
        role::WRITER => write(page),
        _ => keep(page),
    }
}

fn count(page: Mapped, what: usize) {
    page.write(what, page.read(what) + 1);
}

/// The port comes and goes. Who finds none lets others run.
fn refused(page: Mapped) {
    count(page, report::REFUSED);
    assert!(yield_now().is_ok(), "the kernel refused to yield");
}

fn serve(page: Mapped) -> ! {
    let port = IpcPort::slot(slot::FIRST);
    let mut words = [0; MESSAGE_WORDS];
    loop {
        let mut received = port.receive();
        while let Ok(Received::Message { message, .. }) = received {
            let length = message.copy_to(&mut words);
            words[..length].iter_mut().for_each(|word| *word = answer(*word));
            count(page, report::ROUNDS);
            received = port.reply_receive(&Message::long(message.label(), &words[..length]));
        }
        refused(page);
    }
}

fn call(page: Mapped) -> ! {
    let port = IpcPort::slot(slot::FIRST);
    let (mut words, mut answers) = ([0; MESSAGE_WORDS], [0; MESSAGE_WORDS]);
    let mut random = Random::new(1);
    loop {
        let length = random.next() as usize % (MESSAGE_WORDS + 1);
        let length = if random.next().is_multiple_of(4) { length } else { length % 7 };
        words[..length].iter_mut().for_each(|word| *word = random.next());
        let label = random.next() as u32;
        match port.call(&Message::long(label, &words[..length])) {
            Ok(reply) => {
                assert_eq!((reply.label(), reply.length()), (label, length));
                reply.copy_to(&mut answers);
                let sound = words[..length].iter().zip(&answers).all(|(w, a)| answer(*w) == *a);
                assert!(sound, "an answer is not that to the question");
                count(page, report::ROUNDS);
            }
            Err(_) => refused(page),
        }
    }
}

fn run(page: Mapped) -> ! {
    let (mine, next) = (NotificationPort::slot(slot::FIRST), NotificationPort::slot(slot::SECOND));
    loop {
        let bits = mine.wait().expect("the ports stay");
        assert_eq!(bits, 1, "somebody else's signal");
        count(page, report::ROUNDS);
        next.notify().expect("the ports stay");
    }
}

fn write(page: Mapped) -> ! {
    let playground = Mapped::in_workspace(PLAYGROUND, 4096);
    for round in 1.. {
        playground.write(0, round);
        page.write(report::ROUNDS, round);
    }
    unreachable!("2^64 rounds take longer than this")
}

fn keep(page: Mapped) -> ! {
    let mut data = [0; KEPT];
    let mut random = Random::new(7);
    data.iter_mut().for_each(|word| *word = random.next());
    loop {
        let mut expected = Random::new(7);
        let sound = data.iter().all(|word| *black_box(word) == expected.next());
        assert!(sound, "what stood on the stack has changed");
        count(page, report::ROUNDS);
    }
}
