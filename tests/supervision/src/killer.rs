//! Kills every server but the witness at random moments, and judges in the end.
#![no_std]
#![no_main]

use a9n_random::Random;
use koito::services::{Condition, Memory, SupervisorClient, SupervisorError};
use koito::{Environment, sleep};
use nun::service::{CallError, Failure};
use nun::{debug_exit, println, ticks};
use supervision::{Account, CLIENTS, VictimClient, WitnessClient};

nun::entry!(main);

/// Who dies by order, with its place in the manifest.
const VICTIMS: [(&str, u8); 10] = [
    ("victim", VICTIM),
    ("clock", 7),
    ("log", 8),
    ("echo", 9),
    ("console", 10),
    ("entropy", 11),
    ("screen", 12),
    ("keyboard", 13),
    // Next to each other, so that the driver dies while there is no PCI server.
    ("pci", 20),
    ("noise", 19),
];
/// Times that each of them does.
const KILLS: u64 = 200;
/// For how many milliseconds nobody dies, at most. Clients that get the processor much
/// more rarely than their server dies would get nothing done.
const LONGEST_LIFE: u64 = 24;
/// Every so many times two die at once, and the victim faults besides.
const CRASH_EVERY: u64 = 8;
/// Times that the victim hangs.
const HANGS: u64 = 2;
/// Instances of the victim that every client has met in the end, however slow the machine is.
const LEAST_INSTANCES: u64 = 2;
/// Which component the victim is.
const VICTIM: u8 = 1;
/// Which components the clients are. None of them may fail.
const CLIENT_PARTS: core::ops::Range<u8> = 2..6;
/// Who waits for keys, and never comes to an end.
const TYPIST: u8 = 14;
/// The disk's driver and the file server, who die at the hands of another.
const STORAGE: [u8; 2] = [15, 16];
/// Who writes files, and who kills those two meanwhile.
const WRITER_AND_KILLER: [u8; 2] = [17, 18];
/// How many of these have ended when memory is looked at. Each leaves the slot that its process had.
const ENDED: u64 = WRITER_AND_KILLER.len() as u64;
/// The seed of all random moments, unless the manifest entry's argument is another.
const SEED: u64 = 0x9e37_79b9_7f4a_7c15;

fn main() {
    let environment = Environment::read().expect("the manifest is right");
    let port = |name| environment.service(name).expect("the manifest is right");
    let witness = WitnessClient::new(port("witness"));
    let mut killer = Killer {
        environment: &environment,
        supervisor: SupervisorClient::new(port("supervisor")),
        victim: VictimClient::new(port("victim")),
        random: Random::new(environment.arguments.parse().unwrap_or(SEED)),
    };
    // Devices are found meanwhile, whose registers cost slots for good.
    let parts = VICTIMS.into_iter().map(|(_, part)| part).chain(STORAGE);
    parts.for_each(|part| killer.wait_until_it_runs(part));
    let before = killer.memory();
    killer.kill_all();
    WRITER_AND_KILLER.into_iter().for_each(|part| killer.wait_until(part, Condition::Stopped));
    STORAGE.into_iter().for_each(|part| killer.wait_until_it_runs(part));
    let after = killer.memory();
    witness.finish().expect("the witness lives");
    let accounts = [0, 1, 2, 3].map(|place| killer.wait_for_report(&witness, place));
    CLIENT_PARTS.for_each(|part| killer.wait_until(part, Condition::Stopped));
    let [victim, others @ ..] = VICTIMS.map(|(_, part)| killer.failures(part));
    let storage = STORAGE.map(|part| killer.failures(part));
    let lasting = WRITER_AND_KILLER.into_iter().chain([TYPIST]);
    let clients: u64 = CLIENT_PARTS.chain(lasting).map(|part| killer.failures(part)).sum();

    let good = judge(&accounts)
        && after == Memory { free_slots: before.free_slots + ENDED, ..before }
        && clients == 0
        && victim >= KILLS + 2 * (KILLS / CRASH_EVERY) + HANGS
        && others.iter().chain(&storage).all(|failures| *failures >= KILLS);
    for (client, Account { done, twice, seen }) in CLIENTS.iter().zip(&accounts) {
        println!("client {client}: done {done}, twice {twice}, {seen:?}");
    }
    println!("memory before {before:?}, after {after:?}");
    println!(
        "failures: victim {victim}, others {others:?}, disk and files {storage:?}, clients {clients}"
    );
    let deaths = victim + others.iter().chain(&storage).sum::<u64>();
    let calls = accounts.iter().filter_map(|it| it.seen);
    let calls: u64 = calls.map(|it| it.sums + it.acknowledged + it.unknown).sum();
    if good {
        println!("supervision: {deaths} deaths, {calls} calls, nothing lost, nothing done twice");
    }
    // Elsewhere than in an emulator this does nothing.
    let _ = debug_exit(u64::from(good));
}

struct Killer<'a> {
    environment: &'a Environment,
    supervisor: SupervisorClient,
    victim: VictimClient,
    random: Random,
}

impl Killer<'_> {
    /// Everybody dies, in turns and sometimes two at once.
    fn kill_all(&mut self) {
        for round in 1..=KILLS {
            for (place, server) in VICTIMS.into_iter().enumerate() {
                let moment = self.random.below(self.environment.ticks(LONGEST_LIFE));
                self.wait(moment);
                self.kill(server);
                if round % CRASH_EVERY == 0 {
                    let second = VICTIMS[(place + 1) % VICTIMS.len()];
                    self.kill(second);
                    self.wait_until_it_runs(second.1);
                }
                self.wait_until_it_runs(server.1);
            }
            if round % CRASH_EVERY == 0 {
                expect_death(self.victim.crash());
                self.wait_until_it_runs(VICTIM);
            }
            if round % 50 == 0 {
                println!("supervision: so far {round} kills of each");
            }
        }
        for _ in 0..HANGS {
            expect_death(self.victim.hang());
            self.wait_until_it_runs(VICTIM);
        }
    }

    /// Kills a server; one that is down already, because a slow machine let it miss its heartbeat,
    /// as soon as it runs again.
    fn kill(&self, (name, part): (&str, u8)) {
        while let Err(error) = self.supervisor.kill(name.chars().collect()) {
            assert_eq!(error, Failure::Method(SupervisorError::NotNow));
            self.wait_until_it_runs(part);
        }
    }

    fn wait(&self, time: u64) {
        sleep(ticks() + time).expect("it has an alarm");
    }

    fn wait_until_it_runs(&self, part: u8) {
        self.wait_until(part, Condition::Running);
    }

    fn wait_until(&self, part: u8, condition: Condition) {
        while self.supervisor.status(part).map(|it| it.condition) != Ok(condition) {
            self.wait(self.environment.ticks(1));
        }
    }

    fn wait_for_report(&self, witness: &WitnessClient, place: u8) -> Account {
        loop {
            let account = witness.account(place).expect("the witness lives");
            if account.seen.is_some() {
                return account;
            }
            self.wait(self.environment.ticks(1));
        }
    }

    fn memory(&self) -> Memory {
        self.supervisor.memory().expect("root lives")
    }

    fn failures(&self, part: u8) -> u64 {
        self.supervisor.status(part).expect("there is such a part").failures.into()
    }
}

/// Whether every client lived through it: what was acknowledged was done, nothing was done twice,
/// and the deaths were noticed.
fn judge(accounts: &[Account]) -> bool {
    accounts.iter().all(|Account { done, twice, seen }| {
        seen.is_some_and(|seen| {
            let possible = seen.acknowledged..=seen.acknowledged + seen.unknown;
            *twice == 0
                && possible.contains(done)
                && seen.instances >= LEAST_INSTANCES
                && seen.sums > 0
        })
    })
}

fn expect_death(answer: Result<(), Failure>) {
    let died = matches!(answer, Err(Failure::Call(CallError::ServerDied(_))));
    assert!(died, "it answered: {answer:?}");
}
