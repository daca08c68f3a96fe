//! Sends frames to the listener, wants each of them back, kills switch and listener meanwhile, and judges in the
//! end.
#![no_std]
#![no_main]
#![forbid(unsafe_code)]

use a9n_random::Random;
use koito::conventions::slot;
use koito::services::{Condition, SupervisorClient, SwitchClient, SwitchPort};
use koito::{Environment, Missing, SupervisorAlarm};
use koito_ethernet::MOST_FRAME;
use network::{LISTENER, Port, TALKER, read, write};
use nun::executor::Alarm;
use nun::{NotificationPort, debug_exit, println, ticks};

nun::entry!(main, stack = 64 * 1024);

/// Frames of a round, all of which come back before the next.
const ROUND: usize = 24;
/// Rounds, and after how many of them somebody is killed: the switch mostly, every eighth time the listener.
const ROUNDS: u64 = 300;
const KILL_EVERY: u64 = 3;
const LISTENER_EVERY: u64 = 8;
/// For how many milliseconds frames are waited for that may be lost.
const PATIENCE: u64 = 10;
/// Who they are in the manifest.
const SWITCH_PART: u8 = 0;
const LISTENER_PART: u8 = 2;
const BABBLER_PART: u8 = 3;
/// The babbler's port.
const BABBLER_PORT: u8 = 2;

fn main() -> Result<(), Missing> {
    let environment = Environment::read()?;
    let supervisor = SupervisorClient::new(environment.service("supervisor")?);
    let switch = SwitchClient::new(environment.service("switch")?);
    assert_eq!(switch.address(), Ok(TALKER.number()));
    let mut talker = Talker {
        port: Port::plug(&environment)?,
        patience: environment.ticks(PATIENCE),
        random: Random::new(0x7461_6c6b),
        sent: 0,
    };
    let mut babbled = SwitchPort { refused: 0, received: 0, ..switch.port(0).unwrap().unwrap() };
    let mut deaths = [0; 2];
    for round in 1..=ROUNDS {
        let victim = usize::from(round.is_multiple_of(KILL_EVERY * LISTENER_EVERY));
        talker.round(round, || {
            if round.is_multiple_of(KILL_EVERY) {
                if let Ok(Some(it)) = switch.port(BABBLER_PORT) {
                    babbled.refused += it.refused;
                    babbled.received += it.received;
                }
                let name = ["switch", "listener"][victim];
                // One that is down at the moment dies at another.
                deaths[victim] += u64::from(supervisor.kill(name.chars().collect()).is_ok());
            }
        });
        if round.is_multiple_of(50) {
            println!("network: so far {round} rounds");
        }
    }
    let failures = |part| supervisor.status(part).map_or(u64::MAX, |it| it.failures.into());
    let condition = supervisor.status(BABBLER_PART).map(|it| it.condition);
    println!("switch and listener died {deaths:?} times; of the babbler's frames {babbled:?}");
    let good = [SWITCH_PART, LISTENER_PART].map(failures) == deaths
        && deaths.iter().all(|deaths| *deaths > ROUNDS / KILL_EVERY / LISTENER_EVERY / 2)
        && babbled.refused > 0
        && babbled.received > 0
        && condition == Ok(Condition::Running);
    if good {
        let (wanted, sent, [first, second]) = (ROUNDS * ROUND as u64, talker.sent, deaths);
        println!(
            "network: {wanted} frames there and back of {sent} sent, {} deaths, nobody failed",
            first + second
        );
    }
    // Elsewhere than in an emulator this does nothing.
    let _ = debug_exit(u64::from(good));
    Ok(())
}

struct Talker {
    port: Port,
    /// In ticks.
    patience: u64,
    random: Random,
    /// Frames sent, those that were lost included.
    sent: u64,
}

impl Talker {
    /// Sends the frames of `round` until all of them came back; `kill` is called somewhere among them.
    fn round(&mut self, round: u64, kill: impl FnOnce()) {
        let first = round * ROUND as u64;
        let mut missing = [true; ROUND];
        let moment = self.random.below(ROUND as u64) as usize;
        let mut kill = Some(kill);
        while missing.contains(&true) {
            for (place, _) in missing.into_iter().enumerate().filter(|(_, is_missing)| *is_missing)
            {
                if place >= moment
                    && let Some(kill) = kill.take()
                {
                    self.port.line.ring();
                    kill();
                }
                self.send(first + place as u64);
            }
            self.port.line.ring();
            let deadline = ticks() + self.patience;
            loop {
                self.collect(first, &mut missing);
                if !missing.contains(&true) || ticks() >= deadline {
                    break;
                }
                SupervisorAlarm.set(deadline);
                NotificationPort::slot(slot::NOTIFICATION).wait().expect("the bell is there");
            }
        }
    }

    fn send(&mut self, number: u64) {
        let mut frame = [0; MOST_FRAME];
        let length = write(&mut frame, LISTENER, TALKER, number);
        // What there is no room for is as good as lost.
        self.port.cable.send(frame.get(..length).unwrap_or_default());
        self.sent += 1;
    }

    /// Takes what came, and notes which frames of this round, from `first` on, are there again.
    fn collect(&mut self, first: u64, missing: &mut [bool; ROUND]) {
        let mut frame = [0; MOST_FRAME];
        while let Some(frame) = self.port.receive(&mut frame) {
            let Some(number) = read(frame, TALKER, LISTENER) else { continue };
            assert!(number < first + ROUND as u64, "frame {number} was never sent");
            // One of an earlier round came late, or twice.
            let Some(place) = number.checked_sub(first) else { continue };
            missing[place as usize] = false;
        }
    }
}
