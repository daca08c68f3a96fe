//! Threads in the address space of the test program.

use alloc::vec::Vec;
use core::sync::atomic::{AtomicU64, Ordering};

use nun::thread::{Body, Options, Thread};
use nun::{Error, FaultReason, IpcPort, Message, Received, Reply, ticks};

use crate::{Case, World};

/// The cases of this file.
pub const ALL: &[(&str, Case)] = &[
    ("threads.a_joined_thread_says_what_it_found", a_joined_thread_says_what_it_found),
    ("threads.many_run_and_all_comes_back", many_run_and_all_comes_back),
    ("threads.each_has_its_own_buffer", each_has_its_own_buffer),
    ("threads.they_share_the_heap", they_share_the_heap),
    ("threads.the_end_of_a_stack_is_guarded", the_end_of_a_stack_is_guarded),
];

/// As urgent as init.
const URGENT: u8 = 255;

struct Double;

impl Body for Double {
    fn run(argument: u64) -> u64 {
        2 * argument
    }
}

fn a_joined_thread_says_what_it_found(world: &mut World) -> Result<(), Error> {
    let (pool, space) = world.resources.parts();
    let options = Options { argument: 21, priority: 10, ..Options::default() };
    let thread = Thread::spawn::<Double, _, _, _>(pool, space, &options)?;
    assert_eq!(thread.join(pool, space)?, 42);
    Ok(())
}

fn many_run_and_all_comes_back(world: &mut World) -> Result<(), Error> {
    for round in 0..10 {
        let (pool, space) = world.resources.parts();
        let threads: Result<Vec<Thread>, Error> = (0..8)
            .map(|number| {
                let argument = round * 8 + number;
                let options = Options { argument, priority: 10, ..Options::default() };
                Thread::spawn::<Double, _, _, _>(pool, space, &options)
            })
            .collect();
        for (thread, number) in threads?.into_iter().rev().zip((0..8).rev()) {
            assert_eq!(thread.join(pool, space)?, 2 * (round * 8 + number));
        }
    }
    Ok(())
}

/// Calls the port in the slot that it is given with a message too long for registers.
struct Caller;

impl Body for Caller {
    fn run(argument: u64) -> u64 {
        let words: [u64; 100] = core::array::from_fn(|index| index as u64 + argument);
        let port = IpcPort::slot(argument);
        let Ok(reply) = port.call(&Message::long(1, &words)) else { return 0 };
        let mut answer = [0; 100];
        let length = reply.copy_to(&mut answer);
        u64::from(length == 100 && answer.iter().rev().eq(words.iter()))
    }
}

fn each_has_its_own_buffer(world: &mut World) -> Result<(), Error> {
    let port: IpcPort = world.resources.make(0)?;
    let argument = port.descriptor().index();
    let (pool, space) = world.resources.parts();
    let options = Options { argument, priority: URGENT, ..Options::default() };
    let threads = [
        Thread::spawn::<Caller, _, _, _>(pool, space, &options)?,
        Thread::spawn::<Caller, _, _, _>(pool, space, &options)?,
    ];
    for _ in &threads {
        let Received::Message { message, .. } = port.receive()? else {
            panic!("something else than a call came")
        };
        let mut words = [0; 100];
        message.copy_to(&mut words);
        words.reverse();
        Reply::OWED.reply(&Message::long(0, &words))?;
    }
    for thread in threads {
        assert_eq!(thread.join(pool, space)?, 1);
    }
    world.resources.discard(port)
}

/// What the threads that share the heap added up.
static SUM: AtomicU64 = AtomicU64::new(0);

/// Keeps allocating and freeing for as long as it is told.
struct Allocator;

impl Body for Allocator {
    fn run(until: u64) -> u64 {
        let mut rounds = 0;
        while rounds < 50 || ticks() < until {
            let list: Vec<u64> = (0..100 + rounds % 64).collect();
            SUM.fetch_add(list.iter().sum(), Ordering::Relaxed);
            drop(list);
            rounds += 1;
        }
        rounds
    }
}

fn they_share_the_heap(world: &mut World) -> Result<(), Error> {
    let argument = ticks() + world.second / 5;
    let (pool, space) = world.resources.parts();
    let options = Options { argument, priority: URGENT, ..Options::default() };
    let threads: Result<Vec<Thread>, Error> =
        (0..3).map(|_| Thread::spawn::<Allocator, _, _, _>(pool, space, &options)).collect();
    let mut expected: u64 = 0;
    for thread in threads? {
        let rounds = thread.join(pool, space)?;
        let one = |round: u64| (0..100 + round % 64).sum::<u64>();
        expected += (0..rounds).map(one).sum::<u64>();
    }
    assert_eq!(SUM.load(Ordering::Relaxed), expected);
    Ok(())
}

/// Recurses until its stack ends.
struct Deep;

impl Body for Deep {
    fn run(argument: u64) -> u64 {
        let room = core::hint::black_box([argument; 64]);
        if argument == 0 { 0 } else { Self::run(argument - 1) + room[7] }
    }
}

fn the_end_of_a_stack_is_guarded(world: &mut World) -> Result<(), Error> {
    let port: IpcPort = world.resources.make(0)?;
    let (pool, space) = world.resources.parts();
    let options = Options { argument: 1 << 20, priority: 1, ..Options::default() };
    // Less urgent than this one, so it does not run before it has a resolver.
    let thread = Thread::spawn::<Deep, _, _, _>(pool, space, &options)?;
    let pcb = thread.pcb();
    pcb.configure_ports(port, nun::Descriptor::NULL)?;
    let Received::Fault { fault, .. } = port.receive()? else {
        panic!("something else than a fault came")
    };
    assert_eq!(fault.reason, Some(FaultReason::Page));
    assert_eq!(space.address_space().translate(fault.address)?.0, 0, "nothing is mapped there");
    thread.destroy(pool, space)?;
    world.resources.discard(port)
}
