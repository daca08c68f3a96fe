//! First-in, first-out queues of processes, threaded through their PCBs.

use core::cell::Cell;

use a9n_hal::Hal;

use crate::{Process, Ref, Store};

/// A queue of processes. A process is in at most one, and its state says in which.
///
/// The links of the first element backwards and of the last element forwards are not kept up;
/// `head` and `tail` say where the queue ends. All operations take constant time.
#[repr(C)]
#[derive(Clone, Debug, Default)]
pub struct Queue {
    head: Cell<Option<Ref<Process>>>,
    tail: Cell<Option<Ref<Process>>>,
}

impl Queue {
    /// An empty queue.
    pub const fn new() -> Self {
        Self { head: Cell::new(None), tail: Cell::new(None) }
    }

    /// The first process.
    #[inline(always)]
    pub fn first(&self) -> Option<Ref<Process>> {
        self.head.get()
    }

    /// The last process, if there is a first.
    pub fn last(&self) -> Option<Ref<Process>> {
        self.tail.get()
    }

    /// Puts `process` at the end of an *empty* queue.
    #[inline(always)]
    pub fn start(&self, process: Ref<Process>) {
        self.head.set(Some(process));
        self.tail.set(Some(process));
    }

    /// Puts `process` at the end.
    pub fn push_back<H: Hal>(&self, store: &Store<H>, process: Ref<Process>) {
        match (self.head.get(), self.tail.get()) {
            (Some(_), Some(last)) => {
                store.get(last).link_next.set(Some(process));
                store.get(process).link_previous.set(Some(last));
                self.tail.set(Some(process));
            }
            _ => self.start(process),
        }
    }

    /// Puts `process` at the front.
    pub fn push_front<H: Hal>(&self, store: &Store<H>, process: Ref<Process>) {
        match self.head.get() {
            Some(first) => {
                store.get(first).link_previous.set(Some(process));
                store.get(process).link_next.set(Some(first));
                self.head.set(Some(process));
            }
            None => self.start(process),
        }
    }

    /// Takes the first process, `first`, out.
    #[inline(always)]
    pub fn drop_front<H: Hal>(&self, store: &Store<H>, first: Ref<Process>) {
        let rest = if self.tail.get() == Some(first) {
            None
        } else {
            // Mostly one process waits, or none.
            core::hint::cold_path();
            store.get(first).link_next.get()
        };
        self.head.set(rest);
    }

    /// Takes the first process out.
    pub fn pop_front<H: Hal>(&self, store: &Store<H>) -> Option<Ref<Process>> {
        let first = self.head.get()?;
        self.drop_front(store, first);
        Some(first)
    }

    /// Takes `process`, which is in this queue, out.
    pub fn remove<H: Hal>(&self, store: &Store<H>, process: Ref<Process>) {
        if self.head.get() == Some(process) {
            self.drop_front(store, process);
            return;
        }
        let pcb = store.get(process);
        let previous = pcb.link_previous.get();
        let Some(before) = previous else { return };
        if self.tail.get() == Some(process) {
            self.tail.set(Some(before));
        } else if let Some(after) = pcb.link_next.get() {
            store.get(before).link_next.set(Some(after));
            store.get(after).link_previous.set(Some(before));
        }
    }
}
