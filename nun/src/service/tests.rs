//! Client and server through a stand-in kernel, which can let the server die at any call.

use core::cell::Cell;
use std::collections::VecDeque;
use std::rc::Rc;

use proptest::prelude::*;

use super::*;
use crate::hosted::{self, Call};
use crate::syscall::Answer;
use crate::{Culprit, Error, IpcPort, Message, Reason};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Wire)]
enum MathError {
    Overflow = 1,
    Mood = 0x7fff_ffff,
}

#[derive(Clone, Debug, PartialEq, Wire)]
struct Greeting {
    text: String<61>,
    loud: bool,
    times: Option<u16>,
}

/// For these tests.
#[nun::service(version = 3)]
trait Math {
    /// The sum.
    #[method(ordinal = 1, retry = idempotent)]
    fn add(&self, a: u64, b: u64) -> Result<u64, MathError>;
    /// How often it was called.
    #[method(ordinal = 2, retry = at_most_once)]
    fn count(&self) -> u64;
    /// The same greeting.
    #[method(ordinal = 7, retry = idempotent)]
    fn greet(&self, greeting: Greeting) -> Greeting;
}

#[derive(Default)]
struct Server {
    carried_out: Cell<u64>,
}

impl Math for Server {
    fn add(&self, _: Caller, a: u64, b: u64) -> Result<u64, MathError> {
        self.carried_out.set(self.carried_out.get() + 1);
        a.checked_add(b).ok_or(MathError::Overflow)
    }
    fn count(&self, caller: Caller) -> u64 {
        assert_eq!(caller.client, 5);
        self.carried_out.set(self.carried_out.get() + 1);
        self.carried_out.get()
    }
    fn greet(&self, _: Caller, greeting: Greeting) -> Greeting {
        greeting
    }
}

/// What becomes of a call.
#[derive(Clone, Copy, PartialEq)]
enum Fate {
    Answered,
    /// The server dies before it does anything; the next one has the next epoch.
    DiesBefore,
    /// It dies once the call is carried out.
    DiesAfter,
    Refused(Reason),
}

/// Lets calls of this thread go to a server, each with the next of `fates`, the rest answered.
fn serve_with(fates: &[Fate]) -> Rc<MathServer<Server>> {
    let service = Rc::new(MathServer(Server::default()));
    let mut fates: VecDeque<Fate> = fates.iter().copied().collect();
    let server = Rc::clone(&service);
    let mut epoch = 1;
    hosted::install(move |call: Call| {
        let request = Message { info: call.info, words: call.words };
        let fate = fates.pop_front().unwrap_or(Fate::Answered);
        let error = |reason| Answer {
            identifier: 0,
            info: a9n_abi::MessageInfo::failure(Error::new(reason, Culprit::OTHER)),
            words: [0; 6],
        };
        if let Fate::Refused(reason) = fate {
            return error(reason);
        }
        let reply = (fate != Fate::DiesBefore)
            .then(|| respond(&*server, epoch, 5, &request).expect("nothing waits"));
        match reply {
            Some(reply) if fate == Fate::Answered => {
                Answer { identifier: 0, info: reply.info, words: reply.words }
            }
            _ => {
                epoch += 1;
                error(Reason::PartnerDied)
            }
        }
    });
    service
}

fn client() -> MathClient {
    MathClient::new(IpcPort::slot(9))
}

#[test]
fn values_and_errors_come_back() {
    let service = serve_with(&[]);
    let client = client();
    assert_eq!(client.add(2, 3), Ok(5));
    assert_eq!(client.add(u64::MAX, 1), Err(Failure::Method(MathError::Overflow)));
    assert_eq!(service.0.carried_out.get(), 2, "opening the session carries nothing out");
    assert_eq!(client.count(), Ok(3));
    let greeting = Greeting {
        text: "who speaks in more words than there are registers?".try_into().unwrap(),
        loud: true,
        times: Some(9),
    };
    assert_eq!(client.greet(greeting.clone()), Ok(greeting));
}

#[test]
fn an_idempotent_call_is_made_again_when_the_server_dies() {
    let fates = [Fate::Answered, Fate::Answered, Fate::DiesAfter, Fate::DiesBefore];
    let service = serve_with(&fates);
    let client = client();
    assert_eq!(client.add(1, 1), Ok(2));
    assert_eq!(client.session().epoch(), 1);
    assert_eq!(client.add(2, 3), Ok(5));
    assert_eq!(client.session().epoch(), 3);
    assert_eq!(service.0.carried_out.get(), 3, "once too often, which does no harm");
}

#[test]
fn the_last_repetition_counts_and_no_death_is_forgotten() {
    let refused_in_between = [Fate::DiesAfter, Fate::Answered];
    let deaths = |pairs: usize| {
        let opening = [Fate::Answered, Fate::Answered].into_iter();
        let fates = opening.chain(refused_in_between.into_iter().cycle().take(2 * pairs));
        serve_with(&fates.collect::<std::vec::Vec<_>>());
        let client = client();
        assert_eq!(client.add(1, 1), Ok(2));
        client.add(2, 3)
    };
    assert_eq!(deaths(8), Ok(5), "what the sixteenth repetition was answered");
    let told = deaths(20);
    assert!(matches!(told, Err(Failure::Call(CallError::ServerDied(_)))), "{told:?}");
}

#[test]
fn an_at_most_once_call_tells_that_the_server_died() {
    let service = serve_with(&[Fate::Answered, Fate::Answered, Fate::DiesAfter]);
    let client = client();
    assert_eq!(client.count(), Ok(1));
    assert_eq!(client.count(), Err(Failure::Call(CallError::ServerDied(1))));
    assert_eq!(service.0.carried_out.get(), 2, "not again");
    assert_eq!(client.count(), Ok(3), "a lost session is opened for any class");
    assert_eq!(client.session().epoch(), 2);
}

#[test]
fn no_number_of_deaths_makes_a_call_hang() {
    serve_with(&[Fate::DiesBefore; 1000]);
    assert_eq!(client().add(1, 1), Err(Failure::Call(CallError::ServerDied(0))));
    let fates = [Fate::Answered, Fate::Answered, Fate::DiesBefore];
    serve_with(&fates.into_iter().cycle().take(3000).collect::<std::vec::Vec<_>>());
    let client = client();
    let last = (0..100).map(|_| client.add(1, 1)).last();
    assert!(last.is_some(), "each came to an end");
}

#[test]
fn what_the_kernel_refuses_is_told() {
    let told = |reason| {
        serve_with(&[Fate::Refused(reason)]);
        client().add(1, 1)
    };
    assert_eq!(told(Reason::InvalidDescriptor), Err(Failure::Call(CallError::Gone)));
    assert_eq!(told(Reason::Cancelled), Err(Failure::Call(CallError::Cancelled)));
    let denied = Error::new(Reason::PermissionDenied, Culprit::OTHER);
    assert_eq!(told(Reason::PermissionDenied), Err(Failure::Call(CallError::Kernel(denied))));
}

#[test]
fn a_server_refuses_what_is_not_in_its_interface() {
    let server = MathServer(Server::default());
    let label = |ordinal: u32, epoch: u32| ordinal | (epoch << EPOCH_SHIFT);
    let reply = |label, words: &[u64]| {
        respond(&server, 4, 1, &Message::long(label, words)).unwrap().label()
    };
    assert_eq!(reply(label(1, 4), &[1, 2]), status::VALUE);
    assert_eq!(reply(label(1, 3), &[1, 2]), status::OTHER_INSTANCE);
    assert_eq!(reply(label(1, 0), &[1, 2]), status::OTHER_INSTANCE);
    assert_eq!(reply(label(3, 4), &[]), status::UNKNOWN_METHOD);
    assert_eq!(reply(label(0, 4), &[]), status::UNKNOWN_METHOD);
    assert_eq!(reply(0, &[]), status::OTHER_INSTANCE);
    assert_eq!(reply(label(1, 4), &[1]), status::MALFORMED, "an argument is missing");
    assert_eq!(reply(label(7, 4), &[62]), status::MALFORMED, "longer than the type allows");
    assert_eq!(reply(label(7, 4), &[61]), status::MALFORMED, "longer than the message");
    assert_eq!(reply(label(7, 4), &[1, 0xff, 1, 0]), status::MALFORMED, "not UTF-8");
    assert_eq!(reply(label(7, 4), &[0, 2, 0]), status::MALFORMED, "2 is no bool");
    assert_eq!(reply(label(7, 4), &[0, 1, 1, 1 << 16]), status::MALFORMED, "no u16");
    assert_eq!(server.0.carried_out.get(), 1);
}

proptest! {
    /// Whatever comes in is answered, and only what fits the interface is carried out.
    #[test]
    fn every_message_gets_an_answer(
        ordinal in prop_oneof![0..9u32, any::<u32>()],
        epoch in 3..6u32,
        words in prop::collection::vec(prop_oneof![0..70u64, any::<u64>()], 0..128),
    ) {
        let server = MathServer(Server::default());
        let request = Message::long(ordinal | (epoch << EPOCH_SHIFT), &words);
        let answer = respond(&server, 4, 5, &request).expect("nothing waits");
        let carried_out = answer.label() <= status::ERROR;
        prop_assert!(!carried_out || request.label() >> EPOCH_SHIFT == 4);
        let length = words.len();
        let can_be = match request.label() & 0xffff { 1 => length >= 2, 2 => true, 7 => length >= 3, _ => false };
        prop_assert!(!carried_out || can_be);
    }
}

#[test]
fn versions_are_compared_when_a_session_opens() {
    let open = |version: u64, fingerprint: u64| {
        let mut answers = [
            Message::new(status::OTHER_INSTANCE, [4, version, fingerprint]),
            Message::new(status::VALUE, [5]),
        ]
        .into_iter();
        hosted::install(move |_: Call| {
            let answer = answers.next().expect("two calls at most");
            Answer { identifier: 0, info: answer.info, words: answer.words }
        });
        client().add(2, 3)
    };
    let own = MathServer::<()>::FINGERPRINT;
    let wrong = |version| Err(Failure::Call(CallError::WrongVersion(version)));
    assert_eq!(open(3, own), Ok(5));
    assert_eq!(open(3, own + 1), wrong(3), "the same version with other methods");
    assert_eq!(open(4, 77), Ok(5), "a newer server serves older clients");
    assert_eq!(open(2, own), wrong(2), "an older one does not know all methods");
}

#[test]
fn numbers_of_an_enum_are_its_wire_form() {
    let reply = outcome::<u64, _>(Err(MathError::Mood));
    assert_eq!((reply.label(), reply.words()[0]), (status::ERROR, 0x7fff_ffff));
    assert_eq!(read_outcome::<u64, MathError>(&reply), Err(Failure::Method(MathError::Mood)));
    let unknown = Message::new(status::ERROR, [2]);
    let failure = read_outcome::<u64, MathError>(&unknown);
    assert_eq!(failure, Err(Failure::Call(CallError::Malformed)));
}
