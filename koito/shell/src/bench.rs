//! `bench`: what the system costs, in lines `bench NAME VALUE`. Times are in ticks, which are
//! instructions where an emulator counts those.

use core::fmt::{self, Write};

use koito::services::{FileError, PIECE_BYTES, Path};
use nun::service::{Failure, Vec};
use nun::ticks;

use crate::commands::Shell;
use crate::show::components;
use crate::terminal::Terminal;

/// Runs of each path, of which the one in the middle counts.
const RUNS: usize = 15;
/// Bytes of which the time of reading and writing is told.
const PAGE_BYTES: usize = 4096;
/// The file that is written and read.
const FILE: &str = "/bench";

/// Measures everything.
pub fn run(shell: &Shell<'_>, _: &[&str], terminal: &mut Terminal) -> fmt::Result {
    let boot = shell.ready.get().saturating_sub(shell.environment.entry_ticks);
    writeln!(terminal, "bench koito.boot {boot}")?;
    match memory(shell) {
        Ok((all, used)) => {
            writeln!(terminal, "bench koito.memory {all}")?;
            writeln!(terminal, "bench koito.memory.used {used}")?;
        }
        Err(error) => writeln!(terminal, "{error}")?,
    }
    match time(|_| shell.echo.add(2, 3)) {
        Ok(time) => writeln!(terminal, "bench koito.call {time}")?,
        Err(error) => writeln!(terminal, "{error:?}")?,
    }
    match files(shell) {
        Ok((write, read)) => {
            writeln!(terminal, "bench files.write.4k {write}")?;
            writeln!(terminal, "bench files.read.4k {read}")?;
        }
        Err(error) => writeln!(terminal, "{error}")?,
    }
    writeln!(terminal, "bench done")
}

/// KiB that are set aside, and how many of them the components use.
fn memory(shell: &Shell<'_>) -> Result<(u64, u64), Failure<core::convert::Infallible>> {
    let memory = shell.supervisor.memory()?;
    let used: u64 = components(shell).iter().map(|status| status.memory_used).sum();
    Ok((memory.used >> 10, used >> 10))
}

/// Ticks of a page written to a file and read from it, both in the file server's cache.
fn files(shell: &Shell<'_>) -> Result<(u64, u64), Failure<FileError>> {
    let files = &shell.files;
    let path: Path = FILE.chars().collect();
    let piece: Vec<u8, PIECE_BYTES> = [0x5a; PIECE_BYTES].into_iter().collect();
    let offsets = |run: usize| {
        let start = run * PAGE_BYTES;
        (start..start + PAGE_BYTES).step_by(PIECE_BYTES).map(|offset| offset as u64)
    };
    files.create(path.clone())?;
    let write =
        |run| offsets(run).try_for_each(|offset| files.write(path.clone(), offset, piece.clone()));
    let read =
        |run| offsets(run).try_for_each(|offset| files.read(path.clone(), offset).map(|_| ()));
    let figures = (time(write)?, time(read)?);
    files.remove(path)?;
    Ok(figures)
}

/// The middle one of some runs' times in ticks; `work` is told which run it is.
fn time<T, E>(work: impl Fn(usize) -> Result<T, E>) -> Result<u64, E> {
    let mut times = [0; RUNS];
    for (run, time) in times.iter_mut().enumerate() {
        let start = ticks();
        work(run)?;
        *time = ticks() - start;
    }
    times.sort_unstable();
    Ok(times[RUNS / 2])
}
