//! Kernel calls as the kernel sees them: arguments land in the right words, answers and errors
//! come back typed.

use a9n_abi::guest::{Exit, ExitReason};
use a9n_abi::{MESSAGE_REGISTERS, MessageInfo, Source, generic, ipc_port, kernel, node, window};
use std::string::String;
use std::sync::mpsc;

use crate::guest::GuestExit;
use crate::hosted::{Call, done, install};
use crate::syscall::Answer;
use crate::*;

const WORDS: [u64; MESSAGE_REGISTERS] = [11, 12, 13, 14, 15, 16];

/// Makes the kernel answer everything with `answer`, and hands out what it was asked.
fn answering(answer: Answer) -> mpsc::Receiver<Call> {
    let (sender, calls) = mpsc::channel();
    install(move |call| {
        sender.send(call).unwrap();
        answer
    });
    calls
}

fn refused(error: Error) -> Answer {
    Answer { identifier: 0, info: MessageInfo::failure(error), words: [0; 6] }
}

fn arrived(source: Source, label: u32, length: usize) -> Answer {
    let info = MessageInfo::new(label, length).from_source(source);
    Answer { identifier: 7, info, words: WORDS }
}

#[test]
fn arguments_take_the_words_in_order_and_the_rest_is_zero() {
    let calls = answering(done([64, 0, 0, 0, 0, 0]));
    let made = Generic::slot(5).convert(ObjectType::Frame, 12, 64, Node::slot(3), 100);
    assert_eq!(made, Ok(64));
    let call = calls.recv().unwrap();
    assert_eq!(call.operation, generic::word::Convert);
    assert_eq!(call.descriptor, Descriptor::slot(5));
    assert_eq!(call.info, MessageInfo::default());
    assert_eq!(call.words, [ObjectType::Frame as u64, 12, 64, 3, 100, 0]);

    let access = Access::READ | Access::EXECUTE;
    Window::slot(9).map(4096, 1, 2, access, MemoryType::Device).unwrap();
    let call = calls.recv().unwrap();
    assert_eq!((call.operation, call.words), (window::word::Map, [4096, 1, 2, 5, 1, 0]));
}

#[test]
fn results_come_back_typed() {
    let rights = Rights::READ | Rights::WRITE;
    let _calls = answering(done([10, rights.bits().into(), 77, 0, 0, 0]));
    assert_eq!(Node::slot(3).look(1), Ok((10, rights, 77)));
    let _calls = answering(done([10, 0x100, 77, 0, 0, 0]));
    assert!(Node::slot(3).look(1).is_err(), "0x100 is no set of rights");
}

#[test]
fn errors_name_their_argument() {
    let error = Error::new(Reason::Occupied, Culprit::argument(5));
    let calls = answering(refused(error));
    assert_eq!(Node::slot(3).revoke(4), Err(error));
    assert_eq!(calls.recv().unwrap().operation, node::word::Revoke);
    assert_eq!(IpcPort::slot(1).call(&Message::EMPTY), Err(error));
    assert_eq!(IpcPort::slot(1).send(&Message::EMPTY), Err(error));
    assert_eq!(IpcPort::slot(1).receive(), Err(error));
    assert_eq!(Reply::OWED.reply(&Message::EMPTY), Err(error));
}

#[test]
fn a_call_sends_its_words_and_zeroes_and_gets_a_message() {
    let calls = answering(arrived(Source::Message, 0xffff_0001, 2));
    let reply = IpcPort::slot(8).call(&Message::new(3, [1, 2])).unwrap();
    assert_eq!((reply.label(), reply.length(), *reply.words()), (0xffff_0001, 2, WORDS));
    let call = calls.recv().unwrap();
    assert_eq!(call.operation, ipc_port::word::Call);
    assert_eq!(call.info, MessageInfo::new(3, 2));
    assert_eq!(call.words, [1, 2, 0, 0, 0, 0]);
    IpcPort::slot(8).try_call(&Message::EMPTY).unwrap();
    assert!(calls.recv().unwrap().info.is_non_blocking());
}

#[test]
fn a_received_message_can_be_sent_back_as_it_is() {
    let calls = answering(arrived(Source::Message, 9, 6));
    let received = IpcPort::slot(8).receive().unwrap();
    let Received::Message { sender: 7, message } = received else { panic!("{received:?}") };
    IpcPort::slot(8).reply_receive(&message).unwrap();
    calls.recv().unwrap();
    let call = calls.recv().unwrap();
    assert!(call.info.is_sendable());
    assert_eq!((call.operation, call.words), (ipc_port::word::ReplyReceive, WORDS));
}

#[test]
fn the_reply_slot_stands_above_the_operation() {
    let calls = answering(arrived(Source::Message, 0, 0));
    IpcPort::slot(8).receive_into(0x123).unwrap();
    assert_eq!(calls.recv().unwrap().operation, ipc_port::word::Receive | 0x123_0000);
    IpcPort::slot(8).reply_receive_into(&Message::EMPTY, 1).unwrap();
    assert_eq!(calls.recv().unwrap().operation, ipc_port::word::ReplyReceive | 0x1_0000);
}

#[test]
fn faults_and_signals_are_told_apart() {
    let _calls = answering(arrived(Source::Fault, FaultReason::Page as u32, 3));
    let reason = Some(FaultReason::Page);
    let fault = Fault { reason, instruction: 11, address: 12, code: 13 };
    assert_eq!(IpcPort::slot(1).receive(), Ok(Received::Fault { process: 7, fault }));
    let _calls = answering(arrived(Source::Notification, 0, 0));
    assert_eq!(IpcPort::slot(1).receive(), Ok(Received::Signals { bits: 7 }));
    let _calls = answering(arrived(Source::Foreign, 9, 6));
    let call = Received::ForeignCall { process: 7, number: 9, arguments: WORDS };
    assert_eq!(IpcPort::slot(1).receive(), Ok(call));
    let _calls = answering(arrived(Source::Stopped, 0, 1));
    let stopped = Received::Stopped { process: 7, instruction: 11 };
    assert_eq!(IpcPort::slot(1).receive(), Ok(stopped));
    let _calls = answering(arrived(Source::VirtualCpu, 0, 6));
    let left = GuestExit { number: 0, exit: Exit::from_words(&WORDS) };
    assert_eq!(IpcPort::slot(1).receive(), Ok(Received::Exit { process: 7, left }));
    let _calls = answering(arrived(Source::VirtualCpu, ExitReason::Halt as u32, 6));
    let (process, left) = IpcPort::slot(1).await_arrival().exit().unwrap();
    assert_eq!((process, left.reason(), left.exit.instruction), (7, Some(ExitReason::Halt), 11));
    let _calls = answering(arrived(Source::Foreign, 9, 6));
    assert_eq!(IpcPort::slot(1).await_arrival().exit(), None);
}

#[test]
fn text_goes_out_in_pieces_of_forty_bytes() {
    let calls = answering(done([0; 6]));
    println!("{}{}", "0123456789abcdefghij", "0123456789abcdefghijXYZ");
    print!("");
    let text: String = calls
        .try_iter()
        .flat_map(|call| {
            assert_eq!(call.operation, kernel::word::DebugWrite);
            let bytes: std::vec::Vec<u8> =
                call.words[1..].iter().flat_map(|word| word.to_le_bytes()).collect();
            bytes.into_iter().take(call.words[0] as usize).map(char::from)
        })
        .collect();
    assert_eq!(text, "0123456789abcdefghij0123456789abcdefghijXYZ\n");
}
