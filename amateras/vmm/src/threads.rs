//! The threads of a monitor besides its first: one on each CPU of the machine that processors run on. They
//! answer exits, and do what the first orders; nothing else wakes them.

use nun::memory::{Maker, Space};
use nun::thread::{Body, Options, Thread};
use nun::{AddressSpace, Error, IpcPort, Message, Received, aci};

use crate::order::Order;
use crate::server::Server;
use crate::shared::{SHARED, Seat};

/// Pages of a thread's stack.
const STACK_PAGES: u64 = 16;
/// Reservations, mappings and page tables of all of them.
const REGIONS: usize = 64;
const TABLES: usize = 16;

/// Where their stacks lie: where the program, which has no heap, would have that.
#[derive(Debug)]
pub struct Stacks(Space<REGIONS, TABLES>);

impl Stacks {
    /// In the own address space.
    pub const fn new(own: AddressSpace) -> Self {
        let end = aci::HEAP_ADDRESS + aci::HEAP_BYTES;
        Self(Space::new(own, aci::HEAP_ADDRESS, end))
    }

    /// Starts the thread of seat number `seat`, on the CPU of that number. Its faults go to `resolver`.
    pub fn start<M: Maker>(
        &mut self,
        maker: &mut M,
        seat: usize,
        it: &Seat,
        priority: u8,
        resolver: IpcPort,
    ) -> Result<(), Error> {
        let options = Options {
            argument: seat as u64,
            priority,
            cpu: seat as u64,
            stack_pages: STACK_PAGES,
            resolver: resolver.into(),
            notification: it.notification.into(),
        };
        // It runs as long as the program.
        Thread::spawn::<Other, M, REGIONS, TABLES>(maker, &mut self.0, &options).map(|_| ())
    }
}

/// What such a thread does.
struct Other;

impl Body for Other {
    fn run(seat: u64) -> u64 {
        let seat = seat as usize;
        if let Some(shared) = SHARED.get()
            && let Some(own) = shared.seats().get(seat)
        {
            let mut server = Server::new(shared, seat);
            let _ = serve(&mut server, own.port);
        }
        // The first thread, which resolves faults, learns that this one has ended.
        nun::entry::fail()
    }
}

/// Ends only if something fails that cannot.
fn serve(server: &mut Server, port: IpcPort) -> Result<(), Error> {
    let mut arrival = port.await_arrival();
    loop {
        let answer = match arrival.exit() {
            Some((process, left)) => Some(server.exit(process, left.number, &left.exit.words())?),
            None => serve_others(server, arrival.received()?)?,
        };
        arrival = match answer {
            Some(answer) => port.answer_and_await(&answer),
            None => port.await_arrival(),
        };
    }
}

/// What is no exit. Answers the reply, if one is due.
fn serve_others(server: &mut Server, received: Received) -> Result<Option<Message>, Error> {
    match received {
        Received::Signals { .. } => server.attend().map(|()| None),
        Received::Message { message, .. } => {
            let order = Order::of_message(&message);
            Ok(order.map(|order| Order::answer(server.obey(order))))
        }
        _ => Ok(None),
    }
}
