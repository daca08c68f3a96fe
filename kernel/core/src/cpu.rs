//! What one CPU knows about who runs next: its ready queues, and the scheduling context in use.

use core::cell::Cell;

use a9n_hal::{Hal, Ticks};
use a9n_store::{Process, Queue, Ref, SchedulingContext, Store};

const PRIORITIES: usize = 256;
/// Logarithm of the priorities that one word tells of.
const WORD_SHIFT: u32 = u64::BITS.ilog2();
/// A priority's place in its word.
const WORD_MASK: u8 = (1 << WORD_SHIFT) - 1;
const WORDS: usize = PRIORITIES >> WORD_SHIFT;

/// Scheduling state of one CPU.
#[derive(Clone, Debug)]
pub(crate) struct Cpu {
    /// Ready processes by priority.
    queues: [Queue; PRIORITIES],
    /// A bit for each priority with a ready process.
    occupied: [Cell<u64>; WORDS],
    /// A bit for each word of those that is not 0.
    summary: Cell<u64>,
    /// The running process.
    pub(crate) current: Cell<Option<Ref<Process>>>,
    /// Priority of the scheduling context in use.
    pub(crate) priority: Cell<u8>,
    /// When the quantum in use ends.
    pub(crate) quantum_end: Cell<Ticks>,
    /// When the user's timer goes off.
    pub(crate) alarm: Cell<Option<Ticks>>,
    /// When the machine's timer will go off; `Ticks::MAX` if nothing was asked of it. It may go off
    /// early: then it is asked anew, which is cheaper than to ask at every change. The first event
    /// of every CPU is its timer's, so what stands here before does not matter; 0 keeps a new
    /// kernel all zero, and out of the image's file.
    pub(crate) asked: Cell<Ticks>,
    /// Since when CPU time is charged to the running process.
    pub(crate) since: Cell<Ticks>,
}

impl Cpu {
    /// An idle CPU.
    pub(crate) const fn new() -> Self {
        Self {
            queues: [const { Queue::new() }; PRIORITIES],
            occupied: [const { Cell::new(0) }; WORDS],
            summary: Cell::new(0),
            current: Cell::new(None),
            priority: Cell::new(0),
            quantum_end: Cell::new(0),
            alarm: Cell::new(None),
            asked: Cell::new(0),
            since: Cell::new(0),
        }
    }

    /// Highest priority with a ready process.
    #[inline(always)]
    pub(crate) fn highest(&self) -> Option<u8> {
        let index = self.summary.get().checked_ilog2()?;
        let bit = self.word(index as u8).get().checked_ilog2()?;
        Some(((index << WORD_SHIFT).wrapping_add(bit)) as u8)
    }

    fn word(&self, index: u8) -> &Cell<u64> {
        // The mask is the bound.
        &self.occupied[usize::from(index) & (WORDS - 1)]
    }

    /// The process that is to run when nobody does.
    #[inline(always)]
    pub(crate) fn first(&self) -> Option<Ref<Process>> {
        self.queue(self.highest()?).first()
    }

    /// Priority of the scheduling context in use.
    #[inline(always)]
    pub(crate) fn priority(&self) -> u8 {
        self.priority.get()
    }

    /// Why the running process is to make way for others, if it is.
    #[inline(always)]
    pub(crate) fn pause(&self) -> Option<Pause> {
        if self.quantum_end.get() == 0 {
            return Some(Pause::Ended);
        }
        let is_urgent = self.highest().is_some_and(|highest| highest > self.priority());
        is_urgent.then_some(Pause::Interrupted)
    }

    /// `context` is in use from `now` on.
    #[inline(always)]
    pub(crate) fn lay_down(&self, context: SchedulingContext, now: Ticks) {
        self.priority.set(context.priority);
        self.quantum_end.set(now.wrapping_add(context.remaining));
    }

    /// When the timer has to go off for the context in use, if it would come too late. The user's
    /// time is provided for: whatever makes the timer go off later than that asks for it again.
    #[inline(always)]
    pub(crate) fn new_deadline(&self) -> Option<Ticks> {
        let deadline = self.quantum_end.get();
        let is_sooner = deadline < self.asked.get();
        is_sooner.then(|| {
            self.asked.set(deadline);
            deadline
        })
    }

    /// What is left at `now` of the scheduling context in use.
    #[inline(always)]
    pub(crate) fn context_at(&self, now: Ticks) -> SchedulingContext {
        SchedulingContext {
            priority: self.priority.get(),
            remaining: self.quantum_end.get().saturating_sub(now),
        }
    }

    pub(crate) fn queue(&self, priority: u8) -> &Queue {
        &self.queues[usize::from(priority)]
    }

    /// Notes that `priority` has no ready process, if that is so.
    #[inline(always)]
    pub(crate) fn update_bit(&self, priority: u8) {
        if self.queue(priority).first().is_none() {
            let index = priority >> WORD_SHIFT;
            let word = self.word(index);
            word.set(word.get() & !(1 << (priority & WORD_MASK)));
            if word.get() == 0 {
                self.summary.set(self.summary.get() & !(1 << index));
            }
        }
    }

    /// Takes `first`, the first with `priority`, out of its queue.
    #[inline(always)]
    pub(crate) fn dequeue<H: Hal>(&self, store: &Store<H>, priority: u8, first: Ref<Process>) {
        self.queue(priority).drop_front(store, first);
        self.update_bit(priority);
    }

    /// Puts `process`, whose scheduling context has `priority`, into the queue of that.
    #[inline(always)]
    pub(crate) fn enqueue<H: Hal>(
        &self,
        store: &Store<H>,
        process: Ref<Process>,
        priority: u8,
        place: Place,
    ) {
        match place {
            Place::Back => self.queue(priority).push_back(store, process),
            Place::Front => self.queue(priority).push_front(store, process),
        }
        let index = priority >> WORD_SHIFT;
        let word = self.word(index);
        word.set(word.get() | 1 << (priority & WORD_MASK));
        self.summary.set(self.summary.get() | 1 << index);
    }
}

#[cfg(any(test, feature = "check"))]
impl Cpu {
    /// Ready processes by priority.
    pub(crate) fn queues(&self) -> &[Queue] {
        &self.queues
    }

    /// Whether the bit of `priority` is set.
    pub(crate) fn is_occupied(&self, priority: u8) -> bool {
        let index = priority >> WORD_SHIFT;
        let (told, occupied) = (self.summary.get() & 1 << index != 0, self.word(index).get());
        assert_eq!(told, occupied != 0, "what is known of a word of priorities");
        occupied & 1 << (priority & WORD_MASK) != 0
    }

    /// Makes it `time` instead of `now`.
    pub(crate) fn rebase_time(&self, now: Ticks, time: Ticks) {
        let rebase = |before: Ticks| time.saturating_add(before.saturating_sub(now));
        for cell in [&self.quantum_end, &self.asked].into_iter().filter(|cell| cell.get() != 0) {
            cell.set(rebase(cell.get()));
        }
        if self.asked.get() > Ticks::MAX / 2 {
            self.asked.set(Ticks::MAX);
        }
        self.since.set(rebase(self.since.get()));
        self.alarm.set(self.alarm.get().map(rebase));
    }

    /// Tells CPUs apart that would go on in different ways. What is charged is not told apart.
    pub(crate) fn hash_into(&self, hasher: &mut impl core::hash::Hasher) {
        use core::hash::Hash;
        for queue in self.queues.iter().filter(|queue| queue.first().is_some()) {
            (queue.first(), queue.last()).hash(hasher);
        }
        let bits =
            (0..WORDS as u8).map(|index| self.word(index).get()).collect::<std::vec::Vec<_>>();
        let times = (self.quantum_end.get(), self.alarm.get(), self.asked.get());
        (bits, self.priority.get(), times).hash(hasher);
    }
}

/// Why a process that could go on does not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pause {
    /// Somebody more urgent runs. It goes on with what is left of its quantum.
    Interrupted,
    /// Its quantum has ended.
    Ended,
}

/// Where a process enters its ready queue.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Place {
    Front,
    Back,
}
