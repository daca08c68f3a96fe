//! Virtual machines: `vm`.

use core::fmt::{self, Write};

use koito::services::{
    MONITOR_BYTES, SupervisorClient, SupervisorError, VmClient, VmCondition, VmOptions,
};
use koito::{ARGUMENT_BYTES, Arguments, Environment, Name};
use koito_ethernet::Address;
use nun::service::Failure;

use crate::LEAVE;
use crate::commands::Shell;
use crate::show::components;
use crate::terminal::Terminal;

/// The virtual machines that a system may have: names of components, and of their services.
const GUESTS: [&str; 2] = ["guest-1", "guest-2"];

/// What can be done, and what it is for.
const VERBS: &[(&str, &str)] = &[
    ("list", "what the virtual machines are doing"),
    ("console NAME", "type in a guest, which is started if need be; Ctrl-] leaves"),
    ("start NAME [OPTION...]", "start it, until it is stopped with these options:"),
    ("  --kernel PATH", "another kernel, a bzImage on KOITO's disk"),
    ("  --initrd PATH", "another first file system, from there"),
    ("  --memory SIZE", "another amount of memory: 256M, 1G"),
    ("  --cpus N", "another number of processors"),
    ("  --cmdline TEXT", "another command line: all that follows"),
    ("stop NAME", "end it; its memory goes back"),
    ("kill NAME", "end its monitor as if that had failed: it starts again as it was started"),
    ("pause NAME", "stop the guest where it is"),
    ("resume NAME", "let it go on"),
    ("reset NAME", "press its reset button"),
];

/// The guest that a system with one begins with.
pub fn first(environment: &Environment) -> Option<&'static str> {
    GUESTS.into_iter().find(|name| environment.service(name).is_ok())
}

/// Carries out `vm` with these words.
pub fn control(shell: &Shell<'_>, words: &[&str], to: &mut Terminal) -> fmt::Result {
    let (verb, rest) = split(words.first().copied().unwrap_or_default());
    let (name, rest) = split(rest);
    match (verb, name) {
        ("" | "help", "") => return help(to),
        ("list", "") => return list(shell, to),
        _ => {}
    }
    let is_verb = |(usage, _): &&(&str, &str)| usage.split(' ').next() == Some(verb);
    let Some((usage, _)) = VERBS.iter().find(is_verb) else {
        return writeln!(to, "there is no `vm {verb}`; `vm help` lists what there is");
    };
    if name.is_empty() || !usage.contains("NAME") || !(rest.is_empty() || verb == "start") {
        return writeln!(to, "write: vm {usage}");
    }
    let Some(name) = GUESTS.into_iter().find(|guest| *guest == name) else {
        let [first, second] = GUESTS;
        return writeln!(to, "there is no virtual machine {name:?}, but {first} and {second}");
    };
    let Ok(port) = shell.environment.service(name) else {
        return writeln!(to, "this system was booted without guests (`cargo xtask run --guest`)");
    };
    let vm = VmClient::new(port);
    match verb {
        "start" => start(shell, name, &vm, rest, to),
        "stop" => report(supervise(shell, name, SupervisorClient::stop), "stopped", name, to),
        "kill" => report(supervise(shell, name, SupervisorClient::kill), "killed", name, to),
        "pause" => switch(&vm, vm.pause(), "paused", name, to),
        "resume" => switch(&vm, vm.resume(), "resumed", name, to),
        "reset" => switch(&vm, vm.reset(), "reset", name, to),
        _ => console(shell, name, &vm, to),
    }
}

/// The first word, and what follows it.
fn split(text: &str) -> (&str, &str) {
    let (word, rest) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
    (word, rest.trim())
}

fn help(to: &mut Terminal) -> fmt::Result {
    for (usage, purpose) in VERBS {
        let command = if usage.starts_with(' ') { "  " } else { "vm" };
        writeln!(to, "  {command} {usage:<22} {purpose}")?;
    }
    Ok(())
}

/// Starts one, with `options`.
fn start(
    shell: &Shell<'_>,
    name: &str,
    vm: &VmClient,
    options: &str,
    to: &mut Terminal,
) -> fmt::Result {
    let memory = match VmOptions::parse(options) {
        Ok(options) => options.memory,
        Err(wrong) => return writeln!(to, "{wrong}"),
    };
    let Ok(arguments) = Arguments::try_from(options) else {
        return writeln!(to, "options have at most {ARGUMENT_BYTES} bytes");
    };
    let pool = memory.map(|bytes| bytes.saturating_add(MONITOR_BYTES));
    let started = supervise(shell, name, |supervisor, name| {
        supervisor.start_with(name, pool, arguments.clone())
    });
    match started {
        Err(Failure::Method(SupervisorError::NotNow)) => writeln!(to, "{name} runs already"),
        Err(error) => {
            writeln!(to, "{name} is not started: {error}")?;
            explain(shell, name, error, to)
        }
        Ok(()) if is_up(shell, name, vm, to)? => writeln!(to, "{name} is started"),
        Ok(()) => Ok(()),
    }
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
    writeln!(to, "name      condition  CPUs    memory       up       exits  network card")?;
    for name in GUESTS {
        let Ok(port) = shell.environment.service(name) else { continue };
        match VmClient::new(port).status() {
            Ok(it) => {
                let mebibytes = it.memory >> 20;
                write!(
                    to,
                    "{name:<9} {:<9} {:>5}  {mebibytes:>4} MiB",
                    it.condition, it.processors
                )?;
                match it.condition {
                    VmCondition::Off => write!(to, "  {:>7}", "-")?,
                    _ => write!(to, "  {:>5} s", it.uptime / 1000)?,
                }
                write!(to, " {:>11}", it.exits)?;
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
    match vm.status().map(|it| it.condition) {
        Ok(VmCondition::Off) => writeln!(to, "(it is off; `vm reset {name}` starts it again)")?,
        Ok(VmCondition::Paused) => {
            writeln!(to, "(it is paused; `vm resume {name}` lets it go on)")?
        }
        _ => {}
    }
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

/// Says what the supervisor did, or why it did not.
fn report(
    done: Result<(), Failure<SupervisorError>>,
    what: &str,
    name: &str,
    to: &mut Terminal,
) -> fmt::Result {
    match done {
        Ok(()) => writeln!(to, "{name} is {what}"),
        Err(Failure::Method(SupervisorError::NotNow)) => writeln!(to, "{name} does not run"),
        Err(error) => writeln!(to, "{name} is not {what}: {error}"),
    }
}

/// Says what a monitor did, or why it did not.
fn switch<E: fmt::Display>(
    vm: &VmClient,
    done: Result<(), Failure<E>>,
    what: &str,
    name: &str,
    to: &mut Terminal,
) -> fmt::Result {
    match (done, vm.status()) {
        (Ok(()), _) => writeln!(to, "{name} is {what}"),
        (Err(_), Err(_)) => writeln!(to, "{name} does not run"),
        (Err(Failure::Method(_)), Ok(it)) => {
            writeln!(to, "{name} stays as it is: {}", it.condition)
        }
        (Err(error), _) => writeln!(to, "{name} is not {what}: {error}"),
    }
}
