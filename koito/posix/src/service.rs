//! The service that starts programs.

use core::cell::RefCell;

use alloc::vec::Vec;

use koito::services::{COMMAND_BYTES, CallCount, Posix, PosixError, PosixServer};
use koito_linux::Errno;
use koito_posix_core::{system_call_name, words};
use nun::service::{Caller, String};

use crate::server::Server;

/// The server, as a service.
pub struct Service<'a>(RefCell<&'a mut Server>);

impl<'a> Service<'a> {
    /// What `server` offers.
    pub fn over(server: &'a mut Server) -> PosixServer<Self> {
        PosixServer(Self(RefCell::new(server)))
    }
}

impl Posix for Service<'_> {
    fn start(&self, _: Caller, command: String<COMMAND_BYTES>) -> Result<u32, PosixError> {
        let server = &mut **self.0.borrow_mut();
        server.start(words(&command)).map_err(|errno| match errno {
            Errno::ENOENT => PosixError::NoProgram,
            Errno::ENOMEM => PosixError::NoMemory,
            _ => PosixError::NotExecutable,
        })
    }

    fn ended(&self, _: Caller, number: u32) -> Result<Option<u32>, PosixError> {
        let server = &mut **self.0.borrow_mut();
        let found = server.processes.iter().find(|(_, it)| it.number == number);
        let (key, process) = found.ok_or(PosixError::NoProcess)?;
        let life = process.life;
        // Keys are the caller's from now on.
        server.await_keys();
        if !life.is_over() || server.console.owes_keys(&server.world.vfs) {
            return Ok(None);
        }
        server.processes.remove(key);
        server.awaited.retain(|it| *it != number);
        Ok(Some(life.status()))
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
    /// Starts the program at the path that is the first word, with these arguments.
    fn start(&mut self, words: Vec<Vec<u8>>) -> Result<u32, Errno> {
        let path = words.first().ok_or(Errno::ENOENT)?.clone();
        let environment = [&b"PATH=/bin:/usr/bin"[..], b"HOME=/root", b"TERM=linux"];
        let environment = environment.iter().map(|text| text.to_vec()).collect();
        let loaded = self.load(None, &path, words, environment)?;
        self.start_loaded(loaded)
    }
}
