//! Works with KOITO's servers and checks every answer, for as long as others are rude; then sees to it
//! that no server failed, and ends the machine.
#![no_std]
#![no_main]
#![forbid(unsafe_code)]

use core::fmt::Write;

use koito::services::{
    ClockClient, Condition, EchoClient, FileError, FilesClient, LogClient, PIECE_BYTES, Path,
    Status, SupervisorClient, lasting,
};
use koito::{Environment, Missing};
use nun::service::{CallError, Failure, String, Vec};
use nun::{debug_exit, println};

nun::entry!(main, stack = 64 * 1024);

/// How the names of those begin who are rude.
const RUDE: &str = "rude";
/// Rounds from one look at them to the next.
const ROUNDS: u64 = 16;

fn main() -> Result<(), Missing> {
    let environment = Environment::read()?;
    let supervisor = SupervisorClient::new(environment.service("supervisor")?);
    let user = User {
        clock: ClockClient::new(environment.service("clock")?),
        log: LogClient::new(environment.service("log")?),
        files: FilesClient::new(environment.service("files")?),
        echo: EchoClient::new(environment.service("echo")?),
    };
    let giant = EchoClient::new(environment.service("giant")?);
    assert_eq!(giant.add(1, 1), Err(Failure::Call(CallError::Gone)), "there is no room for it");
    let mut rounds = 0;
    while components(&supervisor).any(|it| is_rude(&it) && it.condition == Condition::Running) {
        for _ in 0..ROUNDS {
            user.work(rounds);
            rounds += 1;
        }
    }
    let mut failures = 0;
    for Status { name, failures: of, .. } in components(&supervisor).filter(|it| it.failures > 0) {
        println!("rudeness: {name} failed {of} times");
        failures += of;
    }
    if failures == 0 {
        println!("\nrudeness: {rounds} rounds of work, nobody failed");
    }
    // Elsewhere than in an emulator this does nothing.
    let _ = debug_exit(u64::from(failures == 0));
    Ok(())
}

fn components(supervisor: &SupervisorClient) -> impl Iterator<Item = Status> {
    (0..).map_while(|index| supervisor.status(index).ok())
}

fn is_rude(status: &Status) -> bool {
    status.name.starts_with(RUDE)
}

struct User {
    clock: ClockClient,
    log: LogClient,
    files: FilesClient,
    echo: EchoClient,
}

impl User {
    /// Calls each server, whose answers have to be right.
    fn work(&self, round: u64) {
        assert_eq!(self.echo.add(round, 5), Ok(round + 5));
        let text: String<128> = (0..100).map(|at| char::from(b'a' + (at % 26))).collect();
        assert_eq!(self.echo.repeat(text.clone()), Ok(text));
        let first = self.clock.now().expect("the clock lives");
        assert!(self.clock.now().is_ok_and(|second| first <= second));
        self.log.line(String::new()).expect("the log lives");
        if round.is_multiple_of(ROUNDS) {
            let mut path = Path::new();
            write!(path, "/a file that nobody else means {}", round % 7).expect("it is short");
            self.store(&path, round).expect("the file server lives");
        }
    }

    /// Writes a file, has it last, and reads it again.
    fn store(&self, path: &Path, round: u64) -> Result<(), Failure<FileError>> {
        let piece: Vec<u8, PIECE_BYTES> =
            (0..PIECE_BYTES).map(|at| (at as u64 ^ round) as u8).collect();
        lasting(&self.files, || {
            self.files.create(path.clone())?;
            self.files.write(path.clone(), 0, piece.clone())
        })?;
        assert!(self.files.read(path.clone(), 0)? == piece, "round {round}");
        Ok(())
    }
}
