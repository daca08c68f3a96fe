//! Uses KOITO's own servers, whatever becomes of them.
#![no_std]
#![no_main]

use koito::services::{
    ClockClient, ConsoleClient, EchoClient, EntropyClient, LogClient, ScreenClient,
};
use koito::{Environment, Missing};
use nun::service::{CallError, Failure, String};
use supervision::{Seen, WitnessClient};

nun::entry!(main);

/// Rounds from one look at whether it is over to the next.
const ROUNDS: u64 = 20;

fn main() -> Result<(), Missing> {
    let environment = Environment::read()?;
    let witness = WitnessClient::new(environment.service("witness")?);
    let user = User {
        clock: ClockClient::new(environment.service("clock")?),
        log: LogClient::new(environment.service("log")?),
        echo: EchoClient::new(environment.service("echo")?),
        console: ConsoleClient::new(environment.service("console")?),
        screen: ScreenClient::new(environment.service("screen")?),
        entropy: EntropyClient::new(environment.service("entropy")?),
    };
    let mut seen = Seen::default();
    let mut epoch = 0;
    while !witness.is_over().expect("the witness lives") {
        for round in 0..ROUNDS {
            user.work(round);
            seen.sums += 1;
            if user.echo.session().epoch() != epoch {
                epoch = user.echo.session().epoch();
                seen.instances += 1;
            }
        }
    }
    witness.report(seen).expect("the witness lives");
    Ok(())
}

struct User {
    clock: ClockClient,
    log: LogClient,
    echo: EchoClient,
    console: ConsoleClient,
    screen: ScreenClient,
    entropy: EntropyClient,
}

impl User {
    /// Asks every server for something; whatever may be repeated has to succeed.
    fn work(&self, round: u64) {
        assert_eq!(self.echo.add(round, 1), Ok(round + 1));
        let counted = self.echo.count();
        let died = matches!(counted, Err(Failure::Call(CallError::ServerDied(_))));
        assert!(died || counted.is_ok_and(|count| count > 0), "{counted:?}");

        let now = self.clock.now().expect("the clock comes back");
        self.clock.sleep_until(now + 1).expect("the clock comes back");
        let later = self.clock.now().expect("the clock comes back");
        assert!(later > now, "it did not sleep: {now}, {later}");

        self.log.line("still here".chars().collect()).expect("the log comes back");
        // The log may have died meanwhile, and with it what was in it.
        if let Some(line) = self.log.read(0).expect("the log comes back") {
            let is_ours = line.writer == "user" && line.text.starts_with(['s', '(']);
            assert!(is_ours || line.writer != "user", "{line:?}");
        }
        self.console.write(String::new()).expect("the console comes back");
        self.screen.write("on the screen\n".chars().collect()).expect("the screen comes back");
        let random = self.entropy.random();
        assert!(matches!(random, Ok(_) | Err(Failure::Method(_))), "{random:?}");
    }
}
