//! The shell: commands on a terminal.
#![no_std]
#![no_main]
#![forbid(unsafe_code)]

mod bench;
mod commands;
mod files;
mod linux;
mod network;
mod show;
mod terminal;
mod vm;

use core::fmt::{self, Write};

use commands::Shell;
use koito::services::VmTerminal;
use koito::{Environment, Missing};
use koito_line_editor::{Editor, Event};
use nun::service::String;
use nun::ticks;
use terminal::Terminal;

nun::entry!(main);

const PROMPT: &str = "koito> ";
/// The key that leads to the login's session, and out of a guest's console: Ctrl-].
const LEAVE: u8 = 0x1d;

fn main() -> Result<(), Missing> {
    let environment = Environment::read()?;
    let mut terminal = Terminal::new(&environment)?;
    let shell = Shell::new(&environment)?;
    // It fails where there is no terminal, and then there is nothing to do.
    let _ = serve(&shell, &mut terminal);
    Ok(())
}

/// Reads and carries out commands until there are no more.
fn serve(shell: &Shell<'_>, terminal: &mut Terminal) -> fmt::Result {
    let mut editor = Editor::new();
    writeln!(terminal, "\nKOITO on A9N. `help` lists the commands.")?;
    // Who brings a guest along wants to see it.
    if shell.environment.epoch == 1
        && terminal.which() == VmTerminal::Console
        && let Some(name) = vm::first(shell.environment)
    {
        terminal.come_forward();
        let mut command = String::<64>::new();
        write!(command, "vm console {name}")?;
        shell.carry_out(&command, terminal)?;
    }
    terminal.write_str(PROMPT)?;
    terminal.flush()?;
    shell.ready.set(ticks());
    loop {
        let key = terminal.read()?;
        if key == LEAVE && terminal.step_back() {
            continue;
        }
        match editor.take(key, terminal)? {
            Event::Editing => continue,
            Event::Entered(line) => {
                terminal.write_str("\n")?;
                shell.carry_out(&line, terminal)?;
            }
            Event::Cancelled => terminal.write_str("^C\n")?,
            Event::Clear => {
                write!(terminal, "\x1b[H\x1b[2J{PROMPT}")?;
                editor.show(terminal)?;
                continue;
            }
            Event::Closed => terminal.write_str("(`exit` ends the emulator)\n")?,
        }
        terminal.write_str(PROMPT)?;
    }
}
