//! Signals on their way: sent, taken, handled, returned from.

use koito_linux::Errno;
use koito_posix_core::{
    Action, Detail, Effect, Frame, Info, Interrupted, Life, Signal, SignalSet, is_fatal, register,
    trampoline,
};
use nun::Pcb;

use crate::exec::TRAMPOLINE;
use crate::process::ProcessKey;
use crate::server::{Server, TaskKey};
use crate::wake::Waiting;

/// `rt_sigtimedwait`.
const TAKES: u32 = 128;
/// Calls that a handler interrupts for good, whatever is wished: they wait for time or signals.
const NEVER_REPEATED: [u32; 13] = [7, 23, 34, 35, 128, 130, 202, 230, 232, 270, 271, 281, 219];

impl Server {
    /// Sends a signal to a process: some thread of it takes it. Of one for real time there may be too many.
    pub fn send(&mut self, process: ProcessKey, info: Info) {
        let _ = self.queue(process, info);
    }

    /// The same; `EAGAIN` if too many signals wait already.
    pub fn queue(&mut self, process: ProcessKey, info: Info) -> Result<(), Errno> {
        let Info { signal, .. } = info;
        if !self.note(process, signal) {
            return Ok(());
        }
        if signal == Signal::KILL {
            self.kill(process);
            return Ok(());
        }
        let it = &mut self.processes[process];
        it.pending.add(info)?;
        self.wake_takers(process);
        let takes = |task: &&TaskKey| !self.tasks[**task].mask.contains(signal);
        let found = self.processes[process].tasks.iter().find(takes);
        if let Some(task) = found.copied() {
            self.alert(task);
        }
        Ok(())
    }

    /// Sends a signal to one thread. Of one for real time there may be too many.
    pub fn send_to_task(&mut self, task: TaskKey, info: Info) {
        let _ = self.queue_for_task(task, info);
    }

    /// The same; `EAGAIN` if too many signals wait already.
    pub fn queue_for_task(&mut self, task: TaskKey, info: Info) -> Result<(), Errno> {
        let process = self.tasks[task].process;
        if !self.note(process, info.signal) {
            return Ok(());
        }
        self.tasks[task].pending.add(info)?;
        self.wake_takers(process);
        if !self.tasks[task].mask.contains(info.signal) {
            self.alert(task);
        }
        Ok(())
    }

    /// What a signal does by merely being sent; answers whether somebody has to take it.
    fn note(&mut self, process: ProcessKey, signal: Signal) -> bool {
        let it = &self.processes[process];
        // Process 1 takes only what it asked for: its end would be everybody's.
        let spared = self.first == Some(process)
            && it.actions[signal.index()].handler == Action::DEFAULT
            && !self.is_held_back(process, signal);
        if it.life.is_over() || spared {
            return false;
        }
        let forgotten = match signal.default_effect() {
            Effect::Continue => SignalSet::STOPPING,
            Effect::Stop => SignalSet::of(Signal::CONTINUE),
            _ => SignalSet(0),
        };
        if !forgotten.is_empty() {
            self.processes[process].pending.forget(forgotten);
            for task in self.tasks_of(process) {
                self.tasks[task].pending.forget(forgotten);
            }
        }
        if matches!(signal, Signal::CONTINUE | Signal::KILL) {
            self.continue_process(process, signal);
        }
        // What it was sent while it was stopped may have ended it by now.
        let goes_on = self.processes.get(process).filter(|it| !it.life.is_over());
        goes_on.is_some_and(|it| {
            !it.actions[signal.index()].ignores(signal) || self.is_held_back(process, signal)
        })
    }

    /// Whether all threads of a process hold a signal back.
    fn is_held_back(&self, process: ProcessKey, signal: Signal) -> bool {
        let mut own = self.processes[process].tasks.iter();
        own.all(|task| self.tasks[*task].mask.contains(signal))
    }

    /// Lets a stopped process go on.
    fn continue_process(&mut self, process: ProcessKey, signal: Signal) {
        if !matches!(self.processes[process].life, Life::Stopped(_)) {
            return;
        }
        self.processes[process].life = Life::Running;
        for task in self.tasks_of(process) {
            // What the first of them takes may end them all.
            if let Some(it) = self.tasks.get_mut(task)
                && core::mem::take(&mut it.held)
            {
                self.run(task);
            }
        }
        let goes_on = self.processes.get(process).is_some_and(|it| !it.life.is_over());
        if signal == Signal::CONTINUE && goes_on {
            self.processes[process].life = Life::Continued;
            self.processes[process].is_news = true;
            self.tell_parent(process);
        }
    }

    /// Has a thread look for signals before it goes on.
    fn alert(&mut self, task: TaskKey) {
        self.tasks[task].attention = true;
        if Some(task) == self.caller {
            // It will, when its call is answered.
            return;
        }
        if self.tasks[task].waiting.is_some() {
            self.interrupt_wait(task);
        } else if !self.tasks[task].held {
            let _ = self.tasks[task].body.pcb.interrupt();
        } else if self.has_signal(task) == Some(Signal::KILL) {
            self.tasks[task].held = false;
            self.run(task);
        }
    }

    /// The next signal that a thread would take.
    fn has_signal(&self, task: TaskKey) -> Option<Signal> {
        let it = &self.tasks[task];
        let pending = it.pending.set().with(self.processes[it.process].pending.set());
        pending.without(it.mask.maskable()).first()
    }

    /// Whether a thread has to look after a signal before it waits: one with a handler, or one that ends
    /// or stops its process.
    pub fn is_interrupted(&self, task: TaskKey) -> bool {
        self.tasks[task].attention && self.has_signal(task).is_some()
    }

    /// A signal comes to a thread that waits.
    fn interrupt_wait(&mut self, task: TaskKey) {
        let Some(signal) = self.has_signal(task) else { return };
        if let Some(Waiting::Disk { .. } | Waiting::Page(_)) = self.tasks[task].waiting {
            // It takes the signal when the file server has answered.
            return;
        }
        let action = self.process_of(task).actions[signal.index()];
        if action.handler == Action::DEFAULT && signal.default_effect() == Effect::Stop {
            // Its wait goes on meanwhile.
            self.take_pending(task, signal);
            self.stop_process(self.tasks[task].process, signal);
            return;
        }
        let Some(waiting) = self.tasks[task].waiting else { return };
        if let Waiting::Answer(_) = waiting {
            // Nothing ends that but what it waits for.
            return;
        }
        self.take_waiting(task);
        self.tasks[task].deadline = None;
        self.interrupted(task, &waiting, &action);
        self.run(task);
    }

    /// Sets the registers of a thread whose wait a signal ended: it makes its call again after the
    /// handler, or gets an error.
    fn interrupted(&mut self, task: TaskKey, waiting: &Waiting, action: &Action) {
        let moved = self.end_file_wait(task);
        let pcb = self.tasks[task].body.pcb;
        if moved > 0 {
            // What was written is written.
            let written = pcb.write_register(register::RAX as u64, moved);
            return written.expect("a stopped thread can be written to");
        }
        let again = match waiting {
            Waiting::Repeat { number, .. } if !NEVER_REPEATED.contains(number) => Some(*number),
            _ => None,
        };
        let repeats = action.flags & Action::RESTART != 0 || action.handler <= Action::IGNORE;
        let written = match again {
            Some(number) if repeats => return self.make_again(task, number),
            _ => pcb.write_register(register::RAX as u64, Errno::EINTR.answer()),
        };
        written.expect("a stopped thread can be written to");
    }

    /// The same for the caller, which was about to wait.
    pub fn interrupt_call(&mut self, task: TaskKey, number: u32, arguments: [u64; 6]) {
        let Some(signal) = self.has_signal(task) else { return };
        let action = self.process_of(task).actions[signal.index()];
        self.interrupted(task, &Waiting::Repeat { number, arguments }, &action);
        self.tasks[task].deadline = None;
    }

    /// Wakes those threads of a process that wait to take a signal by a call, or by reading it.
    fn wake_takers(&mut self, process: ProcessKey) {
        self.world.vfs.signal_waits();
        for key in &self.processes[process].tasks {
            if let Some(Waiting::Repeat { number: TAKES, .. }) = self.tasks[*key].waiting {
                self.woken.push_back(*key);
            }
        }
    }

    /// The signals that wait for a thread.
    pub fn waiting_signals(&self, task: TaskKey) -> SignalSet {
        let it = &self.tasks[task];
        it.pending.set().with(self.processes[it.process].pending.set())
    }

    /// Takes a signal of `set` that waits for a thread.
    pub fn take_one_of(&mut self, task: TaskKey, set: SignalSet) -> Option<Info> {
        let others = SignalSet(!set.0);
        self.take_pending(task, self.waiting_signals(task).without(others).first()?)
    }

    fn take_pending(&mut self, task: TaskKey, signal: Signal) -> Option<Info> {
        let process = self.tasks[task].process;
        let own = self.tasks[task].pending.take(signal);
        own.or_else(|| self.processes[process].pending.take(signal))
    }

    /// Takes the signals of a thread that is about to go on, and whose registers are as they should be;
    /// answers whether it can: it may have ended, or its process may be stopped.
    pub fn take_signals(&mut self, task: TaskKey) -> bool {
        loop {
            let process = self.tasks[task].process;
            let Some(signal) = self.has_signal(task) else {
                self.tasks[task].attention = false;
                if let Some(mask) = self.tasks[task].restored_mask.take() {
                    self.set_mask(task, mask);
                    continue;
                }
                break;
            };
            let Some(info) = self.take_pending(task, signal) else { continue };
            let action = self.processes[process].actions[signal.index()];
            match (action.handler, signal.default_effect()) {
                (Action::IGNORE, _) | (Action::DEFAULT, Effect::Nothing | Effect::Continue) => {}
                (Action::DEFAULT, Effect::Stop) => self.stop_process(process, signal),
                (Action::DEFAULT, _) => {
                    self.end_process(process, Some(task), Life::Killed(signal.number()));
                    return false;
                }
                _ => {
                    if self.enter_handler(task, &info, &action).is_err() {
                        let life = Life::Killed(Signal::SEGMENTATION.number());
                        self.end_process(process, Some(task), life);
                        return false;
                    }
                }
            }
        }
        let stopped = matches!(self.process_of(task).life, Life::Stopped(_));
        self.tasks[task].held = stopped;
        self.tasks[task].attention = stopped;
        !stopped
    }

    /// Stops a process, and tells its parent.
    fn stop_process(&mut self, process: ProcessKey, signal: Signal) {
        self.processes[process].life = Life::Stopped(signal.number());
        self.processes[process].is_news = true;
        for task in self.tasks_of(process) {
            let it = &mut self.tasks[task];
            it.attention = true;
            if it.waiting.is_none() && !it.held && Some(task) != self.caller {
                let _ = it.body.pcb.interrupt();
            }
        }
        self.tell_parent(process);
    }

    /// Sets what a thread holds back.
    pub fn set_mask(&mut self, task: TaskKey, mask: SignalSet) {
        self.tasks[task].mask = mask.maskable();
        self.tasks[task].attention = self.has_signal(task).is_some();
    }

    /// Has a stopped thread enter a handler next, by way of the code in its own memory.
    fn enter_handler(&mut self, task: TaskKey, info: &Info, action: &Action) -> Result<(), Errno> {
        self.end_again(task);
        let signal = info.signal;
        let it = &mut self.tasks[task];
        let (pcb, mask, alternate) = (it.body.pcb, it.mask, it.alternate);
        let restored = it.restored_mask.take().unwrap_or(mask);
        let read = |number: usize| pcb.read_register(number as u64).map_err(|_| Errno::EFAULT);
        let (instruction, stack) = (read(register::RIP)?, read(register::RSP)?);
        let uses_own =
            action.flags & Action::ON_STACK != 0 && alternate.bytes > 0 && !alternate.holds(stack);
        let state_bytes = self.state_bytes(pcb);
        let interrupted =
            Interrupted { instruction, stack, mask: restored, alternate, state_bytes };
        let top = uses_own.then_some(alternate.start.wrapping_add(alternate.bytes));
        let frame = Frame::new(&interrupted, info, action, top);
        self.write_bytes(task, frame.mark_at, &Frame::MARK)?;
        self.write_bytes(task, frame.words_at, &frame.words)?;
        self.write_bytes(task, frame.pointer, &frame.bytes)?;
        pcb.write_register(register::RIP as u64, TRAMPOLINE + trampoline::ENTER)
            .and_then(|()| pcb.write_register(register::RSP as u64, frame.pointer))
            .map_err(|_| Errno::EFAULT)?;
        let mut held = mask.with(action.mask);
        if action.flags & Action::NO_DEFER == 0 {
            held = held.with(SignalSet::of(signal));
        }
        if action.flags & Action::RESET != 0 {
            self.process_of_mut(task).actions[signal.index()] = Action::default();
        }
        self.set_mask(task, held);
        Ok(())
    }

    /// Has the caller go on where a handler interrupted it, as the frame on its stack says.
    pub fn return_from_handler(&mut self, task: TaskKey) -> Result<(), Errno> {
        let pcb = self.tasks[task].body.pcb;
        let stack = pcb.read_register(register::RSP as u64).map_err(|_| Errno::EFAULT)?;
        // The handler's return took the address away.
        let frame = stack.wrapping_sub(8);
        let [mask] = self.read_words(task, frame.wrapping_add(Frame::MASK_OFFSET))?;
        pcb.write_register(register::RIP as u64, TRAMPOLINE + trampoline::LEAVE)
            .and_then(|()| pcb.write_register(register::RSP as u64, frame))
            .map_err(|_| Errno::EFAULT)?;
        self.set_mask(task, SignalSet(mask));
        Ok(())
    }

    /// Bytes of an extended state on this machine.
    fn state_bytes(&mut self, pcb: Pcb) -> u64 {
        if self.state_bytes == 0 {
            self.state_bytes = pcb.read_vector().unwrap_or(0);
        }
        self.state_bytes
    }

    /// A fault of the caller that is its own: it gets a signal, or ends.
    pub fn fault_signal(&mut self, task: TaskKey, signal: Signal, code: i32, address: u64) {
        let process = self.tasks[task].process;
        let action = self.processes[process].actions[signal.index()];
        if is_fatal(signal, &action, self.tasks[task].mask) {
            self.end_process(process, Some(task), Life::Killed(signal.number()));
            return;
        }
        let info = Info { signal, code, detail: Detail::Address(address) };
        // Where one waits already, nothing is added.
        let _ = self.tasks[task].pending.add(info);
        self.tasks[task].attention = true;
    }
}
