//! Commands that show how the system is.

use core::fmt::{self, Write};

use koito::services::Status;
use nun::service::Vec;
use nun::ticks;

use crate::commands::Shell;
use crate::terminal::Terminal;

/// Most components that are shown.
const MOST: usize = 24;
/// For how many milliseconds `top` looks.
const SPAN: u64 = 1000;

/// Every component in a line.
pub fn list(shell: &Shell<'_>, _: &[&str], terminal: &mut Terminal) -> fmt::Result {
    writeln!(
        terminal,
        "{:<12} {:<11} {:>4} {:>8} {:>8}  memory",
        "name", "condition", "prio", "instance", "failures"
    )?;
    for Status { name, condition, epoch, failures, priority, memory_bits, memory_used, .. } in
        components(shell)
    {
        let (used, all) = (memory_used >> 10, 1u64 << (memory_bits - 10));
        writeln!(
            terminal,
            "{name:<12} {condition:<11} {priority:>4} {epoch:>8} {failures:>8}  {used} of {all} KiB"
        )?;
    }
    Ok(())
}

/// One component in full.
pub fn inspect(shell: &Shell<'_>, words: &[&str], terminal: &mut Terminal) -> fmt::Result {
    let components = components(shell);
    let found = components.iter().position(|status| words == [status.name.as_str()]);
    let Some((index, status)) = found.and_then(|index| Some((index, components.get(index)?)))
    else {
        return writeln!(terminal, "there is no such component");
    };
    let milliseconds = status.time / shell.environment.ticks_per_millisecond;
    writeln!(terminal, "  is         {}, instance {}", status.condition, status.epoch)?;
    writeln!(terminal, "  has run    {} ms, {milliseconds} ms of them on a CPU", status.uptime)?;
    if status.most_pool > 0 {
        let (pool, most) = (status.pool >> 20, status.most_pool >> 20);
        writeln!(terminal, "  builds     processes from {pool} MiB, {most} at most")?;
    }
    match shell.supervisor.describe(index as u8) {
        Ok(about) => {
            writeln!(terminal, "  runs       {}", about.program)?;
            writeln!(terminal, "  offers     {}", about.offers.as_deref().unwrap_or("nothing"))?;
            writeln!(terminal, "  calls      {}", about.uses)?;
            writeln!(terminal, "  holds      {}", about.holds)
        }
        Err(error) => writeln!(terminal, "{error}"),
    }
}

/// Who used the processor within a second.
pub fn top(shell: &Shell<'_>, _: &[&str], terminal: &mut Terminal) -> fmt::Result {
    let before = components(shell);
    let start = ticks();
    if let Err(error) = shell.clock.now().and_then(|now| shell.clock.sleep_until(now + SPAN)) {
        return writeln!(terminal, "{error}");
    }
    let span = (ticks() - start).max(1);
    for status in components(shell) {
        let earlier = before.iter().find(|it| it.name == status.name && it.epoch == status.epoch);
        let time = status.time - earlier.map_or(0, |it| it.time.min(status.time));
        let share = u128::from(time) * 1000 / u128::from(span);
        writeln!(terminal, "{:<12} {:>3}.{} %", status.name, share / 10, share % 10)?;
    }
    Ok(())
}

/// What memory there is.
pub fn memory(shell: &Shell<'_>, _: &[&str], terminal: &mut Terminal) -> fmt::Result {
    match shell.supervisor.memory() {
        Ok(memory) => {
            let (used, all) = (memory.used >> 10, memory.bytes >> 10);
            writeln!(
                terminal,
                "{used} of {all} KiB are in use\nroot has {} free slots",
                memory.free_slots
            )
        }
        Err(error) => writeln!(terminal, "{error}"),
    }
}

/// Every line of the log that is kept.
pub fn log(shell: &Shell<'_>, _: &[&str], terminal: &mut Terminal) -> fmt::Result {
    let mut next = 0;
    loop {
        match shell.log.read(next) {
            Ok(Some(line)) => {
                writeln!(terminal, "{:>8} ms  {:<10} {}", line.time, line.writer, line.text)?;
                next = line.number + 1;
            }
            Ok(None) => return Ok(()),
            Err(error) => return writeln!(terminal, "{error}"),
        }
    }
}

/// Every component.
pub fn components(shell: &Shell<'_>) -> Vec<Status, MOST> {
    (0..MOST as u8).map_while(|index| shell.supervisor.status(index).ok()).collect()
}
