//! Init makes a second address space, loads a program into it, and talks to it.
#![no_std]
#![no_main]

mod protocol;

use nun::{
    Access, Frame, InitInfo, IpcPort, Message, NotificationPort, Process, Received, Reply,
    Resources, Rights, Start, StartError, println,
};
use protocol::{BELL, BORROWED, LONG, NOTE, SERVICE, ask};

nun::entry!(main);

/// Under which identifier the partner's faults arrive.
const PARTNER: u64 = 7;
/// What the bell rings: any bits will do.
const RING: u64 = 0b101;
/// Under which identifier init calls the partner.
const CLIENT: u64 = 42;

fn main(init: &'static InitInfo) -> Result<(), StartError> {
    let (generics, modules) = (init.generics().len(), init.modules().len());
    println!("two-spaces: init has {generics} Generics and {modules} boot modules");
    let mut resources = Resources::new(init);
    let service: IpcPort = resources.make(0)?;
    let faults: IpcPort = resources.make(0)?;
    let bell: NotificationPort = resources.make(0)?;

    let program = resources.module("partner").expect("the boot configuration has a partner")?;
    let mut partner = Process::load(&mut resources, program)?;
    partner.grant(SERVICE, service, Rights::READ, 0)?;
    partner.grant(BELL, bell, Rights::WRITE, RING)?;
    partner.set_resolver(faults, PARTNER)?;
    partner.start(&Start { priority: 100, argument: 1, ..Start::default() })?;
    println!("two-spaces: partner of {} bytes runs in its own address space", program.len());

    // Init keeps the right to receive to itself and calls through a capability that says who.
    let slot = resources.take_slot()?;
    resources.node().mint(slot, service, Rights::WRITE, CLIENT)?;
    let service = IpcPort::slot(slot);

    let reply = service.call(&Message::EMPTY)?;
    println!("no words: {} came back", reply.length());

    let reply = service.call(&Message::new(ask::REVERSE, [1, 2, 3, 4, 5, 6]))?;
    println!("six words, reversed: {:?}", reply.words());
    assert_eq!(reply.words(), &[6, 5, 4, 3, 2, 1]);

    let sent: [u64; LONG] = core::array::from_fn(|index| index as u64);
    let mut words = [0; LONG];
    let length = service.call(&Message::long(ask::REVERSE, &sent))?.copy_to(&mut words);
    println!("{length} words, reversed: {:?} ... {:?}", &words[..4], &words[LONG - 4..]);
    assert!(words.iter().rev().eq(&sent));

    service.call(&Message::new(ask::RING, []))?;
    println!("the bell rang: {:#05b}", bell.wait()?);

    // The partner writes where nothing is mapped, and so calls its resolver: us.
    service.send(&Message::new(ask::BORROW, []))?;
    let Received::Fault { process: PARTNER, fault } = faults.receive()? else {
        panic!("something else than the partner's fault came");
    };
    println!("fault at {:#x}: {:?}; init lends it a frame", fault.address, fault.reason);
    let frame: Frame = resources.make(12)?;
    partner.map(frame, BORROWED, 1, Access::READ | Access::WRITE)?;
    Reply::OWED.reply(&Message::EMPTY)?;
    // It answers again only after it has written.
    service.call(&Message::EMPTY)?;
    let note = resources.with_mapped(frame, |memory| memory.read(0))?;
    println!("the partner's note in that frame: {note:#x}");
    assert_eq!(note, NOTE);

    partner.destroy(&mut resources)?;
    println!("two-spaces: done");
    Ok(())
}
