//! The commands: what each is called, and what it does.

use core::cell::Cell;
use core::fmt::{self, Write};

use koito::services::{
    ClockClient, EchoClient, EntropyClient, FilesClient, LogClient, Logger, PosixClient,
    PowerState, SupervisorClient, SupervisorError,
};
use koito::{Environment, Missing, Name};
use nun::service::Failure;
use time::OffsetDateTime;

use crate::bench;
use crate::files;
use crate::linux;
use crate::network;
use crate::show;
use crate::terminal::Terminal;
use crate::vm;

/// What the commands use.
pub struct Shell<'a> {
    pub environment: &'a Environment,
    pub supervisor: SupervisorClient,
    pub clock: ClockClient,
    pub log: LogClient,
    pub files: FilesClient,
    pub posix: Option<PosixClient>,
    pub echo: EchoClient,
    /// When the first prompt was shown, in ticks; 0 before.
    pub ready: Cell<u64>,
    entropy: EntropyClient,
    logger: Logger,
}

/// A command: name, arguments and what it does, as `help` shows them.
struct Command {
    name: &'static str,
    arguments: &'static str,
    purpose: &'static str,
    run: fn(&Shell<'_>, &[&str], &mut Terminal) -> fmt::Result,
}

/// Arguments of a command that takes the rest of the line as one.
const REST: &str = "COMMAND";
/// The same of one that can do without.
const PERHAPS_REST: &str = "[COMMAND]";

const COMMANDS: &[Command] = &[
    Command { name: "help", arguments: "", purpose: "list the commands", run: help },
    Command { name: "list", arguments: "", purpose: "list the components", run: show::list },
    Command {
        name: "inspect",
        arguments: "NAME",
        purpose: "show what a component is and may do",
        run: show::inspect,
    },
    Command {
        name: "top",
        arguments: "",
        purpose: "show who uses the processor, over a second",
        run: show::top,
    },
    Command { name: "memory", arguments: "", purpose: "show what is used", run: show::memory },
    Command { name: "log", arguments: "", purpose: "show the log", run: show::log },
    Command {
        name: "kill",
        arguments: "NAME",
        purpose: "end a component as if it had failed",
        run: |shell, words, to| shell.supervise("killed", words, to, SupervisorClient::kill),
    },
    Command {
        name: "stop",
        arguments: "NAME",
        purpose: "end a component, and leave it so",
        run: |shell, words, to| shell.supervise("stopped", words, to, SupervisorClient::stop),
    },
    Command {
        name: "start",
        arguments: "NAME",
        purpose: "start a component that does not run",
        run: |shell, words, to| shell.supervise("started", words, to, SupervisorClient::start),
    },
    Command { name: "ls", arguments: "[PATH]", purpose: "list a directory", run: files::list },
    Command { name: "cat", arguments: "PATH", purpose: "show a file", run: files::print },
    Command {
        name: "cp",
        arguments: "[-r] FROM TO",
        purpose: "copy a file, with -r a directory",
        run: files::copy,
    },
    Command {
        name: "write",
        arguments: "PATH WORD",
        purpose: "make a file with a word in it",
        run: files::write,
    },
    Command {
        name: "rm",
        arguments: "[-r] PATH",
        purpose: "remove a file or an empty directory, with -r all that is in it",
        run: files::remove,
    },
    Command {
        name: "mkdir",
        arguments: "[-p] PATH",
        purpose: "make a directory, with -p those on the way",
        run: files::make_directory,
    },
    Command { name: "df", arguments: "", purpose: "show the room on the disk", run: files::space },
    Command {
        name: "sync",
        arguments: "",
        purpose: "have all that was done survive",
        run: files::sync,
    },
    Command {
        name: "uptime",
        arguments: "",
        purpose: "show the milliseconds since the machine started",
        run: uptime,
    },
    Command { name: "date", arguments: "", purpose: "show date and time (UTC)", run: date },
    Command {
        name: "bench",
        arguments: "",
        purpose: "measure boot, memory, calls and files",
        run: bench::run,
    },
    Command { name: "random", arguments: "", purpose: "show a random number", run: random },
    Command { name: "sleep", arguments: "MILLISECONDS", purpose: "wait", run: sleep },
    Command {
        name: "add",
        arguments: "A B",
        purpose: "let the echo server add two numbers",
        run: add,
    },
    Command { name: "count", arguments: "", purpose: "let the echo server count", run: count },
    Command {
        name: "crash",
        arguments: "",
        purpose: "let the echo server fault",
        run: |shell, _, to| dead(shell.echo.crash(), to),
    },
    Command {
        name: "hang",
        arguments: "",
        purpose: "let the echo server run for ever",
        run: |shell, _, to| dead(shell.echo.hang(), to),
    },
    Command {
        name: "vm",
        arguments: PERHAPS_REST,
        purpose: "control virtual machines; alone: how",
        run: vm::control,
    },
    Command {
        name: "network",
        arguments: "",
        purpose: "show the switch between virtual machines",
        run: network::list,
    },
    Command {
        name: "power",
        arguments: "off",
        purpose: "leave the disk in order, and switch the machine off",
        run: |shell, words, to| match words {
            ["off"] => power(shell, PowerState::Off, to),
            _ => writeln!(to, "write: power off"),
        },
    },
    Command {
        name: "reboot",
        arguments: "",
        purpose: "leave the disk in order, and start the machine anew",
        run: |shell, _, to| power(shell, PowerState::Reset, to),
    },
    Command {
        name: "linux",
        arguments: REST,
        purpose: "run a Linux program: its path, and its arguments",
        run: linux::run,
    },
    Command {
        name: "calls",
        arguments: "",
        purpose: "show the system calls that Linux programs missed",
        run: linux::missing,
    },
    Command {
        name: "exit",
        arguments: "",
        purpose: "end the emulator",
        run: |_, _, to| {
            // On a machine this does nothing.
            let _ = nun::debug_exit(1);
            writeln!(to, "this is no emulator, or the kernel cannot end it")
        },
    },
];

impl Command {
    /// Whether so many words can be its arguments. Those in brackets may be left out.
    fn takes(&self, words: usize) -> bool {
        let all = self.arguments.split_whitespace();
        let optional = all.clone().filter(|word| word.starts_with('[')).count();
        let most = all.count();
        (most - optional..=most).contains(&words)
    }
}

impl<'a> Shell<'a> {
    /// With the services that the environment gives.
    pub fn new(environment: &'a Environment) -> Result<Self, Missing> {
        let log = environment.service("log")?;
        Ok(Self {
            environment,
            supervisor: SupervisorClient::new(environment.service("supervisor")?),
            clock: ClockClient::new(environment.service("clock")?),
            log: LogClient::new(log),
            entropy: EntropyClient::new(environment.service("entropy")?),
            files: FilesClient::new(environment.service("files")?),
            posix: environment.service("posix").ok().map(PosixClient::new),
            logger: Logger::new(log),
            echo: EchoClient::new(environment.service("echo")?),
            ready: Cell::new(0),
        })
    }

    /// Carries out the command in `line`.
    pub fn carry_out(&self, line: &str, terminal: &mut Terminal) -> fmt::Result {
        let mut words = [""; 4];
        let mut length = 0;
        for (place, word) in words.iter_mut().zip(line.split_whitespace()) {
            *place = word;
            length += 1;
        }
        let Some((name, mut arguments)) = words.get(..length).and_then(<[_]>::split_first) else {
            return Ok(());
        };
        let rest = [line.trim().split_once(char::is_whitespace).map_or("", |(_, rest)| rest)];
        let Some(command) = COMMANDS.iter().find(|command| command.name == *name) else {
            return writeln!(terminal, "there is no command {name:?}; `help` lists them");
        };
        self.logger.line(format_args!("{line}"));
        if [REST, PERHAPS_REST].contains(&command.arguments) && !arguments.is_empty() {
            arguments = &rest;
        }
        if !command.takes(arguments.len()) {
            return writeln!(terminal, "write: {} {}", command.name, command.arguments);
        }
        (command.run)(self, arguments, terminal)
    }

    /// Lets the supervisor do something to a component.
    fn supervise(
        &self,
        done: &str,
        words: &[&str],
        terminal: &mut Terminal,
        what: fn(&SupervisorClient, Name) -> Result<(), Failure<SupervisorError>>,
    ) -> fmt::Result {
        let Some(name) = words.first().and_then(|name| Name::try_from(*name).ok()) else {
            return writeln!(terminal, "there is no such component");
        };
        match what(&self.supervisor, name.clone()) {
            Ok(()) => writeln!(terminal, "{name} is {done}"),
            Err(error) => writeln!(terminal, "{error}"),
        }
    }
}

fn help(_: &Shell<'_>, _: &[&str], terminal: &mut Terminal) -> fmt::Result {
    for Command { name, arguments, purpose, .. } in COMMANDS {
        writeln!(terminal, "  {name:<8} {arguments:<13} {purpose}")?;
    }
    Ok(())
}

fn uptime(shell: &Shell<'_>, _: &[&str], terminal: &mut Terminal) -> fmt::Result {
    match shell.clock.now() {
        Ok(now) => writeln!(terminal, "{now} ms"),
        Err(error) => writeln!(terminal, "{error}"),
    }
}

fn date(shell: &Shell<'_>, _: &[&str], terminal: &mut Terminal) -> fmt::Result {
    let seconds = match shell.clock.epoch().and_then(|epoch| Ok((epoch, shell.clock.now()?))) {
        Ok((Some(epoch), now)) => epoch + now / 1000,
        Ok((None, _)) => return writeln!(terminal, "this machine has no clock"),
        Err(error) => return writeln!(terminal, "{error}"),
    };
    let Ok(date) = OffsetDateTime::from_unix_timestamp(seconds as i64) else {
        return writeln!(terminal, "{seconds} s since 1970 are no date");
    };
    let (day, (hour, minute, second)) = (date.date(), date.to_hms());
    let (year, month, day) = (day.year(), u8::from(day.month()), day.day());
    writeln!(terminal, "{year}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02} UTC")
}

fn random(shell: &Shell<'_>, _: &[&str], terminal: &mut Terminal) -> fmt::Result {
    match shell.entropy.random() {
        Ok((number, ..)) => writeln!(terminal, "{number:#018x}"),
        Err(error) => writeln!(terminal, "{error}"),
    }
}

fn sleep(shell: &Shell<'_>, words: &[&str], terminal: &mut Terminal) -> fmt::Result {
    let Some(time) = words.first().and_then(|word| word.parse::<u64>().ok()) else {
        return writeln!(terminal, "that is no number");
    };
    let slept = shell.clock.now().and_then(|now| shell.clock.sleep_until(now.saturating_add(time)));
    slept.or_else(|error| writeln!(terminal, "{error}"))
}

fn add(shell: &Shell<'_>, words: &[&str], terminal: &mut Terminal) -> fmt::Result {
    let mut numbers = words.iter().map(|word| word.parse());
    let (Some(Ok(a)), Some(Ok(b))) = (numbers.next(), numbers.next()) else {
        return writeln!(terminal, "those are no numbers");
    };
    match shell.echo.add(a, b) {
        Ok(sum) => writeln!(terminal, "{sum}"),
        Err(Failure::Method(error)) => writeln!(terminal, "{error:?}"),
        Err(Failure::Call(error)) => writeln!(terminal, "{error}"),
    }
}

fn count(shell: &Shell<'_>, _: &[&str], terminal: &mut Terminal) -> fmt::Result {
    match shell.echo.count() {
        Ok(count) => writeln!(terminal, "{count}"),
        Err(error) => writeln!(terminal, "{error}"),
    }
}

fn dead(answer: Result<(), Failure>, terminal: &mut Terminal) -> fmt::Result {
    match answer {
        Ok(()) => writeln!(terminal, "it lives"),
        Err(error) => writeln!(terminal, "{error}"),
    }
}

/// Brings the machine to `state`, with everything on the disk.
fn power(shell: &Shell<'_>, state: PowerState, terminal: &mut Terminal) -> fmt::Result {
    if let Err(error) = shell.files.leave() {
        writeln!(terminal, "{error}")?;
    }
    match shell.supervisor.power(state) {
        Ok(()) => Ok(()),
        Err(error) => writeln!(terminal, "{error}"),
    }
}
