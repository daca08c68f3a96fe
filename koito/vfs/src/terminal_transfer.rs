//! Reading and writing terminals, on both sides.

use koito_linux::Errno;
use koito_tty::Reading;

use crate::buffer::{Source, Target};
use crate::file::Flags;
use crate::inode::Time;
use crate::packets::DATA;
use crate::page::Pages;
use crate::poll::Ready;
use crate::queue::QueueId;
use crate::stop::{Intent, Result, Stop, fail};
use crate::terminals::{TerminalEnd, TerminalId};
use crate::vfs::{Context, Vfs};

impl<P: Pages> Vfs<P> {
    /// Stops who is in the background of its terminal and wants to change it.
    pub fn check_may_change(&self, context: &Context<'_>, id: TerminalId) -> Result<()> {
        self.check_foreground(context, id, Intent::Write)
    }

    /// Stops who is in the background of its terminal.
    pub(crate) fn check_foreground(
        &self,
        context: &Context<'_>,
        id: TerminalId,
        intent: Intent,
    ) -> Result<()> {
        let terminal = self.terminals.terminal(id);
        let free = intent == Intent::Write && context.insists;
        let behind = !free
            && terminal.session == Some(context.session)
            && terminal.foreground.is_some_and(|group| group != context.group);
        if behind { Err(Stop::Background(intent)) } else { Ok(()) }
    }

    pub(crate) fn read_terminal(
        &mut self,
        context: &Context<'_>,
        end: TerminalEnd,
        flags: Flags,
        target: &mut dyn Target,
    ) -> Result<usize> {
        if end.is_master {
            return self.read_master(end.terminal, flags, target);
        }
        self.check_foreground(context, end.terminal, Intent::Read)?;
        let line = &mut self.terminals.lines[end.terminal];
        if line.hung_up {
            return Ok(0);
        }
        let mut bytes = [0; 4096];
        let most = target.room().min(bytes.len());
        let expired = line.deadline.is_some_and(|deadline| deadline <= context.now);
        let readable = line.readable;
        match line.terminal.read(&mut bytes[..most], expired) {
            Reading::Done(count) => {
                line.deadline = None;
                let room = line.master.as_ref().map(|master| master.writable);
                room.into_iter().for_each(|queue| self.queues.wake(queue));
                target.put(&bytes[..count])?;
                Ok(count)
            }
            _ if flags.contains(Flags::NONBLOCK) => fail(Errno::EAGAIN),
            Reading::Wait => Err(Stop::Wait(readable)),
            Reading::WaitTenths(tenths) => {
                let until = *line.deadline.get_or_insert(later(context.now, tenths));
                Err(Stop::WaitUntil(readable, until))
            }
        }
    }

    fn read_master(
        &mut self,
        id: TerminalId,
        flags: Flags,
        target: &mut dyn Target,
    ) -> Result<usize> {
        if let Some(news) = self.take_packet(id).filter(|_| target.room() > 0) {
            target.put(&[news])?;
            return Ok(1);
        }
        let line = &self.terminals.lines[id];
        let Some(master) = &line.master else { return fail(Errno::EIO) };
        let head = usize::from(master.packets.is_some());
        if line.terminal.output_bytes() == 0 {
            return match (master.left, flags.contains(Flags::NONBLOCK)) {
                (true, _) => fail(Errno::EIO),
                (_, true) => fail(Errno::EAGAIN),
                _ => Err(Stop::Wait(master.readable)),
            };
        }
        let mut bytes = [0; 4096];
        let most = target.room().min(bytes.len()).saturating_sub(head);
        let count = self.shown(id, &mut bytes[..most]);
        target.put(&[DATA; 1][..head])?;
        target.put(&bytes[..count])?;
        Ok(head + count)
    }

    pub(crate) fn write_terminal(
        &mut self,
        context: &Context<'_>,
        end: TerminalEnd,
        flags: Flags,
        source: &mut dyn Source,
    ) -> Result<usize> {
        let id = end.terminal;
        let line = &self.terminals.lines[id];
        let stops = koito_tty::Local::STOP_BACKGROUND;
        if !end.is_master && line.terminal.settings().local.contains(stops) {
            self.check_foreground(context, id, Intent::Write)?;
        }
        if line.hung_up && !end.is_master {
            return fail(Errno::EIO);
        }
        let mut bytes = [0; 4096];
        let (room, queue) = match &line.master {
            Some(master) if end.is_master => (line.terminal.input_room(), master.writable),
            _ if line.terminal.is_writable() => (bytes.len(), line.writable),
            _ => (0, line.writable),
        };
        if source.left() == 0 {
            return Ok(0);
        }
        if room == 0 {
            let fails = flags.contains(Flags::NONBLOCK);
            return if fails { fail(Errno::EAGAIN) } else { Err(Stop::Wait(queue)) };
        }
        let most = source.left().min(bytes.len()).min(room);
        source.take(&mut bytes[..most])?;
        if end.is_master {
            self.type_in(id, &bytes[..most]);
            return Ok(most);
        }
        let line = &mut self.terminals.lines[id];
        let count = line.terminal.write(&bytes[..most]);
        let shown = line.master.as_ref().map(|master| master.readable);
        shown.into_iter().for_each(|queue| self.queues.wake(queue));
        Ok(count)
    }

    pub(crate) fn terminal_ready(&self, end: TerminalEnd) -> Ready {
        let line = &self.terminals.lines[end.terminal];
        match &line.master {
            Some(master) if end.is_master => {
                let lost = if master.left { Ready::HANG_UP } else { Ready::empty() };
                let news = master.packets.is_some_and(|news| news != 0);
                let urgent = if news { Ready::PRIORITY } else { Ready::empty() };
                let readable = news || line.terminal.output_bytes() > 0;
                Ready::when(readable, line.terminal.input_room() > 0) | lost | urgent
            }
            _ if line.hung_up => Ready::when(true, true) | Ready::HANG_UP | Ready::ERROR,
            _ => Ready::when(line.terminal.is_readable(), line.terminal.is_writable()),
        }
    }

    pub(crate) fn terminal_queues(&self, end: TerminalEnd) -> [QueueId; 2] {
        let line = &self.terminals.lines[end.terminal];
        match &line.master {
            Some(master) if end.is_master => [master.readable, master.writable],
            _ => [line.readable, line.writable],
        }
    }
}

fn later(now: Time, tenths: u8) -> Time {
    let nanoseconds = u64::from(now.nanoseconds) + u64::from(tenths) * 100_000_000;
    Time {
        seconds: now.seconds + (nanoseconds / 1_000_000_000) as i64,
        nanoseconds: (nanoseconds % 1_000_000_000) as u32,
    }
}
