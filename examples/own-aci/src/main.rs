//! A system whose processes agree upon other things than Nun's: where a capability is found, where the
//! IPC buffer lies, what labels mean. The kernel does not know of either.
#![no_std]
#![no_main]

mod aci;

use aci::{OURS, SYSTEM_SLOT, ask};
use nun::{
    InitInfo, IpcPort, Message, Process, Received, Reply, Resources, Rights, Start, StartError,
    println,
};

nun::entry!(main);

/// Under which identifier the guest calls.
const GUEST: u64 = 1;

fn main(init: &'static InitInfo) -> Result<(), StartError> {
    let mut resources = Resources::new(init);
    let system: IpcPort = resources.make(0)?;
    let file = resources.module("guest").expect("the boot configuration has a guest")?;
    let guest = Process::load_as(&mut resources, file, &OURS)?;
    guest.grant(SYSTEM_SLOT, system, Rights::WRITE, GUEST)?;
    guest.start(&Start { priority: 100, ..Start::default() })?;

    loop {
        let Received::Message { sender: GUEST, message } = system.receive()? else {
            panic!("something else than the guest's call came");
        };
        match message.label() {
            ask::SUM => {
                let mut words = [0; 100];
                let length = message.copy_to(&mut words);
                let sum = words[..length].iter().sum();
                println!("own-aci: {length} words came, their sum is {sum}");
                Reply::OWED.reply(&Message::new(0, [sum]))?;
            }
            ask::END => break,
            label => panic!("nobody knows what {label} means"),
        }
    }
    guest.destroy(&mut resources)?;
    println!("own-aci: done");
    Ok(())
}
