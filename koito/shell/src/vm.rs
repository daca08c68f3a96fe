//! Virtual machines: `vm`.

use core::fmt::{self, Write};
use core::iter::Peekable;
use core::str::SplitWhitespace;

use koito::services::{
    COMMAND_LINE_BYTES, MONITOR_BYTES, SupervisorClient, SupervisorError, VmClient,
};
use koito::{Environment, Name};
use koito_ethernet::Address;
use nun::service::{Failure, Vec};

use crate::LEAVE;
use crate::commands::Shell;
use crate::show::components;
use crate::terminal::Terminal;

/// The virtual machines that a system may have: names of components, and of their services.
const GUESTS: [&str; 2] = ["guest-1", "guest-2"];
/// How it is used.
const USAGE: &str = "\
write: vm list
       vm start NAME [--memory SIZE] [COMMAND LINE]
       vm console|pause|resume|reset|stop|kill NAME";
/// What says how much memory a guest gets.
const MEMORY: &str = "--memory";

/// The guest that a system with one begins with.
pub fn first(environment: &Environment) -> Option<&'static str> {
    GUESTS.into_iter().find(|name| environment.service(name).is_ok())
}

/// Carries out `vm` with these words.
pub fn control(shell: &Shell<'_>, words: &[&str], to: &mut Terminal) -> fmt::Result {
    let mut words = words.first().copied().unwrap_or_default().split_whitespace();
    let (verb, name) = (words.next(), words.next());
    if verb == Some("list") && name.is_none() {
        return list(shell, to);
    }
    let (Some(verb), Some(name)) = (verb, name) else { return writeln!(to, "{USAGE}") };
    let Some(name) = GUESTS.into_iter().find(|guest| *guest == name) else {
        return writeln!(to, "there is no virtual machine {name:?}");
    };
    let Ok(port) = shell.environment.service(name) else {
        return writeln!(to, "this system was booted without guests (`cargo xtask run --guest`)");
    };
    let vm = VmClient::new(port);
    match verb {
        "start" => start(shell, name, &vm, words.peekable(), to),
        "stop" => report(supervise(shell, name, SupervisorClient::stop), "stopped", name, to),
        "kill" => report(supervise(shell, name, SupervisorClient::kill), "killed", name, to),
        "pause" => report(vm.pause(), "paused", name, to),
        "resume" => report(vm.resume(), "resumed", name, to),
        "reset" => report(vm.reset(), "reset", name, to),
        "console" => console(shell, name, &vm, to),
        _ => writeln!(to, "{USAGE}"),
    }
}

/// Starts one, with as much memory as `words` say, if they begin with that, and what follows for its guest's command
/// line, if anything does.
fn start(
    shell: &Shell<'_>,
    name: &str,
    vm: &VmClient,
    mut words: Peekable<SplitWhitespace<'_>>,
    to: &mut Terminal,
) -> fmt::Result {
    let memory = match words.next_if_eq(&MEMORY) {
        None => None,
        Some(_) => match words.next().and_then(bytes) {
            None => return writeln!(to, "how much memory? write: {MEMORY} 256M, or 1G"),
            wanted => wanted,
        },
    };
    let mut line = Vec::<u8, COMMAND_LINE_BYTES>::new();
    let mut put = |text: &str| line.extend_from_slice(text.as_bytes());
    for word in words {
        if put(word).and_then(|()| put(" ")).is_err() {
            return writeln!(to, "a command line has at most {COMMAND_LINE_BYTES} bytes");
        }
    }
    let started = supervise(shell, name, |supervisor, name| match memory {
        None => supervisor.start(name),
        Some(memory) => supervisor.start_with(name, memory.saturating_add(MONITOR_BYTES)),
    });
    if let Err(error) = started {
        writeln!(to, "{name} is not started: {error}")?;
        return explain(shell, name, error, to);
    }
    if !is_up(shell, name, vm, to)? {
        return Ok(());
    }
    report(if line.is_empty() { Ok(()) } else { vm.boot(line) }, "started", name, to)
}

/// An amount of memory, such as `256M` or `1G`.
fn bytes(text: &str) -> Option<u64> {
    let (number, unit) = match (text.strip_suffix('M'), text.strip_suffix('G')) {
        (Some(number), _) => (number, 20),
        (None, Some(number)) => (number, 30),
        (None, None) => return None,
    };
    let number = number.parse::<u32>().ok().filter(|number| *number > 0)?;
    Some(u64::from(number) << unit)
}

/// Says how much memory there is, if a virtual machine could not have what it was to have.
fn explain(
    shell: &Shell<'_>,
    name: &str,
    error: Failure<SupervisorError>,
    to: &mut Terminal,
) -> fmt::Result {
    let status = components(shell).into_iter().find(|status| status.name == name);
    match (error, status, shell.supervisor.memory()) {
        (Failure::Method(SupervisorError::Quota), Some(status), _) => {
            let most = status.most_pool.saturating_sub(MONITOR_BYTES) >> 20;
            writeln!(to, "its guest has at most {most} MiB (`most-pool` in the manifest)")
        }
        (Failure::Method(SupervisorError::Memory), _, Ok(memory)) => {
            let left = memory.bytes.saturating_sub(memory.used) >> 20;
            writeln!(to, "{left} MiB are left, in pieces, for all")
        }
        _ => Ok(()),
    }
}

/// Whether one that was started has a guest. If not, says why: a monitor without one notes that and ends.
fn is_up(
    shell: &Shell<'_>,
    name: &str,
    vm: &VmClient,
    to: &mut Terminal,
) -> Result<bool, fmt::Error> {
    if vm.status().is_ok() {
        return Ok(true);
    }
    let (mut next, mut last) = (0, None);
    while let Ok(Some(line)) = shell.log.read(next) {
        next = line.number + 1;
        if line.writer == name {
            last = Some(line.text);
        }
    }
    let why = last.as_deref().unwrap_or("it ended; `log` may say why");
    writeln!(to, "{name} does not run: {why}")?;
    Ok(false)
}

/// What all of them are doing.
fn list(shell: &Shell<'_>, to: &mut Terminal) -> fmt::Result {
    writeln!(to, "name      condition  memory       exits  network card")?;
    for name in GUESTS {
        let Ok(port) = shell.environment.service(name) else { continue };
        match VmClient::new(port).status() {
            Ok(it) => {
                let mebibytes = it.memory >> 20;
                write!(to, "{name:<9} {:<9} {mebibytes:>4} MiB {:>11}", it.condition, it.exits)?;
                match it.address {
                    Some(address) => writeln!(to, "  {}", Address::from_number(address))?,
                    None => writeln!(to)?,
                }
            }
            Err(_) => writeln!(to, "{name:<9} stopped")?,
        }
    }
    Ok(())
}

/// Lets the user type in the guest, which is started if need be.
fn console(shell: &Shell<'_>, name: &'static str, vm: &VmClient, to: &mut Terminal) -> fmt::Result {
    match supervise(shell, name, SupervisorClient::start) {
        // That it runs already is as well.
        Ok(()) | Err(Failure::Method(SupervisorError::NotNow)) => {}
        Err(error) => {
            writeln!(to, "{name} is not started: {error}")?;
            return explain(shell, name, error, to);
        }
    }
    if !is_up(shell, name, vm, to)? {
        return Ok(());
    }
    writeln!(to, "({name}; Ctrl-] leaves)")?;
    let terminal = to.which();
    if vm.attach(terminal).is_err() {
        return writeln!(to, "{name} is gone");
    }
    loop {
        let key = to.read()?;
        if key == LEAVE {
            // Who is gone writes nothing any more.
            let _ = vm.detach(terminal);
            return writeln!(to);
        }
        if vm.input([key].into_iter().collect()).is_err() {
            return writeln!(to, "\n{name} is gone");
        }
    }
}

fn supervise(
    shell: &Shell<'_>,
    name: &str,
    action: impl Fn(&SupervisorClient, Name) -> Result<(), Failure<SupervisorError>>,
) -> Result<(), Failure<SupervisorError>> {
    action(&shell.supervisor, name.chars().collect())
}

fn report<E: fmt::Display>(
    done: Result<(), Failure<E>>,
    what: &str,
    name: &str,
    to: &mut Terminal,
) -> fmt::Result {
    match done {
        Ok(()) => writeln!(to, "{name} is {what}"),
        Err(error) => writeln!(to, "{error}"),
    }
}
