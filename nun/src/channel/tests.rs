//! Both ends over ordinary memory, with servers and clients that die at any point.

use core::cell::{Cell, RefCell};
use core::pin::Pin;
use core::task::{Context, Poll, Waker};
use std::boxed::Box;
use std::rc::Rc;
use std::vec::Vec;

use proptest::prelude::*;

use super::*;
use crate::hosted::{self, Call};
use crate::service::{CallError, Caller, Epoch, Failure, String, respond};
use crate::{Descriptor, NotificationPort};

/// What client and server share.
#[derive(Clone)]
pub(crate) struct Shared(Rc<[Cell<u64>; CHANNEL_BYTES / 8]>);

impl Shared {
    pub(crate) fn new() -> Self {
        Self(Rc::new([const { Cell::new(0) }; CHANNEL_BYTES / 8]))
    }
}

impl SharedMemory for Shared {
    fn read(&self, offset: usize) -> u64 {
        self.0[offset / 8].get()
    }
    fn write(&self, offset: usize, value: u64) {
        self.0[offset / 8].set(value);
    }
}

#[nun::service(version = 1)]
trait Book {
    #[method(ordinal = 1, retry = idempotent)]
    fn greet(&self, name: String<100>) -> String<120>;
    #[method(ordinal = 2, retry = at_most_once)]
    fn record(&self, number: u64) -> u64;
}

/// What the servers, one after the other, carried out.
#[derive(Clone, Default)]
struct Pages(Rc<RefCell<Vec<u64>>>);

impl Book for Pages {
    fn greet(&self, _: Caller, name: String<100>) -> String<120> {
        let mut text = String::try_from("hello ").unwrap();
        text.push_str(&name).unwrap();
        text
    }
    fn record(&self, caller: Caller, number: u64) -> u64 {
        assert_eq!(caller.client, 7);
        self.0.borrow_mut().push(number);
        number
    }
}

const BELL: NotificationPort = NotificationPort::at(Descriptor::slot(9));

/// A channel and its server, of which there may be several in time.
struct World {
    memory: Shared,
    pages: Pages,
    epoch: Cell<Epoch>,
}

impl World {
    fn new() -> Self {
        hosted::install(|_: Call| hosted::done([0; 6]));
        let memory = Shared::new();
        let world = Self { memory, pages: Pages::default(), epoch: Cell::new(0) };
        world.restart();
        world
    }

    fn server(&self) -> ServerEnd<Shared> {
        ServerEnd::new(self.memory.clone(), BELL, 1, 7)
    }

    fn client(&self) -> ClientEnd<Shared> {
        ClientEnd::new(self.memory.clone(), BELL)
    }

    fn restart(&self) {
        self.epoch.set(self.epoch.get() + 1);
        self.server().attach(self.epoch.get());
    }

    /// Lets the server carry out one request, if there is one, and answer it, if it lives so long.
    fn serve(&self, answers: bool) -> bool {
        let Some((tag, request)) = self.server().take() else { return false };
        let service = BookServer(self.pages.clone());
        let answer = respond(&service, self.epoch.get(), 7, &request).unwrap();
        if answers {
            self.server().give(tag, &answer);
        }
        true
    }

    fn serve_all(&self) {
        while self.serve(true) {}
    }

    fn word(&self, word: usize) -> &Cell<u64> {
        &self.memory.0[word]
    }
}

pub(crate) fn poll<F: Future + ?Sized>(future: &mut Pin<Box<F>>) -> Option<F::Output> {
    match future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => Some(output),
        Poll::Pending => None,
    }
}

/// Polls until it is done, with the server at work in between.
fn finish<F: Future + ?Sized>(world: &World, mut future: Pin<Box<F>>) -> F::Output {
    for _ in 0..100 {
        if let Some(output) = poll(&mut future) {
            return output;
        }
        world.serve_all();
    }
    panic!("it hangs");
}

#[test]
fn many_calls_are_on_their_way_at_once() {
    let world = World::new();
    let end = world.client();
    let book = BookAsync::new(&end);
    assert_eq!(finish(&world, Box::pin(book.record(0))), Ok(0));
    let mut calls: Vec<_> = (1..40).map(|number| Box::pin(book.record(number))).collect();
    let done: Vec<_> = calls.iter_mut().map(poll).collect();
    assert!(done.iter().all(Option::is_none));
    for (call, number) in calls.into_iter().zip(1..) {
        assert_eq!(finish(&world, call), Ok(number));
    }
    let mut carried_out = world.pages.0.borrow().clone();
    carried_out.sort_unstable();
    assert!(carried_out.into_iter().eq(0..40));
}

#[test]
fn a_call_that_takes_long_holds_nobody_up() {
    let world = World::new();
    let end = world.client();
    let book = BookAsync::new(&end);
    finish(&world, Box::pin(book.record(0))).unwrap();
    let mut long = Box::pin(book.record(1));
    assert!(poll(&mut long).is_none());
    let (tag, _) = world.server().take().unwrap();
    for number in 2..60 {
        assert_eq!(finish(&world, Box::pin(book.record(number))), Ok(number));
    }
    world.server().give(tag, &Message::new(0, [1]));
    assert_eq!(poll(&mut long), Some(Ok(1)));
}

#[test]
fn text_that_is_longer_than_six_words_arrives() {
    let world = World::new();
    let end = world.client();
    let name: String<100> = "x".repeat(100).as_str().try_into().unwrap();
    let greeting = finish(&world, Box::pin(BookAsync::new(&end).greet(name.clone())));
    assert_eq!(greeting.unwrap().strip_prefix("hello "), Some(name.as_str()));
}

#[test]
fn a_request_that_died_with_its_server_is_told_or_repeated() {
    let world = World::new();
    let end = world.client();
    let book = BookAsync::new(&end);
    assert_eq!(finish(&world, Box::pin(book.record(1))), Ok(1));
    let mut call = Box::pin(book.record(2));
    assert!(poll(&mut call).is_none());
    world.serve(false);
    assert!(poll(&mut call).is_none(), "nobody knows yet");
    world.restart();
    assert_eq!(poll(&mut call), Some(Err(Failure::Call(CallError::ServerDied(1)))));
    let mut call = Box::pin(book.greet(String::new()));
    assert!(poll(&mut call).is_none());
    world.serve(true);
    assert!(poll(&mut call).is_none(), "the session is opened again, and the call made again");
    world.serve(false);
    world.restart();
    assert_eq!(finish(&world, call).unwrap(), "hello ");
    assert_eq!(*world.pages.0.borrow(), [1, 2], "at most once each");
}

#[test]
fn a_request_that_nobody_took_waits_for_the_next_server() {
    let world = World::new();
    let end = world.client();
    let book = BookAsync::new(&end);
    finish(&world, Box::pin(book.record(1))).unwrap();
    let mut call = Box::pin(book.record(2));
    assert!(poll(&mut call).is_none());
    world.restart();
    assert_eq!(finish(&world, call), Ok(2));
    assert_eq!(end.epoch(), 2);
}

#[test]
fn without_a_server_for_good_there_is_an_error() {
    let world = World::new();
    let end = world.client();
    let book = BookAsync::new(&end);
    let mut call = Box::pin(book.record(2));
    assert!(poll(&mut call).is_none());
    world.word(word::GONE).set(1);
    assert_eq!(poll(&mut call), Some(Err(Failure::Call(CallError::Gone))));
    assert_eq!(poll(&mut Box::pin(book.record(3))), Some(Err(Failure::Call(CallError::Gone))));
}

#[test]
fn a_new_client_knows_nothing_of_the_last() {
    let world = World::new();
    let first = world.client();
    let mut lost = Box::pin(async { BookAsync::new(&first).record(1).await });
    assert!(poll(&mut lost).is_none());
    world.serve_all();
    assert!(poll(&mut lost).is_none(), "the session is open, the request made");
    let second = world.client();
    assert_eq!(finish(&world, Box::pin(BookAsync::new(&second).record(2))), Ok(2));
    assert_eq!(*world.pages.0.borrow(), [1, 2]);
}

#[test]
fn numbers_that_make_no_sense_cost_only_who_wrote_them() {
    let world = World::new();
    world.word(word::MADE).set(u64::MAX / 2);
    assert!(world.server().take().is_none());
    let end = world.client();
    assert_eq!(finish(&world, Box::pin(BookAsync::new(&end).record(1))), Ok(1));
    world.word(word::GIVEN).set(77_777);
    let mut call = Box::pin(BookAsync::new(&end).record(2));
    assert!(poll(&mut call).is_none());
    world.word(word::READ).set(1);
    world.serve_all();
    assert_eq!(world.word(word::GIVEN).get(), 77_777, "a client that never reads gets nothing");
}

/// What happens next.
#[derive(Clone, Copy, Debug)]
enum Step {
    Call,
    Repeat,
    Poll(u8),
    Serve,
    DieServing,
    Restart,
    Drop(u8),
}

fn any_step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => Just(Step::Call),
        2 => Just(Step::Repeat),
        8 => any::<u8>().prop_map(Step::Poll),
        8 => Just(Step::Serve),
        1 => Just(Step::DieServing),
        1 => Just(Step::Restart),
        1 => any::<u8>().prop_map(Step::Drop),
    ]
}

/// A call on its way, with its number.
type Numbered<'a> = (u64, Pin<Box<dyn Future<Output = Result<u64, Failure>> + 'a>>);

proptest! {
    /// Whatever dies and whenever: every call comes to its end, what is acknowledged was carried
    /// out, and nothing was carried out twice.
    #[test]
    fn nothing_is_lost_or_done_twice(steps in prop::collection::vec(any_step(), 0..300)) {
        let world = World::new();
        let end = world.client();
        let book = BookAsync::new(&end);
        let mut calls: Vec<Numbered<'_>> = Vec::new();
        let mut acknowledged = Vec::new();
        let mut number = 0;
        let book = &book;
        for step in steps {
            match step {
                Step::Call => {
                    number += 1;
                    calls.push((number, Box::pin(book.record(number))));
                }
                Step::Repeat => {
                    let greet = async { book.greet(String::new()).await.map(|_| 0) };
                    calls.push((0, Box::pin(greet)));
                }
                Step::Poll(which) if !calls.is_empty() => {
                    let which = usize::from(which) % calls.len();
                    if let Some(answer) = poll(&mut calls[which].1) {
                        let (number, _) = calls.swap_remove(which);
                        if answer.is_ok() {
                            acknowledged.push(number);
                        }
                    }
                }
                Step::Serve => {
                    world.serve(true);
                }
                Step::DieServing => {
                    world.serve(false);
                    world.restart();
                }
                Step::Restart => world.restart(),
                Step::Drop(which) if !calls.is_empty() => {
                    drop(calls.swap_remove(usize::from(which) % calls.len()));
                }
                Step::Poll(_) | Step::Drop(_) => {}
            }
        }
        for _ in 0..20 * (calls.len() + 1) {
            world.serve_all();
            calls.retain_mut(|(number, call)| match poll(call) {
                Some(answer) => {
                    if answer.is_ok() {
                        acknowledged.push(*number);
                    }
                    false
                }
                None => true,
            });
        }
        prop_assert!(calls.is_empty(), "{} calls hang", calls.len());
        let mut carried_out = world.pages.0.borrow().clone();
        carried_out.sort_unstable();
        prop_assert!(carried_out.windows(2).all(|pair| pair[0] != pair[1]), "{carried_out:?}");
        acknowledged.retain(|number| *number != 0);
        prop_assert!(acknowledged.iter().all(|number| carried_out.contains(number)));
    }
}

proptest! {
    /// Whatever the other side writes anywhere: neither end panics, and each look of theirs is bounded.
    #[test]
    fn scribbles_neither_stop_nor_fool_an_end(
        scribbles in prop::collection::vec(
            (prop_oneof![0..17_usize, 64..CHANNEL_BYTES / 8], prop_oneof![0..40_u64, any::<u64>()]),
            0..60,
        ),
    ) {
        let world = World::new();
        let end = world.client();
        let book = BookAsync::new(&end);
        let name = String::try_from("you").unwrap();
        let mut call = Some(Box::pin(book.greet(name)));
        for (word, value) in scribbles {
            world.word(word).set(value);
            // A future that is done is not polled again.
            call = match call.take() {
                Some(mut call) => poll(&mut call).is_none().then_some(call),
                None => None,
            };
            let served = (0..=REQUESTS).take_while(|_| world.serve(true)).count() as u64;
            prop_assert!(served <= REQUESTS, "more requests at once than there is room for");
        }
    }
}
