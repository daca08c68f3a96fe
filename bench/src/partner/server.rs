//! Servers: they are part of what is measured, so each is as short as a server can be.

use a9n_bench::machine::stamp;
use a9n_bench::roles::SERVICE;
use nun::{IpcPort, Message, Received, Reply};

/// Answers every message with itself.
pub fn echo(port: IpcPort) -> ! {
    let mut received = port.receive();
    while let Ok(Received::Message { message, .. }) = received {
        received = port.reply_receive(&message);
    }
    panic!("the server got no message");
}

/// Answers every message with the time at which it came.
pub fn tell_time(port: IpcPort) -> ! {
    let mut received = port.receive();
    while received.is_ok() {
        received = port.reply_receive(&Message::new(0, [stamp().into()]));
    }
    panic!("the clock got an error");
}

/// Answers by a Reply that landed in a slot.
pub fn defer(port: IpcPort) -> ! {
    const SLOT: u64 = SERVICE + 8;
    while port.receive_into(SLOT).is_ok() && Reply::slot(SLOT).reply(&Message::EMPTY).is_ok() {}
    panic!("the deferring server got an error");
}

/// Lets every process that faults go on.
pub fn resolve(port: IpcPort) -> ! {
    let mut received = port.receive();
    while received.is_ok() {
        received = port.reply_receive(&Message::EMPTY);
    }
    panic!("the resolver got an error");
}
