//! The console as a terminal of Linux programs: its driver shows text and tells keys.

use alloc::boxed::Box;
use core::pin::Pin;
use core::task::{Context, Poll, Waker};

use koito::services::{ConsoleAsync, ConsoleClient, KEY_BYTES, TEXT_BYTES};
use koito::{Environment, Missing};
use koito_vfs::{TerminalId, Vfs};
use nun::channel::ClientEnd;
use nun::service::{Failure, String, Vec};

use crate::machine::Memory;

/// Keys that are awaited.
type Keys = Pin<Box<dyn Future<Output = Result<Vec<u8, KEY_BYTES>, Failure>>>>;

/// The console's driver.
pub struct Console {
    client: ConsoleClient,
    channel: Option<&'static ClientEnd>,
    terminal: TerminalId,
    keys: Option<Keys>,
    /// Whether the driver was told that nobody waits for them any more.
    ended: bool,
}

impl Console {
    /// What the manifest gives, as a terminal of `vfs`. Without a channel there are no keys.
    pub fn open(environment: &Environment, vfs: &mut Vfs<Memory>) -> Result<Self, Missing> {
        let client = ConsoleClient::new(environment.service("console")?);
        let channel = environment.channel("console").ok().map(|end| &*Box::leak(Box::new(end)));
        Ok(Self { client, channel, terminal: vfs.console(), keys: None, ended: false })
    }

    /// Whether keys are for programs: some session has the terminal, or somebody reads it.
    fn is_used(&self, vfs: &Vfs<Memory>) -> bool {
        vfs.terminals.terminal(self.terminal).session.is_some() || vfs.is_read(self.terminal)
    }

    /// Asks for keys as long as the terminal is used, so that those that are signals come through at any
    /// time, and takes those that came. When it is not used any more, no more are asked for, and what was on
    /// its way or not read is given back.
    pub fn attend(&mut self, vfs: &mut Vfs<Memory>) {
        let Some(end) = self.channel else { return };
        loop {
            let is_used = self.is_used(vfs);
            if self.keys.is_none() && is_used {
                self.keys = Some(Box::pin(async { ConsoleAsync::new(end).read().await }));
                self.ended = false;
            }
            let Some(keys) = &mut self.keys else {
                return self.give_back(&vfs.take_typed(self.terminal));
            };
            if !self.ended && !is_used {
                self.ended = self.client.end_reads().is_ok();
            }
            let Poll::Ready(came) = keys.as_mut().poll(&mut Context::from_waker(Waker::noop()))
            else {
                return;
            };
            self.keys = None;
            match came {
                Ok(keys) if is_used => vfs.type_in(self.terminal, &keys),
                Ok(keys) => self.give_back(&keys),
                // It died with the request; who waits goes on waiting, and asks the next one.
                Err(_) => return,
            }
        }
    }

    /// Whether keys are on their way to programs that are all gone. Until they are given back, who reads the
    /// console would find those that were typed later first.
    pub fn owes_keys(&self, vfs: &Vfs<Memory>) -> bool {
        self.keys.is_some() && !self.is_used(vfs)
    }

    /// Gives keys back to the driver, the last ones first: each call puts its keys before the others.
    fn give_back(&self, keys: &[u8]) {
        for keys in keys.rchunks(KEY_BYTES) {
            let _ = self.client.give_back(keys.iter().copied().collect());
        }
    }

    /// Shows what programs wrote. The driver returns the carriage by itself.
    pub fn show(&mut self, vfs: &mut Vfs<Memory>) {
        if vfs.terminals.terminal(self.terminal).output_bytes() == 0 {
            return;
        }
        let mut bytes = [0; TEXT_BYTES];
        loop {
            let count = vfs.shown(self.terminal, &mut bytes);
            if count == 0 {
                return;
            }
            let mut text = String::<TEXT_BYTES>::new();
            let pieces = bytes[..count].utf8_chunks();
            for character in pieces.flat_map(|piece| piece.valid().chars()) {
                // No more bytes come out than went in.
                let _ = text.push(character);
            }
            let _ = self.client.write(text);
        }
    }
}
