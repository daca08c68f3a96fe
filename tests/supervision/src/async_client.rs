//! Calls the victim through a channel, with several calls on their way at any time.
#![no_std]
#![no_main]

use core::cell::{Cell, RefCell};
use core::future::poll_fn;
use core::pin::pin;
use core::task::Poll;

use koito::{Environment, Missing};
use nun::service::{CallError, Failure};
use supervision::{Seen, VictimAsync, WitnessClient};

nun::entry!(main);

/// Calls of each kind from one look at whether it is over to the next.
const ROUNDS: u64 = 100;

fn main() -> Result<(), Missing> {
    let environment = Environment::read()?;
    let end = environment.channel("victim")?;
    let witness = WitnessClient::new(environment.service("witness")?);
    let client = Client {
        victim: VictimAsync::new(&end),
        epoch: || end.epoch(),
        seen: RefCell::new(Seen::default()),
        last_epoch: Cell::new(0),
        number: Cell::new(0),
    };
    while !witness.is_over().expect("the witness lives") {
        koito::run(client.work()).expect("the bell is there");
    }
    witness.report(client.seen.take()).expect("the witness lives");
    Ok(())
}

struct Client<'a, E> {
    victim: VictimAsync<'a>,
    epoch: E,
    seen: RefCell<Seen>,
    last_epoch: Cell<u16>,
    /// Numbers given so far.
    number: Cell<u64>,
}

impl<E: Fn() -> u16> Client<'_, E> {
    /// Three tasks at once. Numbers are told one after the other, since the witness wants them to
    /// count up; sums are asked for meanwhile.
    async fn work(&self) {
        let (mut first, mut second) = (pin!(self.add(1)), pin!(self.add(2)));
        let mut third = pin!(self.record());
        let mut done = [false; 3];
        poll_fn(|context| {
            done[0] = done[0] || first.as_mut().poll(context).is_ready();
            done[1] = done[1] || second.as_mut().poll(context).is_ready();
            done[2] = done[2] || third.as_mut().poll(context).is_ready();
            if done == [true; 3] { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
    }

    async fn add(&self, summand: u64) {
        for round in 0..ROUNDS {
            assert_eq!(self.victim.add(round, summand).await, Ok(round + summand));
            self.seen.borrow_mut().sums += 1;
        }
    }

    async fn record(&self) {
        for _ in 0..ROUNDS {
            self.number.set(self.number.get() + 1);
            let answer = self.victim.record(self.number.get()).await;
            let mut seen = self.seen.borrow_mut();
            match answer {
                Ok(()) => seen.acknowledged += 1,
                Err(Failure::Call(CallError::ServerDied(_))) => seen.unknown += 1,
                Err(error) => panic!("the asynchronous client: {error}"),
            }
            if self.last_epoch.replace((self.epoch)()) != (self.epoch)() {
                seen.instances += 1;
            }
        }
    }
}
