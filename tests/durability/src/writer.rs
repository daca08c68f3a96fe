//! Writes files whose contents say which they are, has them last, and looks whether they do, until the
//! servers have died often enough.
#![no_std]
#![no_main]
#![forbid(unsafe_code)]

use core::fmt::Write;

use a9n_random::Random;
use koito::services::{FileError, FilesClient, PIECE_BYTES, Path, SupervisorClient, lasting};
use koito::{Environment, Missing};
use nun::service::{Failure, Vec};
use nun::{debug_exit, println};

nun::entry!(main, stack = 64 * 1024);

/// Files that are written in turns.
const FILES: u64 = 12;
/// Pieces of a file, the last of which is not full.
const PIECES: u64 = 5;
/// Deaths of each server after which it is enough.
const DEATHS: u32 = 200;
/// The servers.
const SERVERS: [&str; 2] = ["disk", "files"];
/// The argument that says that the machine is to end with this program.
const ENDS: &str = "end";

fn main() -> Result<(), Missing> {
    let environment = Environment::read()?;
    let writer = Writer {
        files: FilesClient::new(environment.service("files")?),
        supervisor: SupervisorClient::new(environment.service("supervisor")?),
    };
    // What each file holds for good: the round in which it was written.
    let mut lasts = [0; FILES as usize];
    let (mut rounds, mut checked) = (0_u64, 0_u64);
    while writer.deaths().iter().any(|deaths| *deaths < DEATHS) {
        rounds += 1;
        let place = rounds % FILES;
        writer.write(place, rounds).expect("the disk has room, and the servers come back");
        lasts[place as usize] = rounds;
        for back in [0, 1, 5] {
            let other = rounds.saturating_sub(back) % FILES;
            if lasts[other as usize] > 0 {
                writer.check(other, lasts[other as usize]);
                checked += 1;
            }
        }
        if rounds.is_multiple_of(20) {
            println!("durability: so far {rounds} files, deaths {:?}", writer.deaths());
        }
    }
    writer.files.leave().expect("the servers come back");
    let [disk, files] = writer.deaths();
    println!(
        "durability: {rounds} files and {checked} looks under {disk} and {files} deaths, nothing lost"
    );
    if environment.arguments == ENDS {
        // Elsewhere than in an emulator this does nothing.
        let _ = debug_exit(1);
    }
    Ok(())
}

struct Writer {
    files: FilesClient,
    supervisor: SupervisorClient,
}

impl Writer {
    /// Writes file `place` as it is in `round`, and has it last.
    fn write(&self, place: u64, round: u64) -> Result<(), Failure<FileError>> {
        lasting(&self.files, || {
            self.files.create(path(place))?;
            (0..PIECES).try_for_each(|number| {
                let offset = number * PIECE_BYTES as u64;
                self.files.write(path(place), offset, piece(place, round, number))
            })
        })
    }

    /// Sees to it that file `place` is as it was in `round`.
    fn check(&self, place: u64, round: u64) {
        for number in 0..PIECES {
            let read = self.files.read(path(place), number * PIECE_BYTES as u64);
            let expected = piece(place, round, number);
            assert!(read.as_ref() == Ok(&expected), "file {place}, round {round}: {read:?}");
        }
    }

    /// How often each server died.
    fn deaths(&self) -> [u32; 2] {
        SERVERS.map(|name| {
            let mut all = (0..).map_while(|index| self.supervisor.status(index).ok());
            all.find(|it| it.name == name).expect("the manifest names it").failures
        })
    }
}

fn path(place: u64) -> Path {
    let mut path = Path::new();
    write!(path, "/file-{place}").expect("it is short");
    path
}

/// Piece `number` of file `place` in `round`: no two are alike.
fn piece(place: u64, round: u64, number: u64) -> Vec<u8, PIECE_BYTES> {
    let mut random = Random::new((place + 1) << 40 | (number + 1) << 32 | round);
    let length = if number + 1 < PIECES { PIECE_BYTES } else { PIECE_BYTES - 100 };
    (0..length).map(|_| random.next() as u8).collect()
}
