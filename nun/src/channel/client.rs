//! The client's end.

use core::sync::atomic::{AtomicU16, AtomicU64, Ordering};

use a9n_abi::{MESSAGE_REGISTERS, MessageInfo};

use super::{
    ANSWERS, CHANNEL_WORDS, REQUESTS, SharedMemory, assert_fits, entry, get, look, put, tell, word,
};
use crate::executor::until;
use crate::lock::Mutex;
use crate::mapped::Mapped;
use crate::service::{Answered, CallError, Epoch, Interface, Retry, Wire, request, understand};
use crate::{Message, NotificationPort, buffer};

/// How often a call is made anew before its client is told.
const ATTEMPTS: u32 = 16;

/// The end of a channel at which requests go in, with its session.
#[derive(Debug)]
pub struct ClientEnd<M = Mapped> {
    memory: M,
    bell: NotificationPort,
    /// Of the server that the session is open with, 0 for none.
    epoch: AtomicU16,
    /// Tag of the next request. Tags count up, and are the numbers of the requests. It changes, as the memory does,
    /// while `calls` is locked.
    next: AtomicU64,
    /// Requests on their way.
    calls: Mutex<[Call; REQUESTS as usize]>,
}

/// A request on its way.
#[derive(Clone, Copy, Debug)]
#[expect(clippy::large_enum_variant, reason = "there is no heap, and a few calls at a time")]
enum Call {
    /// None.
    Free,
    /// Its answer has not come; it was made while this was the server's epoch.
    Waiting { tag: u64, epoch: Epoch },
    /// Its answer.
    Answered { info: MessageInfo, words: [u64; CHANNEL_WORDS] },
}

/// What became of a request.
enum Fate {
    Answered(Message),
    /// The server, that instance, died with it.
    Lost(Epoch),
    /// There will be no server any more.
    Gone,
}

/// A request on its way, forgotten when this is dropped.
struct Ticket<'a, M> {
    end: &'a ClientEnd<M>,
    /// Where it stands among the calls.
    place: usize,
}

impl<M> Drop for Ticket<'_, M> {
    fn drop(&mut self) {
        if let Some(call) = self.end.calls.lock().get_mut(self.place) {
            *call = Call::Free;
        }
    }
}

impl<M: SharedMemory> ClientEnd<M> {
    /// The end in `memory`; `bell` rings the server. What an earlier client asked is forgotten.
    pub fn new(memory: M, bell: NotificationPort) -> Self {
        tell(&memory, word::READ, look(&memory, word::GIVEN));
        Self {
            bell,
            epoch: AtomicU16::new(0),
            next: AtomicU64::new(look(&memory, word::MADE)),
            calls: Mutex::new([Call::Free; REQUESTS as usize]),
            memory,
        }
    }

    /// Epoch of the server that it was last open with, 0 if it never was.
    pub fn epoch(&self) -> Epoch {
        self.epoch.load(Ordering::Relaxed)
    }

    /// Calls method `ordinal` with `arguments`, as
    /// [`Session::call`](crate::service::Session::call) does, without keeping the process waiting.
    pub async fn call<I: Interface, A: Wire>(
        &self,
        ordinal: u16,
        retry: Retry,
        arguments: A,
    ) -> Result<Message, CallError> {
        const { assert_fits::<A>() }
        let mut failed = CallError::SessionLost;
        for _ in 0..=ATTEMPTS {
            let make = || request(ordinal, self.epoch(), &arguments);
            match self.ask(make).await {
                Fate::Answered(answer) => match understand(&answer, (I::VERSION, I::FINGERPRINT)) {
                    Answered::Well => return Ok(answer),
                    Answered::ByAnother(epoch) => self.epoch.store(epoch, Ordering::Relaxed),
                    Answered::Badly(error) => return Err(error),
                },
                // It may have been carried out, whatever comes of its repetitions.
                Fate::Lost(epoch) if retry == Retry::Idempotent => {
                    failed = CallError::ServerDied(epoch);
                }
                Fate::Lost(epoch) => return Err(CallError::ServerDied(epoch)),
                Fate::Gone => return Err(CallError::Gone),
            }
        }
        Err(failed)
    }

    /// Makes a request as soon as there is room, and waits for what becomes of it.
    async fn ask(&self, request: impl Fn() -> Message) -> Fate {
        let Some(ticket) = until(|| self.submit(&request)).await else { return Fate::Gone };
        until(|| self.fate(ticket.place)).await
    }

    /// Makes a request: `None` while there is no room, nothing in it if there is no server.
    fn submit(&self, request: impl Fn() -> Message) -> Option<Option<Ticket<'_, M>>> {
        if self.is_gone() {
            return Some(None);
        }
        let mut calls = self.calls.lock();
        let tag = self.next.load(Ordering::Relaxed);
        let room = tag.wrapping_sub(look(&self.memory, word::TAKEN)) < REQUESTS;
        let mut places = calls.iter_mut().enumerate();
        let (place, call) = places.find(|(_, call)| room && matches!(call, Call::Free))?;
        *call = Call::Waiting { tag, epoch: look(&self.memory, word::EPOCH) as Epoch };
        put(&self.memory, entry(word::REQUESTS, tag, REQUESTS), tag, &request());
        self.next.store(tag.wrapping_add(1), Ordering::Relaxed);
        tell(&self.memory, word::MADE, tag.wrapping_add(1));
        self.ring();
        Some(Some(Ticket { end: self, place }))
    }

    /// What became of the request in this place, if that is known.
    fn fate(&self, place: usize) -> Option<Fate> {
        let mut calls = self.calls.lock();
        self.collect(&mut *calls);
        match calls.get(place)? {
            Call::Answered { info, words } => Some(Fate::Answered(received(*info, words))),
            Call::Waiting { tag, epoch } => {
                let now = look(&self.memory, word::EPOCH) as Epoch;
                let inherited = look(&self.memory, word::INHERITED);
                let taken_before = inherited.wrapping_sub(*tag).cast_signed() > 0;
                if now != *epoch && taken_before {
                    return Some(Fate::Lost(*epoch));
                }
                self.is_gone().then_some(Fate::Gone)
            }
            Call::Free => None,
        }
    }

    /// Reads all answers that are there. Those that nobody waits for are dropped.
    fn collect(&self, calls: &mut [Call]) {
        let given = look(&self.memory, word::GIVEN);
        let mut read = look(&self.memory, word::READ);
        if given.wrapping_sub(read) > ANSWERS {
            // No server that is in its senses gives so many.
            read = given;
        }
        while read != given {
            let (tag, answer) = get(&self.memory, entry(word::ANSWERS, read, ANSWERS));
            let asked =
                |call: &&mut Call| matches!(call, Call::Waiting { tag: it, .. } if *it == tag);
            if let Some(call) = calls.iter_mut().find(asked) {
                let mut words = [0; CHANNEL_WORDS];
                answer.copy_to(&mut words);
                *call = Call::Answered { info: answer.info, words };
            }
            read = read.wrapping_add(1);
        }
        tell(&self.memory, word::READ, read);
    }

    /// Rings the server: for what is arranged in the memory beyond the rings. A server that is not there yet
    /// looks for itself when it begins.
    pub fn ring(&self) {
        // Nobody hears it then.
        let _ = self.bell.notify();
    }

    /// Whether there will be no server any more.
    pub fn is_gone(&self) -> bool {
        look(&self.memory, word::GONE) != 0
    }
}

/// A message as if it had just been received.
fn received(info: MessageInfo, words: &[u64; CHANNEL_WORDS]) -> Message {
    let mut first = [0; MESSAGE_REGISTERS];
    for (index, word) in words.iter().enumerate().take(info.length()) {
        match first.get_mut(index) {
            Some(place) => *place = *word,
            None => buffer::buffer().write(index, *word),
        }
    }
    Message { info, words: first }
}
