//! Terminals as files: the console, and pseudo-terminals with a master.

use alloc::collections::VecDeque;
use alloc::format;
use alloc::vec::Vec;

use koito_linux::Errno;
use koito_tty::{Flush, Settings, Signal, Terminal, WindowSize};

use crate::arena::{Arena, Id};
use crate::file::{FileId, Flags, Object};
use crate::inode::{Attributes, Body, Kind, Time};
use crate::page::Pages;
use crate::queue::QueueId;
use crate::stop::{Intent, Result, fail};
use crate::vfs::{Context, Vfs};

/// Device numbers.
const CURRENT: (u32, u32) = (5, 0);
const CONSOLE: (u32, u32) = (5, 1);
const FIRST_SERIAL: (u32, u32) = (4, 64);
const MULTIPLEXER: (u32, u32) = (5, 2);
const SLAVES: u32 = 136;

/// A terminal, and who is at it.
#[derive(Clone, Debug)]
pub struct Line {
    pub(crate) terminal: Terminal,
    /// Woken when programs can read, or write.
    pub(crate) readable: QueueId,
    pub(crate) writable: QueueId,
    /// The device that it is.
    device: (u32, u32),
    /// What is known of its master, if it is a pseudo-terminal.
    pub(crate) master: Option<Master>,
    /// Open files of programs.
    open: u32,
    /// Nobody is at the other side any more.
    pub(crate) hung_up: bool,
    /// When the read is over that waits for a while.
    pub(crate) deadline: Option<Time>,
}

#[derive(Clone, Debug)]
pub(crate) struct Master {
    /// Woken when the master can read, or write.
    pub(crate) readable: QueueId,
    pub(crate) writable: QueueId,
    /// Programs cannot open it yet.
    locked: bool,
    /// Programs had it open, and none has any more.
    pub(crate) left: bool,
    /// What is news of the line, where the master reads packets.
    pub(crate) packets: Option<u8>,
}

/// Number of a terminal.
pub type TerminalId = Id<Line>;

/// A side of a terminal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TerminalEnd {
    /// Which terminal.
    pub terminal: TerminalId,
    /// The side of whoever shows and types: a pseudo-terminal's master.
    pub is_master: bool,
}

/// What processes have to be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TerminalEvent {
    /// This group gets a signal.
    Signal(u32, Signal),
    /// The leader of this session gets `SIGHUP` and `SIGCONT`, and so does the group.
    HangUp(u32, Option<u32>),
}

/// All terminals.
#[derive(Debug, Default)]
pub struct Terminals {
    pub(crate) lines: Arena<Line>,
    events: VecDeque<TerminalEvent>,
}

impl Default for Arena<Line> {
    fn default() -> Self {
        Self::new()
    }
}

impl Terminals {
    pub(crate) const fn new() -> Self {
        Self { lines: Arena::new(), events: VecDeque::new() }
    }

    /// What processes have to be told.
    pub fn next_event(&mut self) -> Option<TerminalEvent> {
        self.events.pop_front()
    }

    /// The controlling terminal of a session.
    pub fn of_session(&self, session: u32) -> Option<TerminalId> {
        self.lines.ids().find(|id| self.lines[*id].terminal.session == Some(session))
    }

    /// Its settings, size, session and foreground. What has effects is set by [`Vfs`].
    pub fn terminal(&self, id: TerminalId) -> &Terminal {
        &self.lines[id].terminal
    }

    /// Bytes that can be read at once at an end.
    pub fn readable_bytes(&self, end: TerminalEnd) -> usize {
        let terminal = &self.lines[end.terminal].terminal;
        if end.is_master { terminal.output_bytes() } else { terminal.readable_bytes() }
    }

    /// The device that a terminal is.
    pub fn device(&self, id: TerminalId) -> (u32, u32) {
        self.lines[id].device
    }

    /// The terminal that is a device.
    fn of_device(&self, device: (u32, u32)) -> Option<TerminalId> {
        let device = if device == CONSOLE { FIRST_SERIAL } else { device };
        self.lines.ids().find(|id| self.lines[*id].device == device)
    }

    /// Number of a pseudo-terminal.
    pub fn number(&self, id: TerminalId) -> Option<u32> {
        let (major, number) = self.lines[id].device;
        (major == SLAVES).then_some(number)
    }

    /// Lets programs open a pseudo-terminal, or not.
    pub fn lock(&mut self, id: TerminalId, locked: bool) {
        if let Some(master) = &mut self.lines[id].master {
            master.locked = locked;
        }
    }

    fn note_signals(&mut self, id: TerminalId) {
        let terminal = &mut self.lines[id].terminal;
        while let Some(signal) = terminal.next_signal() {
            let group = terminal.foreground;
            self.events.extend(group.map(|group| TerminalEvent::Signal(group, signal)));
        }
    }

    /// A session is over: nobody is controlled by its terminal.
    pub fn leave_session(&mut self, session: u32) {
        if let Some(id) = self.of_session(session) {
            let terminal = &mut self.lines[id].terminal;
            (terminal.session, terminal.foreground) = (None, None);
        }
    }

    /// Makes a terminal the controlling one of a session, in whose foreground `group` is.
    pub fn enter_session(&mut self, id: TerminalId, session: u32, group: u32) {
        let terminal = &mut self.lines[id].terminal;
        (terminal.session, terminal.foreground) = (Some(session), Some(group));
    }

    /// Puts a group into the foreground.
    pub fn set_foreground(&mut self, id: TerminalId, group: u32) {
        self.lines[id].terminal.foreground = Some(group);
    }
}

impl<P: Pages> Vfs<P> {
    fn add_line(&mut self, device: (u32, u32), master: Option<Master>) -> TerminalId {
        let (readable, writable) = (self.queues.add(), self.queues.add());
        let terminal = Terminal::new();
        let (open, hung_up, deadline) = (0, false, None);
        let line = Line { terminal, readable, writable, device, master, open, hung_up, deadline };
        self.terminals.lines.insert(line)
    }

    /// A terminal that the caller drives by [`type_in`](Self::type_in) and [`shown`](Self::shown). The first
    /// serial line is the console as well.
    pub fn add_terminal(&mut self, device: (u32, u32)) -> TerminalId {
        self.add_line(device, None)
    }

    /// A terminal begins anew, for another user; answers what was typed and nobody read.
    pub fn renew_terminal(&mut self, id: TerminalId, window: WindowSize) -> Vec<u8> {
        let terminal = &mut self.terminals.lines[id].terminal;
        let unread = terminal.take_typed();
        let (session, foreground) = (terminal.session, terminal.foreground);
        *terminal = Terminal::with_window(window);
        (terminal.session, terminal.foreground) = (session, foreground);
        self.wake_line(id);
        unread
    }

    /// Somebody typed.
    pub fn type_in(&mut self, id: TerminalId, bytes: &[u8]) {
        self.terminals.lines[id].terminal.receive(bytes);
        self.terminals.note_signals(id);
        self.wake_line(id);
    }

    /// What is to be shown, up to the length of `into`; answers how many bytes.
    pub fn shown(&mut self, id: TerminalId, into: &mut [u8]) -> usize {
        let line = &mut self.terminals.lines[id];
        let count = line.terminal.take_output(into);
        let writable = line.writable;
        if count > 0 {
            self.queues.wake(writable);
        }
        count
    }

    fn wake_line(&mut self, id: TerminalId) {
        let line = &self.terminals.lines[id];
        let both = [Some(line.readable), Some(line.writable)];
        let master = line.master.as_ref();
        let others = [master.map(|it| it.readable), master.map(|it| it.writable)];
        for queue in both.into_iter().chain(others).flatten() {
            self.queues.wake(queue);
        }
    }

    pub(crate) fn open_terminal(
        &mut self,
        context: &Context<'_>,
        device: (u32, u32),
        flags: Flags,
    ) -> Result<TerminalEnd> {
        let terminal = match device {
            MULTIPLEXER => return Ok(self.open_master()),
            CURRENT => self.terminals.of_session(context.session).ok_or(Errno::ENXIO)?,
            device => {
                let id = self.terminals.of_device(device).ok_or(Errno::ENXIO)?;
                let line = &self.terminals.lines[id];
                if line.hung_up || line.master.as_ref().is_some_and(|it| it.locked) {
                    return fail(Errno::EIO);
                }
                id
            }
        };
        let leads = context.process == context.session && context.process != 0;
        let free = self.terminals.lines[terminal].terminal.session.is_none()
            && self.terminals.of_session(context.session).is_none();
        if leads && free && !flags.contains(Flags::NO_TERMINAL) {
            self.terminals.enter_session(terminal, context.session, context.group);
        }
        let line = &mut self.terminals.lines[terminal];
        line.open += 1;
        if let Some(master) = &mut line.master {
            master.left = false;
        }
        Ok(TerminalEnd { terminal, is_master: false })
    }

    fn open_master(&mut self) -> TerminalEnd {
        let used = |number: &u32| self.terminals.of_device((SLAVES, *number)).is_some();
        let number = (0..).find(|number| !used(number)).unwrap_or(0);
        let (readable, writable) = (self.queues.add(), self.queues.add());
        let master = Master { readable, writable, locked: true, left: false, packets: None };
        let terminal = self.add_line((SLAVES, number), Some(master));
        if let Some(root) = self.slaves_root() {
            let mut attributes =
                Attributes::new(Kind::CharacterDevice, 0o620, (0, 5), Time::default());
            attributes.device = (SLAVES, number);
            self.add_entry(root, format!("{number}").as_bytes(), attributes, Body::Plain);
        }
        TerminalEnd { terminal, is_master: true }
    }

    /// The root of `/dev/pts`.
    fn slaves_root(&self) -> Option<crate::dentry::DentryId> {
        self.filesystems.iter().find(|it| it.called.1 == "devpts").map(|it| it.root)
    }

    pub(crate) fn close_terminal(&mut self, end: TerminalEnd) {
        let id = end.terminal;
        let line = &mut self.terminals.lines[id];
        if end.is_master {
            self.close_master(id);
        } else {
            line.open -= 1;
            if line.open == 0
                && let Some(master) = &mut line.master
            {
                master.left = true;
            }
            self.wake_line(id);
        }
        let line = &self.terminals.lines[id];
        if line.open == 0 && line.hung_up && line.master.is_some() {
            self.drop_line(id);
        }
    }

    fn drop_line(&mut self, id: TerminalId) {
        let Some(line) = self.terminals.lines.remove(id) else { return };
        self.queues.remove(line.readable);
        self.queues.remove(line.writable);
        if let Some(master) = line.master {
            self.queues.remove(master.readable);
            self.queues.remove(master.writable);
        }
    }

    fn close_master(&mut self, id: TerminalId) {
        let number = self.terminals.number(id).unwrap_or(0);
        if let Some(root) = self.slaves_root()
            && let Some(dentry) = self.cached(root, format!("{number}").as_bytes())
        {
            self.take_out(root, dentry);
            self.detach(dentry);
            self.unpin(dentry);
        }
        self.hang_up(id);
    }

    /// Nobody is at the other side any more: programs read the end, and their session is told.
    pub fn hang_up(&mut self, id: TerminalId) {
        let line = &mut self.terminals.lines[id];
        line.hung_up = true;
        let (session, group) = (line.terminal.session, line.terminal.foreground);
        let event = session.map(|session| TerminalEvent::HangUp(session, group));
        self.terminals.events.extend(event);
        self.wake_line(id);
    }

    /// The terminal that a file is; `ENOTTY` else.
    pub fn terminal_of(&self, file: FileId) -> Result<TerminalEnd> {
        match self.files[file].object {
            Object::Terminal(end) => Ok(end),
            _ => fail(Errno::ENOTTY),
        }
    }

    /// Has a terminal behave otherwise.
    pub fn set_terminal(
        &mut self,
        context: &Context<'_>,
        end: TerminalEnd,
        settings: Settings,
        flush: Option<Flush>,
    ) -> Result<()> {
        if !end.is_master {
            self.check_foreground(context, end.terminal, Intent::Write)?;
        }
        let terminal = &mut self.terminals.lines[end.terminal].terminal;
        let before = *terminal.settings();
        flush.into_iter().for_each(|what| terminal.flush(what));
        terminal.set_settings(settings);
        flush.into_iter().for_each(|what| self.note_flush(end.terminal, what));
        self.note_settings(end.terminal, &before);
        self.wake_line(end.terminal);
        Ok(())
    }

    /// Drops what was typed or written.
    pub fn flush_terminal(&mut self, id: TerminalId, what: Flush) {
        self.terminals.lines[id].terminal.flush(what);
        self.note_flush(id, what);
        self.wake_line(id);
    }

    /// Holds the output of a terminal, or lets it go.
    pub fn hold_terminal(&mut self, id: TerminalId, holds: bool) {
        self.terminals.lines[id].terminal.hold(holds);
        self.note_hold(id, holds);
        self.wake_line(id);
    }

    /// What shows a terminal has another size.
    pub fn set_window(&mut self, id: TerminalId, window: WindowSize) {
        self.terminals.lines[id].terminal.set_window(window);
        self.terminals.note_signals(id);
    }
}
