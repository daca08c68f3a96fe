//! Commands that have to do with Linux programs.

use core::fmt::{self, Write};

use koito::services::COMMAND_BYTES;
use nun::service::String;

use crate::commands::Shell;
use crate::terminal::Terminal;

/// Milliseconds between two looks at a program's terminal, where nothing happens.
const LOOK_PERIOD: u64 = 5;

/// Runs a program and stands between it and this terminal until it ends.
pub fn run(shell: &Shell<'_>, words: &[&str], terminal: &mut Terminal) -> fmt::Result {
    let Some(posix) = &shell.posix else {
        return writeln!(terminal, "this shell may not run Linux programs");
    };
    let command = words.first().copied().unwrap_or_default();
    let Ok(command) = String::<COMMAND_BYTES>::try_from(command) else {
        return writeln!(terminal, "that is too long");
    };
    terminal.flush()?;
    let number = match posix.start(command, terminal.size()) {
        Ok(number) => number,
        Err(error) => return writeln!(terminal, "{error}"),
    };
    loop {
        let keys = terminal.look()?;
        let relayed = match posix.relay(number, keys) {
            Ok(relayed) => relayed,
            Err(error) => return writeln!(terminal, "{error}"),
        };
        terminal.show(&relayed.shown)?;
        terminal.give_back(&relayed.unread);
        if let Some(status) = relayed.ended {
            return tell(status, terminal);
        }
        if !relayed.shown.is_empty() {
            continue;
        }
        let woken = shell.clock.now().and_then(|now| shell.clock.sleep_until(now + LOOK_PERIOD));
        if let Err(error) = woken {
            return writeln!(terminal, "{error}");
        }
    }
}

/// Says how a program ended, if that was not well: by a signal, or with a code.
fn tell(status: u32, terminal: &mut Terminal) -> fmt::Result {
    match (status & 0x7f, status >> 8) {
        (0, 0) => Ok(()),
        (0, code) => writeln!(terminal, "it ended with code {code}"),
        (signal, _) => writeln!(terminal, "it was ended by signal {signal}"),
    }
}

/// Lists the system calls that programs made and that are not there.
pub fn missing(shell: &Shell<'_>, _: &[&str], terminal: &mut Terminal) -> fmt::Result {
    let Some(posix) = &shell.posix else {
        return writeln!(terminal, "this shell may not run Linux programs");
    };
    let mut from = 0;
    loop {
        match posix.missing(from) {
            Ok(Some(call)) => {
                writeln!(terminal, "{:>6}  {} ({})", call.count, call.name, call.number)?;
                from = call.number + 1;
            }
            Ok(None) => return Ok(()),
            Err(error) => return writeln!(terminal, "{error}"),
        }
    }
}
