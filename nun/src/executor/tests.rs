//! The executor against a scripted kernel: what comes in, and what was answered.

use core::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;
use std::vec::Vec;

use a9n_abi::{MessageInfo, Reason, Source, ipc_port, node, notification, reply};

use super::*;
use crate::channel::ClientEnd;
use crate::channel::tests::{Shared, poll};
use crate::hosted::{self, Call};
use crate::syscall::Answer;
use crate::{Culprit, Descriptor};

#[nun::service(version = 1)]
trait Mailbox {
    #[method(ordinal = 1, retry = at_most_once)]
    fn put(&self, letter: u64);
    #[method(ordinal = 2, retry = at_most_once, waits)]
    fn get(&self) -> u64;
    #[method(ordinal = 3, retry = idempotent, waits)]
    fn sleep(&self, deadline: u64);
}

struct Box<'a> {
    letter: Cell<Option<u64>>,
    timers: &'a Timers,
}

impl Mailbox for Box<'_> {
    fn put(&self, _: Caller, letter: u64) {
        self.letter.set(Some(letter));
    }
    async fn get(&self, _: Caller) -> u64 {
        until(|| self.letter.take()).await
    }
    async fn sleep(&self, _: Caller, deadline: u64) {
        self.timers.sleep_until(deadline).await;
    }
}

const EPOCH: Epoch = 9;
const REPLIES: u64 = 100;
/// Stands for the Reply in the PCB.
const DIRECT: u64 = 0;
const BELL: NotificationPort = NotificationPort::at(Descriptor::slot(9));

fn request(ordinal: u32, words: &[u64]) -> Answer {
    let mut all = [0; 6];
    all[..words.len()].copy_from_slice(words);
    let label = ordinal | u32::from(EPOCH) << 16;
    let info = MessageInfo::new(label, words.len()).from_source(Source::Message);
    Answer { identifier: 1, info, words: all }
}

fn signals(bits: u64) -> Answer {
    let info = MessageInfo::default().from_source(Source::Notification);
    Answer { identifier: bits, info, words: [0; 6] }
}

/// What a run did.
#[derive(Default)]
struct Log {
    /// Slot of the Reply, label and first word of each answer.
    answers: RefCell<Vec<(u64, u32, u64)>>,
    /// Deadlines that the alarm was set to.
    alarms: RefCell<Vec<u64>>,
    signals: Cell<u64>,
}

impl Alarm for Log {
    fn set(&self, deadline: u64) {
        self.alarms.borrow_mut().push(deadline);
    }
}

/// Lets the kernel give what is in `inputs`, and then no more. `dead` is a slot whose caller goes
/// while it waits, once.
fn script(inputs: impl IntoIterator<Item = Answer>, mut dead: Option<u64>) -> Rc<Log> {
    let log = Rc::new(Log::default());
    let mut inputs: VecDeque<Answer> = inputs.into_iter().collect();
    let kernel_log = Rc::clone(&log);
    let mut next = move || {
        inputs.pop_front().unwrap_or(Answer {
            identifier: 0,
            info: MessageInfo::failure(Error::new(Reason::InvalidDescriptor, Culprit::DESCRIPTOR)),
            words: [0; 6],
        })
    };
    hosted::install(move |call: Call| match call.operation & 0xffff {
        ipc_port::word::Receive => next(),
        ipc_port::word::ReplyReceive => {
            kernel_log.answers.borrow_mut().push((DIRECT, call.info.label(), call.words[0]));
            next()
        }
        notification::word::Notify => hosted::done([0; 6]),
        reply::word::Reply => {
            let answer = (call.descriptor.index(), call.info.label(), call.words[0]);
            kernel_log.answers.borrow_mut().push(answer);
            hosted::done([0; 6])
        }
        reply::word::Keep => hosted::done([0; 6]),
        node::word::Look if dead.take_if(|slot| *slot == call.words[0]).is_some() => {
            hosted::done([0; 6])
        }
        node::word::Look => hosted::done([11, 0, 0, 0, 0, 0]),
        other => panic!("unexpected operation {other}"),
    });
    log
}

/// Serves what is in `inputs`, with room for two waiting calls.
fn run(inputs: impl IntoIterator<Item = Answer>, dead: Option<u64>) -> Rc<Log> {
    serve_mailbox(inputs, dead, &[] as &[ServerEnd])
}

fn serve_mailbox(
    inputs: impl IntoIterator<Item = Answer>,
    dead: Option<u64>,
    channels: &[ServerEnd<impl SharedMemory>],
) -> Rc<Log> {
    let log = script(inputs, dead);
    let timers = Timers::new();
    let service = MailboxServer(Box { letter: Cell::new(None), timers: &timers });
    let port = IpcPort::at(Descriptor::slot(8));
    let place = Place { port, epoch: EPOCH, replies: REPLIES, channels };
    let note = |bits| log.signals.set(log.signals.get() | bits);
    let error = place.serve::<2, _>(&service, note, &timers, &*log);
    assert_eq!(error.reason, Reason::InvalidDescriptor);
    log
}

#[test]
fn what_needs_no_wait_is_answered_at_once() {
    let log = run([request(1, &[7]), request(2, &[])], None);
    assert_eq!(*log.answers.borrow(), [(DIRECT, 0, 0), (DIRECT, 0, 7)]);
}

#[test]
fn a_waiting_call_is_answered_when_another_lets_it() {
    let log = run([request(2, &[]), request(2, &[]), request(1, &[7]), request(1, &[8])], None);
    let answers = [(REPLIES, 0, 7), (DIRECT, 0, 0), (REPLIES + 1, 0, 8), (DIRECT, 0, 0)];
    assert_eq!(*log.answers.borrow(), answers);
}

#[test]
fn there_is_room_for_so_many_and_the_next_is_told_busy() {
    let log = run([request(2, &[]), request(2, &[]), request(2, &[]), request(1, &[7])], None);
    let busy = BUSY.label();
    let answers = [(DIRECT, busy, 0), (REPLIES, 0, 7), (DIRECT, 0, 0)];
    assert_eq!(*log.answers.borrow(), answers);
}

#[test]
fn who_is_gone_takes_nothing() {
    let log = run([request(2, &[]), request(2, &[]), request(1, &[7])], Some(REPLIES));
    assert_eq!(*log.answers.borrow(), [(REPLIES, 0, 7), (DIRECT, 0, 0)]);
}

#[test]
fn signals_and_time_wake_as_well() {
    let far = u64::MAX - 1;
    let inputs =
        [request(3, &[0]), request(3, &[far]), request(3, &[far - 5]), signals(6), signals(8)];
    let log = run(inputs, None);
    assert_eq!(log.signals.get(), 14);
    assert_eq!(*log.answers.borrow(), [(DIRECT, 0, 0)], "the past is over at once");
    assert_eq!(*log.alarms.borrow(), [far, far - 5], "the alarm is for the first, and set once");
}

#[test]
fn a_request_from_a_channel_waits_like_a_call() {
    script([], None);
    let memory = Shared::new();
    let client = ClientEnd::new(memory.clone(), BELL);
    let channels = [ServerEnd::new(memory, BELL, 1 << 20, 5)];
    let mailbox = MailboxAsync::new(&client);
    let mut get = std::boxed::Box::pin(mailbox.get());
    assert_eq!(poll(&mut get), None);
    serve_mailbox([], None, &channels);
    assert_eq!(poll(&mut get), None, "it was made before there was a session, and is made again");
    let log = serve_mailbox([request(1, &[7])], None, &channels);
    assert_eq!(*log.answers.borrow(), [(DIRECT, 0, 0)], "the call from the port");
    assert_eq!(poll(&mut get), Some(Ok(7)));

    let mut put = std::boxed::Box::pin(mailbox.put(8));
    assert_eq!(poll(&mut put), None);
    let log = serve_mailbox([request(2, &[]), signals(1 << 3), signals(1 << 20)], None, &channels);
    assert_eq!(*log.answers.borrow(), [(DIRECT, 0, 8)]);
    assert_eq!(poll(&mut put), Some(Ok(())));
}

#[nun::service(version = 1)]
trait Doubler {
    #[method(ordinal = 1, retry = idempotent)]
    fn double(&self, number: u64) -> u64;
}

struct Two;

impl Doubler for Two {
    fn double(&self, _: Caller, number: u64) -> u64 {
        number * 2
    }
}

#[test]
fn where_nothing_waits_callers_are_answered_directly() {
    script([], None);
    let memory = Shared::new();
    let client = ClientEnd::new(memory.clone(), BELL);
    let port = IpcPort::at(Descriptor::slot(8));
    let channels = &[ServerEnd::new(memory, BELL, 1, 5)];
    let place = Place { port, epoch: EPOCH, replies: REPLIES, channels };
    let serve = || {
        let log = script([request(1, &[4]), request(1, &[5]), signals(2)], None);
        place.serve::<2, _>(&DoublerServer(Two), |_| {}, &Timers::new(), &());
        assert_eq!(*log.answers.borrow(), [(DIRECT, 0, 8), (DIRECT, 0, 10)]);
    };
    let mut double = std::boxed::Box::pin(DoublerAsync::new(&client).double(21));
    assert_eq!(poll(&mut double), None);
    serve();
    assert_eq!(poll(&mut double), None, "now there is a session");
    serve();
    assert_eq!(poll(&mut double), Some(Ok(42)));
}
