//! The service that starts programs, and stands for their terminals.

use core::cell::RefCell;

use alloc::format;
use alloc::vec::Vec;

use koito::services::{
    COMMAND_BYTES, CallCount, KEY_BYTES, Posix, PosixError, PosixServer, Relayed, UNREAD_BYTES,
};
use koito_linux::Errno;
use koito_posix_core::{system_call_name, words};
use koito_tty::WindowSize;
use koito_vfs::Flags;
use nun::service::{Caller, String, Vec as Bytes};

use crate::server::Server;
use crate::terminals::take_shown;

/// The program that a system begins with, if it is there: process 1.
const FIRST: &[u8] = b"/sbin/init";
/// What programs without a parent find in their environment.
const VARIABLES: [&[u8]; 3] = [b"PATH=/bin:/usr/bin", b"HOME=/root", b"TERM=linux"];

/// The server, as a service.
pub struct Service<'a>(RefCell<&'a mut Server>);

impl<'a> Service<'a> {
    /// What `server` offers.
    pub fn over(server: &'a mut Server) -> PosixServer<Self> {
        PosixServer(Self(RefCell::new(server)))
    }
}

impl Posix for Service<'_> {
    fn start(
        &self,
        caller: Caller,
        command: String<COMMAND_BYTES>,
        size: (u16, u16),
    ) -> Result<u32, PosixError> {
        let server = &mut **self.0.borrow_mut();
        server.start_for(caller.client, words(&command), size).map_err(|errno| match errno {
            Errno::ENOENT => PosixError::NoProgram,
            Errno::ENOMEM => PosixError::NoMemory,
            _ => PosixError::NotExecutable,
        })
    }

    fn relay(
        &self,
        caller: Caller,
        number: u32,
        keys: Bytes<u8, KEY_BYTES>,
    ) -> Result<Relayed, PosixError> {
        let server = &mut **self.0.borrow_mut();
        server.relay(caller.client, number, &keys)
    }

    fn missing(&self, _: Caller, from: u32) -> Option<CallCount> {
        let server = &**self.0.borrow();
        let mut counts = server.missing.iter().enumerate().skip(from as usize);
        let (number, count) = counts.find(|(_, count)| **count > 0)?;
        let name = system_call_name(number as u32).unwrap_or("?");
        Some(CallCount { number: number as u32, name: name.chars().collect(), count: *count })
    }
}

impl Server {
    /// Starts process 1, which brings the logins; without its program, programs are started by shells only.
    pub fn start_first(&mut self) {
        let started = self.start(&[FIRST.to_vec()], b"/dev/console", Flags::NO_TERMINAL);
        match started {
            Ok(number) => {
                self.first = self.process(number);
                if self.epoch == 1 {
                    self.terminals.come_forward();
                }
            }
            Err(Errno::ENOENT) => {}
            Err(errno) => nun::println!("posix: there is no login: {errno:?}"),
        }
        self.await_keys();
    }

    /// Starts the program at the path that is the first word, with these arguments, on a terminal that is opened with
    /// further `flags`.
    fn start(&mut self, words: &[Vec<u8>], terminal: &[u8], flags: Flags) -> Result<u32, Errno> {
        let path = words.first().ok_or(Errno::ENOENT)?.clone();
        let environment = VARIABLES.iter().map(|text| text.to_vec()).collect();
        let loaded = self.load(None, &path, words.to_vec(), environment)?;
        self.start_loaded(loaded, (terminal, flags))
    }

    /// The same for a shell, on its terminal. What it started before is killed.
    fn start_for(
        &mut self,
        client: u64,
        words: Vec<Vec<u8>>,
        (rows, columns): (u16, u16),
    ) -> Result<u32, Errno> {
        let found = self.terminals.of_shell(client, &mut self.world.vfs);
        let (terminal, (_, minor)) = found.ok_or(Errno::EAGAIN)?;
        while let Some(at) = self.awaited.iter().position(|(of, _)| *of == client) {
            let (_, number) = self.awaited.swap_remove(at);
            let Some(process) = self.process(number) else { continue };
            if self.processes[process].life.is_over() {
                self.forget_process(process);
            } else {
                self.kill(process);
            }
        }
        let window = WindowSize { rows, columns, ..WindowSize::default() };
        self.world.vfs.renew_terminal(terminal, window);
        let path = format!("/dev/ttyS{}", minor - 64);
        let number = self.start(&words, path.as_bytes(), Flags::empty())?;
        self.awaited.push((client, number));
        Ok(number)
    }

    /// Types at the terminal of a shell's program, and tells what that shows and whether it is over.
    fn relay(&mut self, client: u64, number: u32, keys: &[u8]) -> Result<Relayed, PosixError> {
        if !self.awaited.contains(&(client, number)) {
            return Err(PosixError::NoProcess);
        }
        let found = self.terminals.of_shell(client, &mut self.world.vfs);
        let (terminal, _) = found.ok_or(PosixError::NoProcess)?;
        let process = self.process(number).ok_or(PosixError::NoProcess)?;
        let life = self.processes[process].life;
        if !life.is_over() && !keys.is_empty() {
            self.world.vfs.type_in(terminal, keys);
            self.settle_files();
            self.go_on();
        }
        let shown = take_shown(&mut self.world.vfs, terminal);
        self.settle_files();
        let is_over = life.is_over() && shown.is_empty();
        let mut unread = Vec::new();
        if is_over {
            self.forget_process(process);
            self.awaited.retain(|it| *it != (client, number));
            unread = self.world.vfs.renew_terminal(terminal, WindowSize::default());
        }
        if life.is_over() {
            unread.extend_from_slice(keys);
        }
        // More than that nobody types ahead.
        let unread = unread.into_iter().take(UNREAD_BYTES).collect();
        Ok(Relayed { shown, ended: is_over.then(|| life.status()), unread })
    }
}
