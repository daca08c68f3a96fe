//! The lock and the shoot-down under a model checker, which tries every order in which CPUs can see
//! each other's stores. Runs with `--cfg loom` only: `cargo xtask test --suite locks`.
//!
//! A CPU of the model is a thread. In user mode it takes interrupts; in the kernel, and while it
//! waits, it takes none and serves. A translation is a flag: set from the page table when the CPU
//! uses the page, cleared when it forgets that page or everything.

#![cfg(loom)]

use a9n_handshake::{Lock, Request, Requests};
use loom::cell::UnsafeCell;
use loom::sync::atomic::AtomicBool;
use loom::sync::atomic::Ordering::Relaxed;
use loom::sync::{Arc, Condvar, Mutex};
use loom::thread;

/// Pages that can be used.
const PAGES: usize = 2;

/// One CPU.
struct Cpu {
    requests: Requests,
    interrupts: Interrupts,
    /// It has the translation of a page cached. Only itself writes.
    cached: [AtomicBool; PAGES],
}

/// A CPU's interrupt controller: it keeps what came until the CPU takes it.
struct Interrupts {
    pending: Mutex<Pending>,
    change: Condvar,
}

#[derive(Clone, Copy, Default)]
struct Pending {
    /// To forget.
    forget: bool,
    /// To look again at who should run.
    nudge: bool,
    /// The other CPU has nothing to do any more: none will come.
    last: bool,
}

impl Interrupts {
    fn new() -> Self {
        Self { pending: Mutex::new(Pending::default()), change: Condvar::new() }
    }

    fn raise(&self, set: impl FnOnce(&mut Pending)) {
        set(&mut self.pending.lock().expect("no panic before"));
        self.change.notify_one();
    }

    /// What came, which is taken by that; waits while nothing did.
    fn take(&self) -> Pending {
        let mut pending = self.pending.lock().expect("no panic before");
        while !(pending.forget || pending.nudge || pending.last) {
            pending = self.change.wait(pending).expect("no panic before");
        }
        let taken = *pending;
        (pending.forget, pending.nudge) = (false, false);
        taken
    }
}

/// A machine, and what the kernel guards with its lock.
struct Machine {
    cpus: Vec<Cpu>,
    lock: Lock,
    /// Whoever touches it is in the kernel: the checker complains about two at once.
    kernel: UnsafeCell<usize>,
    /// What a nudged CPU is to find, one for each.
    work: Vec<AtomicBool>,
    /// The page table.
    mapped: [AtomicBool; PAGES],
}

impl Machine {
    fn new(cpus: usize) -> Self {
        let flag = AtomicBool::new;
        let cpu = || Cpu {
            requests: Requests::new(),
            interrupts: Interrupts::new(),
            cached: [flag(false), flag(false)],
        };
        Self {
            cpus: (0..cpus).map(|_| cpu()).collect(),
            lock: Lock::new(),
            kernel: UnsafeCell::new(0),
            work: (0..cpus).map(|_| flag(false)).collect(),
            mapped: [flag(true), flag(true)],
        }
    }

    fn serve(&self, me: usize) {
        let cached = &self.cpus[me].cached;
        self.cpus[me].requests.serve(|request| match request {
            Request::Everything => cached.iter().for_each(|page| page.store(false, Relaxed)),
            Request::Part { of, .. } => cached[of as usize - 1].store(false, Relaxed),
        });
    }

    fn wait_a_moment(&self, me: usize) {
        self.serve(me);
        thread::yield_now();
    }

    /// Enters the kernel, does `event` alone, leaves and waits for whom it asked.
    fn enter(&self, me: usize, event: impl FnOnce()) {
        self.lock.acquire(|| self.wait_a_moment(me));
        self.kernel.with_mut(|entries| {
            // SAFETY: `with_mut` checks that nobody else is there.
            unsafe { *entries += 1 }
        });
        event();
        self.lock.release();
        self.settle(me);
    }

    /// Waits for whom it asked.
    fn settle(&self, me: usize) {
        if !self.cpus[me].requests.owes_wait() {
            return;
        }
        let awaited = self.cpus[me].requests.take_awaited();
        let asked = |number: &usize| awaited >> number & 1 != 0;
        for number in (0..self.cpus.len()).filter(asked) {
            self.cpus[number].interrupts.raise(|pending| pending.forget = true);
        }
        for number in (0..self.cpus.len()).filter(asked) {
            self.cpus[number].requests.wait(|| self.wait_a_moment(me));
        }
    }

    /// Takes `pages` away in one event, and holds when that is done that no other CPU has any of
    /// them cached.
    fn unmap(&self, me: usize, pages: &[usize]) {
        let others = || (0..self.cpus.len()).filter(|number| *number != me);
        self.enter(me, || {
            for page in pages {
                self.mapped[*page].store(false, Relaxed);
                let request = Request::Part { of: *page as u64 + 1, range: (0, 0) };
                for number in others() {
                    let (own, asked) = (&self.cpus[me].requests, &self.cpus[number].requests);
                    asked.ask(request, own, number as u32);
                }
            }
        });
        for (number, page) in
            others().flat_map(|number| pages.iter().map(move |page| (number, page)))
        {
            let cached = self.cpus[number].cached[*page].load(Relaxed);
            assert!(!cached, "CPU {number} still has page {page}");
        }
    }

    /// Takes what the other CPU has cached back, and holds that it has nothing any more before the lock is given back.
    fn take_back(&self, me: usize) {
        let (own, other) = (&self.cpus[me], &self.cpus[1 - me]);
        self.enter(me, || {
            other.requests.ask(Request::Everything, &own.requests, 1 - me as u32);
            self.settle(me);
            assert!(other.cached.iter().all(|page| !page.load(Relaxed)), "it still has a page");
        });
    }

    fn nudge(&self, me: usize, other: usize) {
        self.enter(me, || {
            self.work[other].store(true, Relaxed);
            self.cpus[other].interrupts.raise(|pending| pending.nudge = true);
        });
    }

    /// User mode uses both pages.
    fn touch(&self, me: usize) {
        for (mapped, cached) in self.mapped.iter().zip(&self.cpus[me].cached) {
            if mapped.load(Relaxed) {
                cached.store(true, Relaxed);
            }
        }
    }

    /// User mode, at the end: interrupts come in until the other CPU is there as well.
    fn idle(&self, me: usize) {
        self.cpus[1 - me].interrupts.raise(|pending| pending.last = true);
        while self.take_interrupts(me) {}
    }

    /// Waits for interrupts and takes them; answers whether more may come.
    fn take_interrupts(&self, me: usize) -> bool {
        let pending = self.cpus[me].interrupts.take();
        if pending.forget {
            self.serve(me);
        }
        if pending.nudge {
            self.enter(me, || self.work[me].store(false, Relaxed));
        }
        !pending.last
    }
}

/// Runs `program` on two CPUs, in every order; `after` is held to hold at the end.
fn check(program: [fn(&Machine, usize); 2], after: fn(&Machine)) {
    let mut model = loom::model::Builder::new();
    model.preemption_bound = Some(PREEMPTIONS);
    model.max_branches = BRANCHES;
    let orders = std::sync::atomic::AtomicUsize::new(0);
    let orders: &'static _ = Box::leak(Box::new(orders));
    model.check(move || {
        orders.fetch_add(1, Relaxed);
        let machine = Arc::new(Machine::new(2));
        let other = {
            let machine = machine.clone();
            thread::spawn(move || {
                program[1](&machine, 1);
                machine.idle(1);
            })
        };
        program[0](&machine, 0);
        machine.idle(0);
        other.join().expect("the other CPU");
        after(&machine);
    });
    println!("locks: {} orders", orders.load(Relaxed));
}

/// Steps of one order, at most: more would mean that somebody waits for ever.
const BRANCHES: usize = 20_000;

/// How often the checker takes the processor from a thread that could go on, in one order.
const PREEMPTIONS: usize = 4;

/// One CPU at a time is in the kernel, and what it did there the next one sees.
#[test]
fn the_kernel_is_entered_by_one_at_a_time() {
    let twice: fn(&Machine, usize) = |machine, me| {
        machine.enter(me, || {});
        machine.enter(me, || {});
    };
    check([twice, twice], |machine| {
        machine.kernel.with(|entries| {
            // SAFETY: all threads are done.
            assert_eq!(unsafe { *entries }, 4);
        });
    });
}

/// What was unmapped is cached nowhere when `unmap` comes back, though the other CPU uses it, and
/// enters the kernel itself.
#[test]
fn nothing_stale_is_left() {
    check(
        [
            |machine, me| machine.unmap(me, &[0]),
            |machine, me| {
                machine.touch(me);
                machine.enter(me, || {});
                machine.touch(me);
            },
        ],
        |_| {},
    );
}

/// Both ask each other at once: neither waits for ever, since who waits serves.
#[test]
fn who_waits_for_another_serves_it() {
    check(
        [
            |machine, me| {
                machine.touch(me);
                machine.unmap(me, &[0]);
                machine.touch(me);
            },
            |machine, me| {
                machine.touch(me);
                machine.unmap(me, &[1]);
                machine.touch(me);
            },
        ],
        |machine| assert!(machine.cpus.iter().all(|cpu| !cpu.requests.is_open())),
    );
}

/// Both wait with the lock held for what the other has, which it got with the lock held: neither waits for ever.
#[test]
fn who_waits_with_the_lock_is_served() {
    let both: fn(&Machine, usize) = |machine, me| {
        machine.enter(me, || machine.touch(me));
        machine.take_back(me);
    };
    check([both, both], |machine| {
        assert!(machine.cpus.iter().all(|cpu| !cpu.requests.is_open()));
    });
}

/// Asked anew before it is done, a CPU forgets all of it.
#[test]
fn a_second_request_loses_nothing_of_the_first() {
    check([|machine, me| machine.unmap(me, &[0, 1]), |machine, me| machine.touch(me)], |machine| {
        assert!(!machine.cpus[1].requests.is_open())
    });
}

/// A request that comes while the one before is being served is not taken for done.
#[test]
fn requests_in_a_row_are_all_served() {
    check(
        [
            |machine, me| {
                machine.unmap(me, &[0]);
                machine.unmap(me, &[1]);
            },
            |machine, me| machine.touch(me),
        ],
        |_| {},
    );
}

/// Whoever is nudged finds what it was nudged for.
#[test]
fn no_nudge_is_lost() {
    check(
        [
            |machine, me| {
                machine.nudge(me, 1);
                machine.nudge(me, 1);
            },
            |machine, me| {
                machine.take_interrupts(me);
            },
        ],
        |machine| assert!(!machine.work[1].load(Relaxed), "there is work that nobody looked for"),
    );
}
