//! Sends back what the talker sends.
#![no_std]
#![no_main]
#![forbid(unsafe_code)]

use koito::{Environment, Missing};
use koito_ethernet::MOST_FRAME;
use network::{LISTENER, Port, TALKER, read, write};

nun::entry!(main, stack = 64 * 1024);

fn main() -> Result<(), Missing> {
    let environment = Environment::read()?;
    let mut port = Port::plug(&environment)?;
    let mut frame = [0; MOST_FRAME];
    loop {
        let mut answered = false;
        while let Some(received) = port.receive(&mut frame) {
            if let Some(number) = read(received, LISTENER, TALKER) {
                let length = write(&mut frame, TALKER, LISTENER, number);
                // What there is no room for is lost: the talker sends it again.
                answered |= port.cable.send(frame.get(..length).unwrap_or_default());
            }
        }
        if answered {
            port.line.ring();
        }
        koito::wait().expect("the bell is there");
    }
}
