//! Packet mode of pseudo-terminals: the master learns what becomes of the line (ioctl_tty(2), `TIOCPKT`).

use koito_linux::Errno;
use koito_tty::{Flush, Input, Settings};

use crate::page::Pages;
use crate::stop::{Result, fail};
use crate::terminals::TerminalId;
use crate::vfs::Vfs;

/// What a packet begins with that holds output.
pub(crate) const DATA: u8 = 0;
/// What was typed, or written, is gone.
const FLUSHED_INPUT: u8 = 1;
const FLUSHED_OUTPUT: u8 = 2;
/// Output is held, and goes on.
const STOPPED: u8 = 4;
const STARTED: u8 = 8;
/// The usual keys hold output and let it go, or do not any more.
const OTHER_KEYS: u8 = 16;
const USUAL_KEYS: u8 = 32;
/// Those keys, ^Q and ^S, by their places among a terminal's.
const KEYS: [(usize, u8); 2] = [(8, 0x11), (9, 0x13)];

impl<P: Pages> Vfs<P> {
    /// Has the master of a terminal read packets, or bytes; `ENOTTY` if there is none.
    pub fn set_packets(&mut self, id: TerminalId, on: bool) -> Result<()> {
        match &mut self.terminals.lines[id].master {
            Some(master) if master.packets.is_some() == on => Ok(()),
            Some(master) => {
                master.packets = on.then_some(0);
                Ok(())
            }
            None => fail(Errno::ENOTTY),
        }
    }

    /// Whether the master of a terminal reads packets.
    pub fn reads_packets(&self, id: TerminalId) -> bool {
        self.terminals.lines[id].master.as_ref().is_some_and(|it| it.packets.is_some())
    }

    /// What became of the line since the master was told last; nothing, if it does not want to know.
    pub(crate) fn take_packet(&mut self, id: TerminalId) -> Option<u8> {
        let master = self.terminals.lines[id].master.as_mut()?;
        let news = master.packets.filter(|news| *news != 0)?;
        master.packets = Some(0);
        Some(news)
    }

    fn note_packet(&mut self, id: TerminalId, news: u8, instead_of: u8) {
        if let Some(master) = &mut self.terminals.lines[id].master
            && let Some(noted) = &mut master.packets
        {
            *noted = *noted & !instead_of | news;
            let queue = master.readable;
            self.queues.wake(queue);
        }
    }

    pub(crate) fn note_flush(&mut self, id: TerminalId, what: Flush) {
        let news = match what {
            Flush::Input => FLUSHED_INPUT,
            Flush::Output => FLUSHED_OUTPUT,
            Flush::Both => FLUSHED_INPUT | FLUSHED_OUTPUT,
        };
        self.note_packet(id, news, 0);
    }

    pub(crate) fn note_hold(&mut self, id: TerminalId, holds: bool) {
        let (news, old) = if holds { (STOPPED, STARTED) } else { (STARTED, STOPPED) };
        self.note_packet(id, news, old);
    }

    pub(crate) fn note_settings(&mut self, id: TerminalId, before: &Settings) {
        let usual = |it: &Settings| {
            it.input.contains(Input::FLOW)
                && KEYS.iter().all(|(place, key)| it.characters[*place] == *key)
        };
        let now = usual(self.terminals.lines[id].terminal.settings());
        if now != usual(before) {
            let news = if now { USUAL_KEYS } else { OTHER_KEYS };
            self.note_packet(id, news, USUAL_KEYS | OTHER_KEYS);
        }
    }
}
