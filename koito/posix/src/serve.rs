//! The server's threads: one on each processor, with a port of its own, which programs there call. All of them work
//! on the same state, one at a time.
//!
//! A thread has the state from when something came until it knows the answer, and waits for no program meanwhile. The
//! answer goes out afterwards, but for one: a thread of a program that is to stop has stopped before others have the
//! state, since they may let it go on, or use what it consists of again. So to who has the state, each thread of a
//! program either runs, and can be interrupted or suspended as the kernel has it, or is stopped.
//!
//! A message may have come, and its sender be ended by another thread before the state is there to look at it. Whoever
//! ends a thread that may run counts that ([`cuts`](Server::cuts)); who finds the count changed has the kernel say
//! whether the message still wants an answer.

use core::sync::atomic::{AtomicU64, Ordering};

use nun::lock::{Bell, MutexGuard, SleepingMutex};
use nun::{Arrival, IpcPort, Message, NotificationPort, Reply, Verdict};

use crate::machine::Seat;
use crate::server::{Next, Server, task};

/// What all threads work on.
static SERVER: SleepingMutex<Option<Server>, Turn> = SleepingMutex::new(None);

/// Tells a thread that sleeps that the state is to be had.
struct Turn;

/// Slots of the Notification Port for that: to hear it, and in the upper half to ring it.
static TURN: AtomicU64 = AtomicU64::new(0);

impl Bell for Turn {
    fn hear() {
        let slot = TURN.load(Ordering::Relaxed) & u64::from(u32::MAX);
        NotificationPort::slot(slot).wait().expect("its capability stays");
    }

    fn ring() {
        let slot = TURN.load(Ordering::Relaxed) >> u32::BITS;
        NotificationPort::slot(slot).notify().expect("its capability stays");
    }
}

/// Serves for good.
pub fn serve(server: Server) -> ! {
    let mut guard = SERVER.lock();
    let server = guard.insert(server);
    let objects = &mut server.world.objects;
    let seat = objects.first_seat().expect("there is room for capabilities");
    let [heard, rung] = objects.make_bell().expect("there is room for capabilities");
    TURN.store(heard | rung << u32::BITS, Ordering::Relaxed);
    let cpus = objects.placement.cpus();
    for cpu in 1..cpus {
        objects.start_thread(cpu, begin).expect("there is memory for threads");
    }
    server.start_first();
    if cpus > 1 {
        drop(guard);
        serve_shared(seat)
    }
    let guard = MutexGuard::leak(guard);
    serve_alone(guard.as_mut().expect("it was just put there"), seat.port)
}

/// Serves without other threads. A loop of its own, so that what comes and what goes stays in registers.
fn serve_alone(server: &mut Server, port: IpcPort) -> ! {
    let mut came = port.await_arrival();
    loop {
        let next = match came.foreign_call() {
            Some((process, number, arguments)) => {
                match server.call(task(process), number, &arguments) {
                    Ok(result) => {
                        came = port.resume_and_await(result);
                        continue;
                    }
                    Err(verdict) => Next::Answer(verdict),
                }
            }
            None => server.attend_to(came),
        };
        came = go_on(port, next);
    }
}

/// What a thread does besides the first.
extern "C" fn begin(seat: u64) -> ! {
    serve_shared(Seat::from_argument(seat))
}

/// Serves beside other threads.
fn serve_shared(seat: Seat) -> ! {
    let mut cuts = 0;
    serve_at(seat.port, |came| {
        let mut guard = SERVER.lock();
        let server = guard.as_mut().expect("threads begin when there is something to serve");
        if server.cuts != cuts {
            cuts = server.cuts;
            return attend_if_wanted(server, came, Reply::slot(seat.spare));
        }
        match server.attend_to(came) {
            Next::Answer(answer) if answer.label() == Verdict::Stop as u32 => {
                // Who has ended meanwhile needs none.
                let _ = Reply::OWED.reply(&answer);
                Next::Nothing
            }
            next => next,
        }
    })
}

/// Attends to what came, if it still wants an answer. That is given by `reply`, whose slot is empty.
#[cold]
#[inline(never)]
fn attend_if_wanted(server: &mut Server, came: Arrival, reply: Reply) -> Next {
    if !came.is_trap() {
        return server.attend_to(came);
    }
    if reply.keep().is_err() {
        // It is from a thread that has been ended.
        return Next::Nothing;
    }
    let answer = match server.attend_to(came) {
        Next::Result(result) => Message::new(Verdict::Resume as u32, [result]),
        Next::Answer(answer) => answer,
        Next::Nothing => Message::verdict(Verdict::Stop),
    };
    // Who has ended meanwhile needs none.
    let _ = reply.reply(&answer);
    Next::Nothing
}

/// Serves at a port for good, by what `attend` says.
#[inline(always)]
fn serve_at(port: IpcPort, mut attend: impl FnMut(Arrival) -> Next) -> ! {
    let mut came = port.await_arrival();
    loop {
        came = go_on(port, attend(came));
    }
}

/// Does what comes next, and waits for what comes then.
#[inline(always)]
fn go_on(port: IpcPort, next: Next) -> Arrival {
    match next {
        Next::Result(result) => port.resume_and_await(result),
        Next::Answer(answer) => port.answer_and_await(&answer),
        Next::Nothing => port.await_arrival(),
    }
}
