//! Files, in the name of processes: what each has open, and how a call waits for files.

use alloc::vec::Vec;

use koito_linux::Errno;
use koito_posix_core::{Detail, Info, Key, Signal};
use koito_vfs::{
    Context, Credentials, DentryId, Descriptor, Descriptors, FileId, Finished, Flags, Intent,
    OnExec, Place, QueueId, TerminalEvent, Time, Token, Vfs,
};

use crate::call::Stop;
use crate::disk::Acting;
use crate::machine::Memory;
use crate::process::ProcessKey;
use crate::server::{Server, TaskKey, World};
use crate::shown::Shown;
use crate::wake::Waiting;

const NANOSECONDS: u64 = 1_000_000_000;
/// What was written is on the disk after so long, in nanoseconds.
const WRITE_BACK_AFTER: u64 = 5 * NANOSECONDS;

/// What a process has open, and from where it looks at files.
#[derive(Debug)]
pub struct Opened {
    /// Its descriptors.
    pub descriptors: Descriptors,
    /// Its root and working directory.
    pub place: Place,
    /// Permissions that new files do not get.
    pub umask: u16,
}

impl Opened {
    /// For a process without parent: nothing is open.
    pub fn first(vfs: &mut Vfs<Memory>) -> Self {
        Self { descriptors: Descriptors::new(), place: vfs.first_place(), umask: 0o022 }
    }

    /// The same for a child.
    pub fn fork(&self, vfs: &mut Vfs<Memory>) -> Self {
        Self {
            descriptors: self.descriptors.fork(vfs),
            place: vfs.clone_place(&self.place),
            umask: self.umask,
        }
    }
}

/// What came of an operation: its value, or what the file server did.
pub enum Came<T> {
    /// The operation's own result.
    Value(T),
    /// It was done, and there is no more to say.
    Done,
    /// It made this name, which is held for the caller.
    Made(DentryId),
}

/// A time as files have it.
pub const fn file_time(nanoseconds: u64) -> Time {
    Time {
        seconds: (nanoseconds / NANOSECONDS) as i64,
        nanoseconds: (nanoseconds % NANOSECONDS) as u32,
    }
}

/// The task that a token names.
const fn task(token: Token) -> TaskKey {
    Key::new(token.0 as u32)
}

impl Server {
    /// Does something with files in the name of a process, or of the server, with the file server's help.
    pub fn on_files<T>(
        &mut self,
        process: Option<ProcessKey>,
        mut work: impl FnMut(&mut Vfs<Memory>, &Context<'_>) -> koito_vfs::Result<T>,
    ) -> koito_vfs::Result<Came<T>> {
        match self.world.finished.take() {
            Some(Finished::Done) => return Ok(Came::Done),
            Some(Finished::Made(name)) => return Ok(Came::Made(name)),
            Some(Finished::Again) | None => {}
        }
        let Self { world, place, processes, tasks, numbers, spaces, clock, .. } = self;
        let World { vfs, disk, acting, objects, names, .. } = world;
        let shown = Shown::new(
            vfs,
            (processes, tasks),
            numbers,
            spaces,
            (clock, names, objects.placement.cpus()),
        );
        let mut context = Context {
            place,
            credentials: Credentials::default(),
            umask: 0o022,
            now: file_time(clock.real()),
            process: 0,
            group: 0,
            session: 0,
            resolve: self.resolve,
            insists: self.insists,
            system: &shown,
        };
        if let Some(process) = process {
            let it = processes.get(process).ok_or(Errno::ESRCH)?;
            let opened = it.files.as_ref().ok_or(Errno::ESRCH)?;
            let (user, group) = (it.owner.users[1], it.owner.groups[1]);
            context.credentials = Credentials { user, group, groups: &it.owner.others };
            context.place = &opened.place;
            context.umask = opened.umask;
            (context.process, context.group, context.session) = (it.number, it.group, it.session);
        }
        loop {
            let request = match work(vfs, &context) {
                Ok(value) => return Ok(Came::Value(value)),
                Err(koito_vfs::Stop::Fetch(request) | koito_vfs::Stop::Commit(request)) => request,
                Err(stop) => return Err(stop),
            };
            match disk.ask(vfs, request, acting)? {
                Some(Finished::Again) => {}
                Some(Finished::Done) => return Ok(Came::Done),
                Some(Finished::Made(name)) => return Ok(Came::Made(name)),
                // The call is made again, whatever it makes of this.
                None => return Err(Errno::EAGAIN.into()),
            }
        }
    }

    /// The same for a call of `task`: it may wait, and it is seen to what others wait for.
    pub fn file_call<T>(
        &mut self,
        task: TaskKey,
        mut work: impl FnMut(&mut Vfs<Memory>, &Context<'_>) -> koito_vfs::Result<T>,
    ) -> Result<Came<T>, Stop> {
        let process = self.tasks[task].process;
        let mut came = self.on_files(Some(process), &mut work);
        if matches!(came, Err(koito_vfs::Stop::Background(Intent::Write)))
            && self.is_deaf(task, Signal::TERMINAL_OUTPUT)
        {
            self.insists = true;
            came = self.on_files(Some(process), work);
            self.insists = false;
        }
        self.settle_files();
        came.map_err(|stop| self.stop_at(task, stop))
    }

    /// The wait of a thread for files is over before it had an answer; tells how many bytes it had moved.
    pub fn end_file_wait(&mut self, task: TaskKey) -> u64 {
        self.leave_queues(task);
        let Some(it) = self.tasks.get_mut(task) else { return 0 };
        let moved = core::mem::take(&mut it.moved);
        if let Some(file) = it.opening.take() {
            self.world.vfs.close(file);
        }
        moved
    }

    /// The same for calls that answer a number; what the file server did is answered by 0.
    pub fn number_call(
        &mut self,
        task: TaskKey,
        work: impl FnMut(&mut Vfs<Memory>, &Context<'_>) -> koito_vfs::Result<u64>,
    ) -> Result<u64, Stop> {
        match self.file_call(task, work)? {
            Came::Value(value) => Ok(value),
            Came::Done => Ok(0),
            Came::Made(name) => {
                self.world.vfs.unpin(name);
                Ok(0)
            }
        }
    }

    /// What a call does that files stop.
    pub fn stop_at(&mut self, task: TaskKey, stop: koito_vfs::Stop) -> Stop {
        match stop {
            koito_vfs::Stop::Error(errno) => Stop::Error(errno),
            koito_vfs::Stop::Wait(queue) => self.wait_at(task, queue),
            koito_vfs::Stop::WaitUntil(queue, time) => {
                let until = time.seconds as u64 * NANOSECONDS + u64::from(time.nanoseconds);
                let left = until.saturating_sub(self.clock.real());
                self.set_deadline(task, Some(self.clock.now() + left));
                self.wait_at(task, queue)
            }
            koito_vfs::Stop::Background(intent) => self.stop_background(task, intent),
            // Those were carried out.
            koito_vfs::Stop::Fetch(_) | koito_vfs::Stop::Commit(_) => Stop::Error(Errno::EIO),
        }
    }

    fn wait_at(&mut self, task: TaskKey, queue: QueueId) -> Stop {
        let stop = self.wait_in(task, queue);
        self.await_keys();
        stop
    }

    /// A call waits in a queue for something that has nothing to do with keys.
    pub fn wait_in(&mut self, task: TaskKey, queue: QueueId) -> Stop {
        self.leave_queues(task);
        self.world.vfs.queues.enter(queue, Token(task.number().into()));
        self.tasks[task].queues.push(queue);
        Stop::Wait
    }

    /// A call waits for any of these files.
    pub fn wait_for_files(&mut self, task: TaskKey, files: impl IntoIterator<Item = FileId>) {
        self.leave_queues(task);
        let mut queues = core::mem::take(&mut self.tasks[task].queues);
        for file in files {
            self.world.vfs.wait_for(file, Token(task.number().into()), &mut queues);
        }
        self.tasks[task].queues = queues;
    }

    /// Takes keys that came to logins, and asks for more.
    pub fn await_keys(&mut self) {
        self.terminals.attend(&mut self.world.vfs);
        self.settle_files();
    }

    /// A thread does not wait for files any more.
    pub fn leave_queues(&mut self, task: TaskKey) {
        let Some(it) = self.tasks.get_mut(task) else { return };
        for queue in it.queues.drain(..) {
            self.world.vfs.queues.leave(queue, Token(task.number().into()));
        }
    }

    /// Whether a signal means nothing to a thread: it is held back or ignored.
    fn is_deaf(&self, task: TaskKey, signal: Signal) -> bool {
        let action = &self.process_of(task).actions[signal.index()];
        self.tasks[task].mask.contains(signal) || action.ignores(signal)
    }

    /// The group of a process in the background gets a signal; what it wanted is tried again afterwards.
    fn stop_background(&mut self, task: TaskKey, intent: Intent) -> Stop {
        let signal = match intent {
            Intent::Read => Signal::TERMINAL_INPUT,
            Intent::Write => Signal::TERMINAL_OUTPUT,
        };
        if self.is_deaf(task, signal) {
            return Stop::Error(Errno::EIO);
        }
        let group = self.process_of(task).group;
        self.send_to_group(group, signal);
        Stop::Wait
    }

    /// Sends a signal of the system's own to all processes of a group.
    pub fn send_to_group(&mut self, group: u32, signal: Signal) {
        let members: Vec<ProcessKey> = self.numbers.members(group).collect();
        for process in members {
            self.send(process, Info { signal, code: 0x80, detail: Detail::Sender(0, 0) });
        }
    }

    /// Wakes those who waited for files of which something has come.
    #[inline]
    pub fn wake_woken(&mut self) {
        while let Some(token) = self.world.vfs.queues.next_woken() {
            let key = task(token);
            let waiting = self.tasks.get(key).map(|it| it.waiting);
            // Whoever waits for something else was not meant.
            if matches!(waiting, Some(None | Some(Waiting::Repeat { .. }))) {
                self.wake(key);
            }
        }
    }

    /// Sees to what an operation on files brought about: who goes on, who gets a signal, what is shown.
    pub fn settle_files(&mut self) {
        self.settle_disk();
        self.wake_woken();
        while let Some(event) = self.world.vfs.terminals.next_event() {
            match event {
                TerminalEvent::Signal(group, signal) => {
                    let signal = match signal {
                        koito_tty::Signal::Interrupt => Signal::INTERRUPT,
                        koito_tty::Signal::Quit => Signal::QUIT,
                        koito_tty::Signal::Suspend => Signal::TERMINAL_STOP,
                        koito_tty::Signal::WindowChanged => Signal::WINDOW,
                    };
                    self.send_to_group(group, signal);
                }
                TerminalEvent::HangUp(session, group) => {
                    self.send_to_group(session, Signal::HANGUP);
                    self.send_to_group(session, Signal::CONTINUE);
                    if let Some(group) = group.filter(|group| *group != session) {
                        self.send_to_group(group, Signal::HANGUP);
                        self.send_to_group(group, Signal::CONTINUE);
                    }
                }
            }
        }
        self.terminals.show(&mut self.world.vfs);
    }

    /// Sees what the file server has answered, and sends it what nobody waits for.
    fn settle_disk(&mut self) {
        let World { vfs, disk, acting, .. } = &mut self.world;
        if disk.is_idle() && !vfs.has_background() {
            return self.see_to_write_back();
        }
        // While a call is made, what it has found is not taken away.
        let is_between = *acting == Acting::Nobody;
        if is_between {
            disk.advance(vfs);
        }
        disk.send_behind(vfs);
        self.see_to_write_back();
        if !is_between {
            return;
        }
        while let Some(answered) = self.world.disk.next_answer() {
            self.hear_of_disk(answered);
        }
        while let Some(turn) = self.world.disk.next_turn() {
            if self.hear_of_disk(turn) {
                break;
            }
        }
    }

    /// Sees to it that what is only here is written back in time.
    #[inline]
    pub fn see_to_write_back(&mut self) {
        let World { vfs, disk, .. } = &self.world;
        if (vfs.is_dirty() || disk.is_unsynced()) && self.write_back_at == u64::MAX {
            self.write_back_at = self.clock.now() + WRITE_BACK_AFTER;
            self.arm(self.write_back_at);
        }
    }

    /// Writes back what is only here, and has it last, if it is time.
    pub fn write_back(&mut self, now: u64) {
        if now < self.write_back_at {
            return;
        }
        self.write_back_at = u64::MAX;
        // What cannot be written is told by `fsync`.
        self.world.disk.flush();
    }

    /// Closes all that a process has open: it ends.
    pub fn close_all(&mut self, process: ProcessKey) {
        let it = &mut self.processes[process];
        let (number, session) = (it.number, it.session);
        let Some(mut opened) = it.files.take() else { return };
        let vfs = &mut self.world.vfs;
        while let Some(file) = opened.descriptors.take_any() {
            vfs.unlock_all(file, koito_vfs::Owner(number.into()));
            vfs.close(file);
        }
        vfs.drop_place(opened.place);
        it.program_name.take().into_iter().for_each(|name| vfs.unpin(name));
        if number == session
            && let Some(terminal) = vfs.terminals.of_session(session)
        {
            let group = vfs.terminals.terminal(terminal).foreground;
            vfs.terminals.leave_session(session);
            group.into_iter().for_each(|group| self.send_to_group(group, Signal::HANGUP));
        }
        self.settle_files();
    }

    /// Opens a terminal three times, for a process without parent; unless `flags` say otherwise, it becomes its
    /// controlling terminal.
    pub fn open_terminal(
        &mut self,
        process: ProcessKey,
        path: &[u8],
        flags: Flags,
    ) -> Result<(), Errno> {
        let came = self.on_files(Some(process), |vfs, context| {
            vfs.open(context, context.place.root, path, Flags::READ_WRITE | flags, 0)
        });
        let Ok(Came::Value(file)) = came else { return Err(Errno::ENXIO) };
        let World { vfs, .. } = &mut self.world;
        let opened = self.processes[process].files.as_mut().ok_or(Errno::ESRCH)?;
        for number in 0..3 {
            let descriptor = Descriptor { file, on_exec: OnExec::Keep };
            opened.descriptors.replace(number, descriptor, 3)?;
            vfs.share(file);
        }
        vfs.close(file);
        Ok(())
    }

    /// The open file behind a descriptor of the caller.
    pub fn file(&self, task: TaskKey, descriptor: u64) -> Result<FileId, Errno> {
        let opened = self.process_of(task).files.as_ref().ok_or(Errno::EBADF)?;
        opened.descriptors.file(descriptor)
    }

    /// What the calling process has open.
    pub fn opened(&mut self, task: TaskKey) -> Result<&mut Opened, Errno> {
        self.process_of_mut(task).files.as_mut().ok_or(Errno::ESRCH)
    }
}
