//! `cargo xtask drive`: boots a system and plays a script against its serial console.

mod listener;

use std::fs;
use std::io::{Write, stdout};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail, ensure};
use clap::ValueEnum;

use crate::cli::{BootOptions, DriveOptions, Entry, memory_size};
use crate::console::{Console, Port};
use crate::desk::Desk;
use crate::qemu::Serial;
use crate::repository::Repository;
use crate::rootfs;
use crate::session::Session;
use listener::Listener;

/// Patience with an expectation until the script says otherwise.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(180);
/// From one look at the screen to the next.
const GLANCE: Duration = Duration::from_millis(200);
/// What the Enter key sends on a serial line.
const ENTER: u8 = b'\r';

/// One line of a script.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Action {
    /// This text comes, after what was expected before it.
    Expect(String),
    /// A line with this text comes, and is remembered.
    Keep(String),
    /// A line with this text comes, and is the one that was remembered.
    Same(String),
    /// Type this text and Enter.
    Send(String),
    /// Type this text.
    Type(String),
    /// Type this character, with the control key held.
    Control(u8),
    /// Press the keys of this text and Enter on the machine's keyboard.
    Press(String),
    /// Press the key of this name on the machine's keyboard, as the emulator calls it.
    Key(String),
    /// A row of the machine's screen comes to contain this text.
    See(String),
    /// The machine comes to its end.
    End,
    /// `e2fsck` finds nothing to mend on the disk.
    Intact,
    /// Patience with each expectation from here on.
    Timeout(Duration),
}

/// What of the machine is there besides its serial console.
#[derive(Default)]
struct Parts<'a> {
    /// The image of its disk.
    disk: Option<&'a Path>,
    /// Screen and keyboard.
    desk: Option<Desk>,
}

/// A parsed script.
#[derive(Debug, Default)]
pub struct Script {
    actions: Vec<(usize, Action)>,
    /// Whether the machine starts anew when it is reset.
    resets: bool,
    /// How many requests its disk carries out in a second at most.
    disk_rate: Option<u32>,
    options: BootOptions,
}

/// The value of a header that is a number.
fn number(key: &str, value: &str) -> Result<u32> {
    value.parse().with_context(|| format!("{key}: {value:?} is no number"))
}

impl Script {
    /// Reads and parses a script file.
    pub fn read(path: &Path) -> Result<Self> {
        let text = fs::read_to_string(path)
            .with_context(|| format!("cannot read the script {}", path.display()))?;
        Self::parse(&text).with_context(|| format!("in {}", path.display()))
    }

    /// Parses a script. Errors name the line.
    fn parse(text: &str) -> Result<Self> {
        let mut script = Self::default();
        for (index, line) in text.lines().enumerate() {
            script
                .parse_line(index + 1, line.trim())
                .with_context(|| format!("line {}", index + 1))?;
        }
        if !script.actions.iter().any(|(_, action)| {
            matches!(action, Action::Expect(_) | Action::Same(_) | Action::See(_))
        }) {
            bail!("the script expects nothing, so it could not fail");
        }
        Ok(script)
    }

    fn parse_line(&mut self, number: usize, line: &str) -> Result<()> {
        if let Some(comment) = line.strip_prefix('#') {
            if self.actions.is_empty()
                && let Some((key, value)) = comment.split_once(':')
            {
                self.parse_header(key.trim(), value.trim())?;
            }
            return Ok(());
        }
        let (verb, rest) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
        let rest = rest.trim_start();
        let action = match verb {
            "" => return Ok(()),
            "expect" | "keep" | "same" | "see" if rest.is_empty() => bail!("`{verb}` needs a text"),
            "expect" => Action::Expect(rest.to_owned()),
            "keep" => Action::Keep(rest.to_owned()),
            "same" => Action::Same(rest.to_owned()),
            "send" => Action::Send(rest.to_owned()),
            "type" => Action::Type(rest.to_owned()),
            "control" => Action::Control(rest.bytes().next().context("which key?")? & 0x1f),
            "press" => Action::Press(rest.to_owned()),
            "key" => Action::Key(rest.to_owned()),
            "see" => Action::See(rest.to_owned()),
            "end" => Action::End,
            "intact" => Action::Intact,
            "timeout" => match rest.parse() {
                Ok(seconds @ 1..) => Action::Timeout(Duration::from_secs(seconds)),
                _ => bail!("`timeout` needs a number of seconds, not {rest:?}"),
            },
            other => bail!(
                "{other:?} is none of expect, keep, same, send, type, control, press, key, see, end, intact, timeout"
            ),
        };
        self.actions.push((number, action));
        Ok(())
    }

    fn parse_header(&mut self, key: &str, value: &str) -> Result<()> {
        match key {
            "system" => self.options.build.system = Some(value.to_owned()),
            "resets" => self.resets = value == "yes",
            "linux" => self.options.linux = (value == "yes").then(Vec::new),
            "guest-cmdline" => self.options.guest.guest_cmdline = Some(value.to_owned()),
            "guest-cpus" => self.options.guest.guest_cpus = Some(number(key, value)?),
            "memory" => {
                let size =
                    memory_size(value).map_err(|hint| anyhow!("memory: {value:?}: {hint}"))?;
                self.options.memory = Some(size);
            }
            "disk-requests-a-second" => self.disk_rate = Some(number(key, value)?),
            "cpus" => self.options.cpus = Some(number(key, value)?),
            "entry" => {
                self.options.entry = Some(
                    Entry::from_str(value, true)
                        .map_err(|_| anyhow!("entry: {value:?} is neither uefi nor direct"))?,
                );
            }
            _ => {}
        }
        Ok(())
    }

    /// `options`, with the script's header for what they leave open.
    fn complete(&self, options: &BootOptions) -> BootOptions {
        let mut merged = options.clone();
        merged.build.system = merged.build.system.or_else(|| self.options.build.system.clone());
        merged.memory = merged.memory.or_else(|| self.options.memory.clone());
        merged.cpus = merged.cpus.or(self.options.cpus);
        merged.entry = merged.entry.or(self.options.entry);
        let guest = &mut merged.guest;
        let command_line = self.options.guest.guest_cmdline.clone();
        guest.guest_cmdline = guest.guest_cmdline.take().or(command_line);
        guest.guest_cpus = guest.guest_cpus.or(self.options.guest.guest_cpus);
        merged.linux = merged.linux.or_else(|| self.options.linux.clone());
        merged
    }

    /// Boots and plays; `show` gets the transcript as it grows.
    pub fn perform(
        &self,
        repository: &Repository,
        options: &BootOptions,
        show: impl FnMut(&[u8]),
    ) -> Result<()> {
        let mut session = Session::prepare(repository, &self.complete(options))?;
        session.machine.resets = self.resets;
        session.machine.disk_rate = self.disk_rate;
        let image = session.machine.disk.as_ref().map(|disk| disk.image.clone());
        let at_desk = |(_, action): &(usize, Action)| {
            matches!(action, Action::Press(_) | Action::Key(_) | Action::See(_))
        };
        let socket = self.actions.iter().any(at_desk).then(|| session.scratch_file("monitor"));
        let serial = socket.clone().map_or(Serial::Pipe, Serial::Monitored);
        let mut console = Console::start(&mut session.command(&serial))?;
        let open = |socket: &PathBuf| Desk::open(socket, session.scratch_file("screen.ppm"));
        let desk = socket.as_ref().map(open).transpose()?;
        self.play(&mut console, Parts { disk: image.as_deref(), desk }, show)
    }

    fn play(
        &self,
        port: &mut dyn Port,
        mut parts: Parts<'_>,
        show: impl FnMut(&[u8]),
    ) -> Result<()> {
        let mut listener = Listener::new(show);
        let mut timeout = DEFAULT_TIMEOUT;
        let mut kept = String::new();
        for (number, action) in &self.actions {
            let outcome = match action {
                Action::Timeout(duration) => {
                    timeout = *duration;
                    Ok(())
                }
                Action::Send(text) => {
                    let mut bytes = text.clone().into_bytes();
                    bytes.push(ENTER);
                    port.send(&bytes).context("`send` failed")
                }
                Action::Type(text) => port.send(text.as_bytes()).context("`type` failed"),
                Action::Control(key) => port.send(&[*key]).context("`control` failed"),
                Action::Expect(text) => listener.expect(port, text, timeout),
                Action::Keep(text) => listener.line(port, text, timeout).map(|line| kept = line),
                Action::Same(text) => listener.line(port, text, timeout).and_then(|line| {
                    ensure!(line == kept, "what was {kept:?} is {line:?}");
                    Ok(())
                }),
                Action::Press(text) => match &mut parts.desk {
                    Some(desk) => desk.press(text),
                    None => Err(anyhow!("this machine has no keyboard")),
                },
                Action::Key(name) => match &mut parts.desk {
                    Some(desk) => desk.key(name),
                    None => Err(anyhow!("this machine has no keyboard")),
                },
                Action::See(text) => match &mut parts.desk {
                    Some(desk) => see(desk, text, timeout),
                    None => Err(anyhow!("this machine has no screen")),
                },
                Action::End => listener.expect_end(port, timeout),
                Action::Intact => parts.disk.context("there is no disk").and_then(rootfs::judge),
            };
            outcome.with_context(|| {
                format!("line {number} failed; the last output was\n{}\n", listener.tail())
            })?;
        }
        Ok(())
    }
}

/// Looks at the screen until one of its rows contains `text`.
fn see(desk: &mut Desk, text: &str, timeout: Duration) -> Result<()> {
    let deadline = Instant::now() + timeout;
    loop {
        let rows = desk.rows()?;
        if rows.iter().any(|row| row.contains(text)) {
            return Ok(());
        }
        if Instant::now() >= deadline {
            let shown: Vec<_> = rows.iter().map(|row| row.trim_end()).collect();
            let shown = shown.join("\n").trim_end().to_owned();
            bail!("the screen does not show {text:?}, but\n{shown}");
        }
        thread::sleep(GLANCE);
    }
}

/// `cargo xtask drive`.
pub fn run(repository: &Repository, options: &DriveOptions) -> Result<ExitCode> {
    let script = Script::read(&options.script)?;
    let show = |text: &[u8]| {
        let mut screen = stdout().lock();
        // A transcript that nobody reads any more must not stop the test.
        let _ = screen.write_all(text).and_then(|()| screen.flush());
    };
    let verdict = script.perform(repository, &options.boot, show);
    println!();
    verdict?;
    println!("every expectation of {} came", options.script.display());
    Ok(ExitCode::SUCCESS)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::console::Event;
    use crate::qemu::Ending;

    struct Recorded {
        events: Vec<Event>,
        sent: Vec<u8>,
    }

    impl Port for Recorded {
        fn next(&mut self, _: Instant) -> Event {
            if self.events.is_empty() { Event::Silence } else { self.events.remove(0) }
        }
        fn send(&mut self, bytes: &[u8]) -> Result<()> {
            self.sent.extend_from_slice(bytes);
            Ok(())
        }
    }

    fn play(script: &str, output: &[&str]) -> (Result<()>, String) {
        let mut events: Vec<Event> =
            output.iter().map(|text| Event::Output(text.as_bytes().to_vec())).collect();
        events.push(Event::Ended(Ending::Quiet));
        let mut port = Recorded { events, sent: vec![] };
        let verdict = Script::parse(script).unwrap().play(&mut port, Parts::default(), |_| {});
        (verdict, String::from_utf8(port.sent).unwrap())
    }

    #[test]
    fn expectations_must_come_in_order() {
        assert!(play("expect one\nexpect two", &["one t", "wo"]).0.is_ok());
        assert!(play("expect two\nexpect one", &["one two"]).0.is_err());
        assert!(play("expect one\nexpect one", &["one"]).0.is_err());
    }

    #[test]
    fn a_line_that_is_kept_comes_again() {
        let script = "keep used\nsend x\nsame used";
        assert!(play(script, &["a\n7 used, 1", " free\n7 used, 1 free\n"]).0.is_ok());
        assert!(play(script, &["7 used, 1 free\n6 used, 2 free\n"]).0.is_err());
    }

    #[test]
    fn an_end_is_waited_for() {
        assert!(play("expect bye\nend", &["bye", "more"]).0.is_ok());
        assert!(play("expect bye\nintact", &["bye"]).0.is_err(), "there is no disk");
    }

    #[test]
    fn a_failure_names_its_line_and_shows_the_output() {
        let message = format!("{:#}", play("# why\nexpect yes", &["no\n"]).0.unwrap_err());
        assert!(message.contains("line 2") && message.contains("| no"), "{message}");
        assert!(message.contains("\"yes\""), "{message}");
    }

    #[test]
    fn what_is_sent_ends_with_enter() {
        let (verdict, sent) = play("expect $\nsend ls  -l\nexpect ok", &["$ ", "ok"]);
        assert!(verdict.is_ok());
        assert_eq!(sent, "ls  -l\r");
    }

    #[test]
    fn headers_give_defaults_that_options_override() {
        let script =
            Script::parse("# system: examples/hello\n# entry: direct\n# cpus: 4\nexpect a")
                .unwrap();
        let merged = script.complete(&BootOptions { cpus: Some(2), ..BootOptions::default() });
        assert_eq!(merged.build.system.as_deref(), Some("examples/hello"));
        assert_eq!((merged.entry, merged.cpus), (Some(Entry::Direct), Some(2)));
    }

    #[test]
    fn mistakes_in_a_script_are_refused() {
        for script in [
            "",
            "# nothing",
            "send x",
            "expect",
            "expect a\ntimeout soon",
            "expekt a",
            "see",
            "# cpus: many\nexpect a",
            "# memory: 3X\nexpect a",
        ] {
            assert!(Script::parse(script).is_err(), "{script:?}");
        }
        let error = format!("{:#}", Script::parse("expect a\nwait 3").unwrap_err());
        assert!(error.contains("line 2"), "{error}");
    }
}
