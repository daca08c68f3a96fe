//! Kills the victim at random moments, and judges in the end.
#![no_std]
#![no_main]

use koito::services::{Condition, Memory, SupervisorClient};
use koito::{Environment, Name, sleep};
use nun::service::{CallError, Failure};
use nun::{debug_exit, println, ticks};
use supervision::{Account, CLIENTS, VictimClient, WitnessClient};

nun::entry!(main);

/// Times that the victim dies by order.
const KILLS: u64 = 200;
/// For how many milliseconds it lives at most. Clients that get the processor much more rarely than
/// their server dies would get nothing done.
const LONGEST_LIFE: u64 = 12;
/// Every so many times it faults besides.
const CRASH_EVERY: u64 = 8;
/// Times that it hangs.
const HANGS: u64 = 3;
/// Instances of the victim that every client has met in the end, however slow the machine is.
const LEAST_INSTANCES: u64 = 8;
/// Which component the victim is.
const VICTIM: u8 = 1;
/// The seed of all random moments.
const SEED: u64 = 0x9e37_79b9_7f4a_7c15;

fn main() {
    let environment = Environment::read().expect("the manifest is right");
    let port = |name| environment.service(name).expect("the manifest is right");
    let supervisor = SupervisorClient::new(port("supervisor"));
    let victim = VictimClient::new(port("victim"));
    let witness = WitnessClient::new(port("witness"));
    let name: Name = "victim".chars().collect();
    let mut random = Random(SEED);

    sleep(ticks() + environment.ticks(20)).expect("it has an alarm");
    let before = memory(&supervisor);
    for kill in 1..=KILLS {
        sleep(ticks() + random.below(environment.ticks(LONGEST_LIFE))).expect("it has an alarm");
        supervisor.kill(name.clone()).expect("the victim runs");
        if kill % CRASH_EVERY == 0 {
            expect_death(victim.crash());
        }
        if kill % 50 == 0 {
            println!("supervision: so far {kill} kills");
        }
        wait_until_it_runs(&supervisor, &environment);
    }
    for _ in 0..HANGS {
        expect_death(victim.hang());
        wait_until_it_runs(&supervisor, &environment);
    }
    witness.finish().expect("the witness lives");
    let accounts = [0, 1, 2].map(|place| wait_for_report(&witness, place, &environment));
    let after = memory(&supervisor);
    let failures = supervisor.status(VICTIM).expect("there is a victim").failures;

    let good = judge(&accounts)
        && after == before
        && u64::from(failures) == KILLS + KILLS / CRASH_EVERY + HANGS;
    for (client, Account { done, twice, seen }) in CLIENTS.iter().zip(&accounts) {
        println!("client {client}: done {done}, twice {twice}, {seen:?}");
    }
    println!("memory before {before:?}, after {after:?}; {failures} failures");
    let calls: u64 = accounts
        .iter()
        .filter_map(|it| it.seen)
        .map(|it| it.sums + it.acknowledged + it.unknown)
        .sum();
    if good {
        println!("supervision: {failures} deaths, {calls} calls, nothing lost, nothing done twice");
    }
    // Elsewhere than in an emulator this does nothing.
    let _ = debug_exit(u64::from(good));
}

/// Whether every client lived through it: what was acknowledged was done, nothing was done twice,
/// and the deaths were noticed.
fn judge(accounts: &[Account]) -> bool {
    accounts.iter().all(|Account { done, twice, seen }| {
        seen.is_some_and(|seen| {
            let possible = seen.acknowledged..=seen.acknowledged + seen.unknown;
            *twice == 0
                && possible.contains(done)
                && seen.instances > LEAST_INSTANCES
                && seen.sums > 0
        })
    })
}

fn expect_death(answer: Result<(), Failure>) {
    let died = matches!(answer, Err(Failure::Call(CallError::ServerDied(_))));
    assert!(died, "it answered: {answer:?}");
}

fn wait_until_it_runs(supervisor: &SupervisorClient, environment: &Environment) {
    while supervisor.status(VICTIM).map(|it| it.condition) != Ok(Condition::Running) {
        sleep(ticks() + environment.ticks(1)).expect("it has an alarm");
    }
}

fn wait_for_report(witness: &WitnessClient, place: u8, environment: &Environment) -> Account {
    loop {
        let account = witness.account(place).expect("the witness lives");
        if account.seen.is_some() {
            return account;
        }
        sleep(ticks() + environment.ticks(1)).expect("it has an alarm");
    }
}

fn memory(supervisor: &SupervisorClient) -> Memory {
    supervisor.memory().expect("root lives")
}

/// A generator of random numbers (xorshift64, G. Marsaglia 2003).
struct Random(u64);

impl Random {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % limit.max(1)
    }
}
