//! Terminals of Linux programs, and who shows and types at them: the drivers of console, screen and keyboard at
//! those of logins, shells of KOITO's at those of programs that they started.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::pin::Pin;
use core::task::{Context, Poll, Waker};

use koito::Environment;
use koito::services::{
    ConsoleAsync, ConsoleClient, KeyboardAsync, KeyboardClient, Keys, ScreenClient, TEXT_BYTES,
};
use koito_tty::WindowSize;
use koito_vfs::{TerminalId, Vfs};
use nun::channel::ClientEnd;
use nun::service::{Failure, Vec as Bytes};

use crate::machine::Memory;

/// Device numbers: of the login on the screen, of that on the serial line, and of the first shell's.
const SCREEN: (u32, u32) = (4, 1);
const SERIAL: (u32, u32) = (4, 64);
const SHELLS: (u32, u32) = (4, 65);
/// Shells that may start programs.
const MOST_SHELLS: u32 = 2;
/// How urgent it is that a login is seen where a system begins.
const LOGINS_RANK: u8 = 1;

/// Keys that are awaited.
type Awaited = Pin<Box<dyn Future<Output = Result<Keys, Failure>> + Send>>;

/// What shows a login's terminal.
enum Display {
    Console(ConsoleClient),
    Screen(ScreenClient),
}

/// A login's terminal: a driver shows it, and tells keys through a channel.
struct Login {
    terminal: TerminalId,
    display: Display,
    read: fn(&'static ClientEnd, u64) -> Awaited,
    channel: &'static ClientEnd,
    awaited: Option<Awaited>,
    /// Number of the next key.
    taken: u64,
}

/// A terminal at which a shell of KOITO's stands between a program and whoever types.
struct Relay {
    terminal: TerminalId,
    /// The shell, by its identifier.
    client: u64,
}

/// All that somebody else shows: pseudo-terminals are not among them.
pub struct Terminals {
    logins: Vec<Login>,
    relays: Vec<Relay>,
    console: Option<ConsoleClient>,
    keyboard: Option<KeyboardClient>,
}

impl Terminals {
    /// What the manifest gives, as terminals of `vfs`.
    pub fn open(environment: &Environment, vfs: &mut Vfs<Memory>) -> Self {
        let mut logins = Vec::new();
        let console = || environment.service("console").ok().map(ConsoleClient::new);
        if let Some((client, end)) = console().zip(environment.channel("console").ok()) {
            let terminal = vfs.add_terminal(SERIAL);
            logins.push(Login::new(terminal, Display::Console(client), end, read_console));
        }
        let screen = environment.service("screen").ok().map(ScreenClient::new);
        if let Some((client, end)) = screen.zip(environment.channel("keyboard").ok()) {
            let terminal = vfs.add_terminal(SCREEN);
            if let Ok(size) = client.size() {
                let (rows, columns) = (size.rows, size.columns);
                vfs.set_window(terminal, WindowSize { rows, columns, ..WindowSize::default() });
            }
            logins.push(Login::new(terminal, Display::Screen(client), end, read_keyboard));
        }
        let keyboard = environment.service("keyboard").ok().map(KeyboardClient::new);
        let (relays, console) = (Vec::new(), console());
        Self { logins, relays, console, keyboard }
    }

    /// Brings the logins to the front, as a system begins.
    pub fn come_forward(&self) {
        // Without a driver nobody sees anything anyway.
        let _ = self.console.as_ref().map(|console| console.come_forward(LOGINS_RANK));
        let _ = self.keyboard.as_ref().map(KeyboardClient::come_forward);
    }

    /// Takes keys that came to logins, and asks for more.
    pub fn attend(&mut self, vfs: &mut Vfs<Memory>) {
        for login in &mut self.logins {
            login.attend(vfs);
        }
    }

    /// Shows what programs wrote at logins.
    pub fn show(&mut self, vfs: &mut Vfs<Memory>) {
        for login in &mut self.logins {
            login.show(vfs);
        }
    }

    /// The terminal of a shell, and its device; nothing, if there are too many shells.
    pub fn of_shell(
        &mut self,
        client: u64,
        vfs: &mut Vfs<Memory>,
    ) -> Option<(TerminalId, (u32, u32))> {
        let known = self.relays.iter().find(|relay| relay.client == client);
        let terminal = match known.map(|relay| relay.terminal) {
            Some(terminal) => terminal,
            None => {
                let number = self.relays.len() as u32;
                let terminal = vfs.add_terminal((SHELLS.0, SHELLS.1 + number));
                (number < MOST_SHELLS).then(|| self.relays.push(Relay { terminal, client }))?;
                terminal
            }
        };
        Some((terminal, vfs.terminals.device(terminal)))
    }
}

fn read_console(end: &'static ClientEnd, taken: u64) -> Awaited {
    Box::pin(async move { ConsoleAsync::new(end).read(taken).await })
}

fn read_keyboard(end: &'static ClientEnd, taken: u64) -> Awaited {
    Box::pin(async move { KeyboardAsync::new(end).read(taken).await })
}

impl Login {
    fn new(
        terminal: TerminalId,
        display: Display,
        end: ClientEnd,
        read: fn(&'static ClientEnd, u64) -> Awaited,
    ) -> Self {
        Self { terminal, display, read, channel: Box::leak(Box::new(end)), awaited: None, taken: 0 }
    }

    fn attend(&mut self, vfs: &mut Vfs<Memory>) {
        loop {
            let awaited = self.awaited.get_or_insert_with(|| (self.read)(self.channel, self.taken));
            let Poll::Ready(came) = awaited.as_mut().poll(&mut Context::from_waker(Waker::noop()))
            else {
                return;
            };
            self.awaited = None;
            match came {
                Ok(keys) => {
                    self.taken = keys.end();
                    vfs.type_in(self.terminal, &keys.bytes);
                }
                // There is no driver, or none any more; the next one is asked when something happens.
                Err(_) => return,
            }
        }
    }

    fn show(&mut self, vfs: &mut Vfs<Memory>) {
        while vfs.terminals.terminal(self.terminal).output_bytes() > 0 {
            let text = take_shown(vfs, self.terminal);
            match &self.display {
                Display::Console(console) => _ = console.write_bytes(text),
                Display::Screen(screen) => {
                    let answers = screen.write_bytes(text).unwrap_or_default();
                    vfs.type_in(self.terminal, &answers);
                }
            }
        }
    }
}

/// Takes out what a terminal shows, as much as goes into a call.
pub fn take_shown(vfs: &mut Vfs<Memory>, terminal: TerminalId) -> Bytes<u8, TEXT_BYTES> {
    let mut bytes = [0; TEXT_BYTES];
    let count = vfs.shown(terminal, &mut bytes);
    bytes.into_iter().take(count).collect()
}
