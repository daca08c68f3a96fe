//! Sending, receiving and calling.

use a9n_cases::{AREA, Failure, Verdict, cases, check, check_eq, check_refused, index};
use nun::abi::{MessageInfo, ipc_port};
use nun::syscall::kernel_call;
use nun::{Culprit, Error, IpcPort, Message, Received, Reply, Rights, buffer};

use crate::bodies::{self, LONG, first_word};
use crate::cells::{self, FINE, get};
use crate::test::{Test, pack, park, unpack};

cases!("port": call_with_a_server_waiting, call_before_a_server_waits, identifier_is_the_slots,
    send_waits_until_taken, send_to_a_waiting_receiver, senders_in_order, receivers_in_order,
    refuses_to_block, does_not_block_when_it_need_not, rights_are_demanded,
    long_messages, long_messages_without_partner_waiting, bad_info_is_refused,
    long_needs_a_buffer, long_to_nobody_s_buffer, calls_in_both_directions, a_refused_receive_keeps_the_reply,
    outlives_its_server, dies_with_an_error_to_all);

/// The words that a case sends.
const WORDS: [u64; 6] = [1, 1 << 20, 1 << 40, u64::MAX, 5, 6];

fn call_with_a_server_waiting(test: &mut Test) -> Verdict {
    let port: IpcPort = test.make(0)?;
    let client = test.mint(port, Rights::WRITE, 0xabcd_ef01_2345)?;
    test.start(bodies::echo, pack([index(port), 1]))?;
    test.settle()?;
    for label in [0, 1, u32::MAX] {
        for length in 0..=6 {
            let sent = Message::new(label, WORDS).with_length(length);
            let reply = client.call(&sent)?;
            check_eq!(reply, sent);
        }
    }
    check_eq!(get(1), 0xabcd_ef01_2345);
    Ok(())
}

fn call_before_a_server_waits(test: &mut Test) -> Verdict {
    let port: IpcPort = test.make(0)?;
    test.start(bodies::echo, pack([index(port), 1]))?;
    // The server has not run yet: init comes first.
    let reply = port.call(&Message::new(7, WORDS))?;
    check_eq!(reply, Message::new(7, WORDS));
    Ok(())
}

/// Who calls is what the slot says, whatever the sender has in its registers.
fn identifier_is_the_slots(test: &mut Test) -> Verdict {
    let port: IpcPort = test.make(0)?;
    test.start(bodies::echo, pack([index(port), 1]))?;
    let one = test.mint(port, Rights::WRITE, 1)?;
    let high = test.mint(port, Rights::WRITE, u64::MAX)?;
    one.call(&Message::new(2, [2; 6]))?;
    check_eq!(get(1), 1);
    high.call(&Message::new(2, [2; 6]))?;
    check_eq!(get(1), u64::MAX);
    port.call(&Message::new(2, [2; 6]))?;
    check_eq!(get(1), 0);
    Ok(())
}

fn send_waits_until_taken(test: &mut Test) -> Verdict {
    let port: IpcPort = test.make(0)?;
    test.start(bodies::send, pack([index(port), 42, 1]))?;
    test.settle()?;
    check_eq!(get(1), 0);
    let Received::Message { sender: 0, message } = port.receive()? else { return unexpected() };
    check_eq!(message, Message::new(4, [42]));
    test.settle()?;
    check_eq!(get(1), FINE);
    // A send owes no reply.
    let reply = Reply::OWED.reply(&Message::EMPTY);
    check_refused!(reply, InvalidDescriptor, Culprit::DESCRIPTOR);
    Ok(())
}

fn send_to_a_waiting_receiver(test: &mut Test) -> Verdict {
    let port: IpcPort = test.make(0)?;
    test.start(bodies::receive, pack([index(port), 1]))?;
    test.settle()?;
    port.send(&Message::new(0, [9]))?;
    check_eq!(get(1), 0);
    test.settle()?;
    check_eq!(get(1), FINE + 9);
    Ok(())
}

fn senders_in_order(test: &mut Test) -> Verdict {
    let port: IpcPort = test.make(0)?;
    for number in 1..=3 {
        test.start(bodies::send, pack([index(port), number, number]))?;
        test.settle()?;
    }
    test.start(bodies::call, pack([index(port), 4, 4]))?;
    test.settle()?;
    for number in 1..=4 {
        check_eq!(first_word(port.receive()), Ok(number));
    }
    Reply::OWED.reply(&Message::EMPTY)?;
    Ok(())
}

fn receivers_in_order(test: &mut Test) -> Verdict {
    let port: IpcPort = test.make(0)?;
    for cell in 1..=3 {
        test.start(bodies::receive, pack([index(port), cell]))?;
        test.settle()?;
    }
    for word in 11..=13 {
        port.send(&Message::new(0, [word]))?;
    }
    test.settle()?;
    check_eq!([get(1), get(2), get(3)], [FINE + 11, FINE + 12, FINE + 13]);
    Ok(())
}

fn refuses_to_block(test: &mut Test) -> Verdict {
    let port: IpcPort = test.make(0)?;
    check_refused!(port.try_call(&Message::EMPTY), WouldBlock, Culprit::DESCRIPTOR);
    check_refused!(port.try_send(&Message::EMPTY), WouldBlock, Culprit::DESCRIPTOR);
    check_refused!(port.try_receive(), WouldBlock, Culprit::DESCRIPTOR);
    // And nothing was left in a queue.
    test.start(bodies::receive, pack([index(port), 1]))?;
    test.settle()?;
    check_eq!(get(1), 0);
    Ok(())
}

fn does_not_block_when_it_need_not(test: &mut Test) -> Verdict {
    let port: IpcPort = test.make(0)?;
    test.start(bodies::echo, pack([index(port), 1]))?;
    test.settle()?;
    check_eq!(port.try_call(&Message::new(1, [2])), Ok(Message::new(1, [2])));
    port.try_send(&Message::EMPTY)?;
    let other: IpcPort = test.make(0)?;
    test.start(bodies::send, pack([index(other), 8, 2]))?;
    test.settle()?;
    check_eq!(first_word(other.try_receive()), Ok(8));
    Ok(())
}

fn rights_are_demanded(test: &mut Test) -> Verdict {
    let port: IpcPort = test.make(0)?;
    let denied = Culprit::DESCRIPTOR;
    let reader = test.mint(port, Rights::all() - Rights::WRITE, 0)?;
    check_refused!(reader.try_call(&Message::EMPTY), PermissionDenied, denied);
    check_refused!(reader.call(&Message::EMPTY), PermissionDenied, denied);
    check_refused!(reader.send(&Message::EMPTY), PermissionDenied, denied);
    let writer = test.mint(port, Rights::all() - Rights::READ, 0)?;
    check_refused!(writer.receive(), PermissionDenied, denied);
    check_refused!(writer.reply_receive(&Message::EMPTY), PermissionDenied, denied);
    Ok(())
}

/// A message of every length there and back.
fn check_long(port: IpcPort) -> Verdict {
    for length in [7, 8, 63, LONG] {
        let sent: [u64; LONG] = core::array::from_fn(|word| (length * 1000 + word) as u64);
        for word in length..LONG {
            buffer().write(word, 0xfeed);
        }
        let reply = port.call(&Message::long(1, &sent[..length]))?;
        // The register words come back; those in the buffer must have been there and back too.
        let mut words = [0; LONG];
        check_eq!(reply.copy_to(&mut words), length);
        check!(words[..6] == sent[..6]);
        for (word, sent) in sent.iter().enumerate().take(length).skip(6) {
            check_eq!((word, words[word]), (word, sent + 1));
        }
        // What is past the length has not been touched.
        for word in length..LONG {
            check_eq!((word, buffer().read(word)), (word, 0xfeed));
        }
    }
    Ok(())
}

/// Answers with 1 added to every word in its buffer, which it has at the address in its argument.
extern "C" fn increment(argument: u64) -> ! {
    let [port, page] = unpack(argument);
    let port = IpcPort::slot(port);
    let memory = nun::mapped::Mapped::in_workspace(AREA + (page << 12), 4096);
    let mut received = port.receive();
    while let Ok(Received::Message { message, .. }) = received {
        for word in 6..message.length() {
            memory.write(8 * word, memory.read(8 * word) + 1);
        }
        received = port.reply_receive(&message);
    }
    park()
}

fn incrementer(test: &mut Test) -> Result<IpcPort, Error> {
    let port: IpcPort = test.make(0)?;
    let page = (test.room(0) - AREA) >> 12;
    test.start(increment, pack([index(port), page]))?;
    Ok(port)
}

fn long_messages(test: &mut Test) -> Verdict {
    let port = incrementer(test)?;
    test.settle()?;
    check_long(port)
}

fn long_messages_without_partner_waiting(test: &mut Test) -> Verdict {
    let port = incrementer(test)?;
    check_long(port)
}

fn bad_info_is_refused(test: &mut Test) -> Verdict {
    let port: IpcPort = test.make(0)?;
    test.start(bodies::echo, pack([index(port), 1]))?;
    test.settle()?;
    // Too long, too many capabilities, forged sources, reserved bits.
    for info in [129, 255, 0x900, 0x2000, 0xa000, 0xe000, 1 << 16, 1 << 31] {
        for operation in [ipc_port::word::Call, ipc_port::word::Send] {
            let answer = kernel_call(operation, port.into(), MessageInfo(info), [0; 6]);
            let result = Error::from_label(answer.info.label()).map_or(Ok(()), Err);
            check_refused!(result, InvalidArgument, Culprit::INFO);
        }
    }
    check_eq!(get(1), 0);
    port.call(&Message::EMPTY)?;
    Ok(())
}

/// Calls with seven words.
extern "C" fn call_seven(argument: u64) -> ! {
    let [port, cell] = unpack(argument);
    let message = Message::EMPTY.with_length(7);
    let reply = IpcPort::slot(port).call(&message);
    cells::set(cell, cells::outcome(reply.map(|reply| reply.length() as u64)));
    park()
}

fn long_needs_a_buffer(test: &mut Test) -> Verdict {
    let port: IpcPort = test.make(0)?;
    test.start(bodies::echo, pack([index(port), 1]))?;
    test.bare_thread(call_seven, pack([index(port), 2]))?.resume()?;
    test.settle()?;
    let error = Error::new(nun::Reason::InvalidArgument, Culprit::IPC_BUFFER);
    check_eq!(get(2), u64::from(error.to_label()));
    Ok(())
}

/// A receiver without buffer gets the register words, and is told that these are all.
fn long_to_nobody_s_buffer(test: &mut Test) -> Verdict {
    let port: IpcPort = test.make(0)?;
    test.bare_thread(bodies::echo, pack([index(port), 1]))?.resume()?;
    test.settle()?;
    let reply = port.call(&Message::new(0, WORDS).with_length(100))?;
    check_eq!((reply.length(), *reply.words()), (6, WORDS));
    Ok(())
}

fn calls_in_both_directions(test: &mut Test) -> Verdict {
    let (here, there): (IpcPort, IpcPort) = (test.make(0)?, test.make(0)?);
    test.start(bodies::echo, pack([index(there), 1]))?;
    test.start(bodies::call, pack([index(here), 6, 2]))?;
    test.settle()?;
    // While it owes a reply, init is a client itself.
    check_eq!(first_word(here.receive()), Ok(6));
    let reply = there.call(&Message::new(1, [5]))?;
    Reply::OWED.reply(&reply)?;
    test.settle()?;
    check_eq!(get(2), FINE + 5);
    Ok(())
}

/// A receive that is refused changes nothing, so what is owed can still be answered.
fn a_refused_receive_keeps_the_reply(test: &mut Test) -> Verdict {
    let (port, spare) = (test.make::<IpcPort>(0)?, test.make::<IpcPort>(0)?);
    test.start(bodies::call, pack([index(port), 3, 1]))?;
    test.settle()?;
    check_eq!(first_word(port.receive()), Ok(3));
    // It receives elsewhere without anything there, then answers.
    check_refused!(spare.try_receive(), WouldBlock, Culprit::DESCRIPTOR);
    Reply::OWED.reply(&Message::new(0, [4]))?;
    test.settle()?;
    check_eq!(get(1), FINE + 4);
    Ok(())
}

fn outlives_its_server(test: &mut Test) -> Verdict {
    let port: IpcPort = test.make(0)?;
    let server = test.start(bodies::receive, pack([index(port), 1]))?;
    test.settle()?;
    test.node().remove(index(server))?;
    test.start(bodies::call, pack([index(port), 7, 2]))?;
    test.settle()?;
    check_eq!(get(2), 0);
    test.start(bodies::echo, pack([index(port), 3]))?;
    test.settle()?;
    check_eq!(get(2), FINE + 7);
    Ok(())
}

fn dies_with_an_error_to_all(test: &mut Test) -> Verdict {
    let (full, idle): (IpcPort, IpcPort) = (test.make(0)?, test.make(0)?);
    test.start(bodies::send, pack([index(full), 1, 1]))?;
    test.start(bodies::call, pack([index(full), 1, 2]))?;
    test.start(bodies::receive, pack([index(idle), 3]))?;
    test.settle()?;
    test.node().remove(index(full))?;
    test.node().remove(index(idle))?;
    test.settle()?;
    let died = u64::from(Error::new(nun::Reason::PartnerDied, Culprit::OTHER).to_label());
    check_eq!([get(1), get(2), get(3)], [died; 3]);
    Ok(())
}

fn unexpected() -> Verdict {
    Err(Failure::new(file!(), line!(), format_args!("something else was received")))
}
