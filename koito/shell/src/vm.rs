//! Virtual machines: `vm`.

use core::fmt::{self, Write};

use koito::services::{COMMAND_LINE_BYTES, SupervisorClient, SupervisorError, VmClient};
use koito::{Environment, Name};
use koito_ethernet::Address;
use nun::service::{Failure, Vec};

use crate::LEAVE;
use crate::commands::Shell;
use crate::terminal::Terminal;

/// The virtual machines that a system may have: names of components, and of their services.
const GUESTS: [&str; 2] = ["guest-1", "guest-2"];
/// How it is used.
const USAGE: &str =
    "write: vm list, vm start NAME [COMMAND LINE], or vm stop|console|pause|resume|reset NAME";

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
        "start" => start(shell, name, &vm, words, to),
        "stop" => report(supervise(shell, name, SupervisorClient::stop), "stopped", name, to),
        "pause" => report(vm.pause(), "paused", name, to),
        "resume" => report(vm.resume(), "resumed", name, to),
        "reset" => report(vm.reset(), "reset", name, to),
        "console" => console(shell, name, &vm, to),
        _ => writeln!(to, "{USAGE}"),
    }
}

/// Starts one, with `words` for its guest's command line if there are any.
fn start<'w>(
    shell: &Shell<'_>,
    name: &str,
    vm: &VmClient,
    words: impl Iterator<Item = &'w str>,
    to: &mut Terminal,
) -> fmt::Result {
    let mut line = Vec::<u8, COMMAND_LINE_BYTES>::new();
    let mut put = |text: &str| line.extend_from_slice(text.as_bytes());
    for word in words {
        if put(word).and_then(|()| put(" ")).is_err() {
            return writeln!(to, "a command line has at most {COMMAND_LINE_BYTES} bytes");
        }
    }
    let started = supervise(shell, name, SupervisorClient::start);
    if started.is_err() || line.is_empty() {
        return report(started, "started", name, to);
    }
    report(vm.boot(line), "started", name, to)
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
    // That it runs already is as well.
    let _ = supervise(shell, name, SupervisorClient::start);
    writeln!(to, "({name}; Ctrl-] leaves)")?;
    if vm.attach(true).is_err() {
        return writeln!(to, "{name} does not run");
    }
    loop {
        let key = to.read()?;
        if key == LEAVE {
            // Who is gone writes nothing any more.
            let _ = vm.attach(false);
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
