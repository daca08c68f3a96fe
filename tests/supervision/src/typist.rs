//! Waits for keys that nobody presses, whatever becomes of the keyboard.
#![no_std]
#![no_main]
#![forbid(unsafe_code)]

use koito::services::KeyboardClient;
use koito::{Environment, Missing};
use nun::service::{CallError, Failure};

nun::entry!(main);

fn main() -> Result<(), Missing> {
    let keyboard = KeyboardClient::new(Environment::read()?.service("keyboard")?);
    loop {
        match keyboard.read(0) {
            Ok(_) | Err(Failure::Call(CallError::ServerDied(_) | CallError::SessionLost)) => {}
            Err(error) => panic!("the typist: {error}"),
        }
    }
}
