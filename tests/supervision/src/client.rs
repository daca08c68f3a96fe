//! Calls the victim without a pause, whatever becomes of it.
#![no_std]
#![no_main]

use koito::{Environment, Missing};
use nun::service::{CallError, Failure, String};
use supervision::{Seen, VictimClient, WitnessClient};

nun::entry!(main);

/// Calls from one look at whether it is over to the next.
const ROUNDS: u64 = 100;

fn main() -> Result<(), Missing> {
    let environment = Environment::read()?;
    let victim = VictimClient::new(environment.service("victim")?);
    let witness = WitnessClient::new(environment.service("witness")?);
    let mut seen = Seen::default();
    let mut number = 0;
    let mut epoch = 0;
    while !witness.is_over().expect("the witness lives") {
        for round in 0..ROUNDS {
            assert_eq!(victim.add(round, number), Ok(round + number));
            let text = text(round);
            assert_eq!(victim.repeat(text.clone()), Ok(text));
            seen.sums += 2;
            number += 1;
            match victim.record(number) {
                Ok(()) => seen.acknowledged += 1,
                Err(Failure::Call(CallError::ServerDied(_))) => seen.unknown += 1,
                Err(error) => panic!("{}: {error}", environment.name),
            }
            if victim.session().epoch() != epoch {
                epoch = victim.session().epoch();
                seen.instances += 1;
            }
        }
    }
    witness.report(seen).expect("the witness lives");
    Ok(())
}

/// Some text, longer than six words.
fn text(round: u64) -> String<100> {
    (0..50 + round as usize % 50).map(|at| char::from(b'a' + (at % 26) as u8)).collect()
}
