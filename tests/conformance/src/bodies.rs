//! What threads do, where several cases need the same.
//!
//! Arguments are packed; a result goes to the cell whose number is the last of them.

use nun::{Error, IpcPort, Message, NotificationPort, Received, yield_now};

use crate::cells::{count, outcome, set};
use crate::test::{park, unpack};

/// Length of what the long bodies send.
pub const LONG: usize = 128;

/// Serves a port: answers every message with itself, and tells who sent the last.
pub extern "C" fn echo(argument: u64) -> ! {
    let [port, cell] = unpack(argument);
    let port = IpcPort::slot(port);
    let mut received = port.receive();
    while let Ok(Received::Message { sender, message }) = received {
        set(cell, sender);
        received = port.reply_receive(&message);
    }
    park()
}

/// Calls with one word; the outcome is the first word of the reply.
pub extern "C" fn call(argument: u64) -> ! {
    let [port, word, cell] = unpack(argument);
    let reply = IpcPort::slot(port).call(&Message::new(3, [word]));
    set(cell, outcome(reply.map(|reply| reply.words()[0])));
    park()
}

/// Sends one word.
pub extern "C" fn send(argument: u64) -> ! {
    let [port, word, cell] = unpack(argument);
    set(cell, outcome(IpcPort::slot(port).send(&Message::new(4, [word])).map(|()| 0)));
    park()
}

/// Receives one message; the outcome is its first word.
pub extern "C" fn receive(argument: u64) -> ! {
    let [port, cell] = unpack(argument);
    set(cell, outcome(first_word(IpcPort::slot(port).receive())));
    park()
}

/// Receives a call and does not answer it.
pub extern "C" fn accept(argument: u64) -> ! {
    let [port] = unpack(argument);
    let _ = IpcPort::slot(port).receive();
    park()
}

/// Waits for a signal; the outcome is its bits.
pub extern "C" fn wait(argument: u64) -> ! {
    let [port, cell] = unpack(argument);
    set(cell, outcome(NotificationPort::slot(port).wait()));
    park()
}

/// Signals.
pub extern "C" fn notify(argument: u64) -> ! {
    let [port, cell] = unpack(argument);
    set(cell, outcome(NotificationPort::slot(port).notify().map(|()| 0)));
    park()
}

/// Counts in a cell for ever.
pub extern "C" fn spin(argument: u64) -> ! {
    let [cell] = unpack(argument);
    loop {
        count(cell);
    }
}

/// Counts in a cell for ever, and yields after each.
pub extern "C" fn spin_politely(argument: u64) -> ! {
    let [cell] = unpack(argument);
    loop {
        count(cell);
        // Nothing can be wrong with it.
        let _ = yield_now();
    }
}

/// Says that it was here: adds 1 to a cell.
pub extern "C" fn visit(argument: u64) -> ! {
    let [cell] = unpack(argument);
    count(cell);
    park()
}

/// The first word of a received message; the bits of signals.
pub fn first_word(received: Result<Received, Error>) -> Result<u64, Error> {
    received.map(|received| match received {
        Received::Message { message, .. } => message.words()[0],
        Received::Signals { bits } => bits,
        _ => u64::MAX >> 1,
    })
}
