//! The partner: serves its port for ever.
#![no_std]
#![no_main]

mod protocol;

use nun::mapped::Mapped;
use nun::{Error, IpcPort, Message, NotificationPort, Received};
use protocol::{BELL, BORROWED, LONG, NOTE, SERVICE, ask};

nun::entry!(main);

fn main(argument: u64) -> Result<(), Error> {
    nun::println!("  partner: started with argument {argument}");
    let service = IpcPort::slot(SERVICE);
    let mut received = service.receive()?;
    loop {
        let answer = match received {
            Received::Message { sender, message } => serve(sender, &message)?,
            _ => Message::EMPTY,
        };
        received = service.reply_receive(&answer)?;
    }
}

fn serve(sender: u64, message: &Message) -> Result<Message, Error> {
    let mut words = [0; LONG];
    let length = message.copy_to(&mut words);
    nun::println!("  partner: client {sender} asks {} with {length} words", message.label());
    match message.label() {
        ask::REVERSE => words[..length].reverse(),
        ask::RING => NotificationPort::slot(BELL).notify()?,
        ask::BORROW => Mapped::in_workspace(BORROWED, 4096).write(0, NOTE),
        _ => {}
    }
    Ok(Message::long(message.label(), &words[..length]))
}
