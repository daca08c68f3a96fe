//! The log: the last lines of everybody, in memory. Nobody fills it alone: each writer has a limit,
//! and what was left out is counted. What the root server has to tell is among them: it calls nobody, so
//! its events are fetched.
#![no_std]
#![no_main]
#![forbid(unsafe_code)]

use core::cell::RefCell;
use core::fmt::Write;

use koito::services::{EventsClient, LINE_BYTES, Log, LogLine, LogServer};
use koito::{Environment, Missing, Name, RateLimit, Server};
use nun::service::{Caller, String, Vec};
use nun::ticks;

nun::entry!(main);

/// Lines that are kept.
const KEPT: usize = 64;
/// Lines that a writer may write at once.
const BURST: u64 = 32;
/// Milliseconds after which it may write one more.
const PERIOD: u64 = 50;
/// Who writes what the root server tells.
const ROOT: &str = "root";
/// Most writers that are told apart; the others share one limit.
const WRITERS: usize = 24;

fn main() -> Result<(), Missing> {
    let environment = Environment::read()?;
    let book = Book { lines: Vec::new(), next: 0, events: 0, writers: Vec::new() };
    let keeper = Keeper {
        environment: &environment,
        events: environment.service("events").ok().map(EventsClient::new),
        book: RefCell::new(book),
    };
    let service = LogServer(keeper);
    let error = Server::new(&environment).serve(&service, |_| {});
    panic!("the port is gone: {error}");
}

struct Keeper<'a> {
    environment: &'a Environment,
    /// The root server, if the manifest entry says so.
    events: Option<EventsClient>,
    book: RefCell<Book>,
}

impl Keeper<'_> {
    /// Adds what the root server has to tell since.
    fn fetch(&self, book: &mut Book) {
        let Some(events) = &self.events else { return };
        while let Ok(Some(event)) = events.read(book.events) {
            book.events = event.number + 1;
            book.add(event.time, ROOT.chars().collect(), event.text);
        }
    }
}

/// What was written.
struct Book {
    /// The last lines; line *n* stands in place *n* modulo [`KEPT`].
    lines: Vec<LogLine, KEPT>,
    /// Number of the next line.
    next: u64,
    /// Number of the root server's next event.
    events: u64,
    writers: Vec<Writer, WRITERS>,
}

/// Who wrote something.
struct Writer {
    client: u64,
    limit: RateLimit,
    /// Lines that were left out since the last one.
    left_out: u64,
}

impl Log for Keeper<'_> {
    fn line(&self, caller: Caller, text: String<LINE_BYTES>) {
        let now = ticks() / self.environment.ticks_per_millisecond;
        let name = self.environment.client(caller.client).cloned().unwrap_or_default();
        let mut book = self.book.borrow_mut();
        self.fetch(&mut book);
        let Some(left_out) = book.admit(caller.client, now) else { return };
        if left_out > 0 {
            let mut note = String::new();
            // It is short enough.
            let _ = write!(note, "({left_out} lines were left out)");
            book.add(now, name.clone(), note);
        }
        book.add(now, name, text);
    }

    fn read(&self, _: Caller, number: u64) -> Option<LogLine> {
        let mut book = self.book.borrow_mut();
        self.fetch(&mut book);
        let oldest = book.next.saturating_sub(KEPT as u64);
        let number = number.max(oldest);
        let line = book.lines.get((number % KEPT as u64) as usize)?;
        (number < book.next).then(|| line.clone())
    }
}

impl Book {
    /// How many lines of `client` were left out before this one; `None` if this one is, too.
    fn admit(&mut self, client: u64, now: u64) -> Option<u64> {
        if !self.writers.iter().any(|writer| writer.client == client) {
            let limit = RateLimit::new(BURST, PERIOD, now);
            // When there are too many, the last one stands for all the rest.
            let _ = self.writers.push(Writer { client, limit, left_out: 0 });
        }
        let known = self.writers.iter().position(|writer| writer.client == client);
        let place = known.unwrap_or(self.writers.len().saturating_sub(1));
        let writer = self.writers.get_mut(place)?;
        if writer.limit.allows(now) {
            return Some(core::mem::take(&mut writer.left_out));
        }
        writer.left_out += 1;
        None
    }

    fn add(&mut self, time: u64, writer: Name, text: String<LINE_BYTES>) {
        let line = LogLine { number: self.next, time, writer, text };
        let place = (self.next % KEPT as u64) as usize;
        if let Some(old) = self.lines.get_mut(place) {
            *old = line;
        } else {
            // Places are filled in order.
            let _ = self.lines.push(line);
        }
        self.next += 1;
    }
}
