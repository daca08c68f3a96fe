//! The storms.

use nun::{
    Access, Error, IpcPort, MemoryType, NotificationPort, Received, Rights, StartError, Window,
};

use crate::arena::{Arena, WORKERS};
use crate::shared::{PLAYGROUND, role, slot};

type Storm = fn(&mut Arena) -> Result<u64, StartError>;

/// In the order in which they come.
pub const ALL: &[(&str, Storm)] = &[
    ("storm.messages", messages),
    ("storm.signals", signals),
    ("storm.mappings", mappings),
    ("storm.protections", protections),
    ("storm.stops", stops),
    ("storm.interruptions", interruptions),
    ("storm.moves", moves),
    ("storm.deaths", deaths),
    ("storm.revocations", revocations),
];

const READ_WRITE: Access = Access::READ.union(Access::WRITE);
/// Rounds that each worker makes at least.
const ROUNDS: u64 = 20;
/// Steps that a storm takes at least.
const STEPS: u64 = 50;
/// Microseconds in which a CPU that has not noticed yet would do something.
const MOMENT: u64 = 200;

/// Clients and servers, in pairs, each client on another CPU than its server. Answers how many.
fn pairs(arena: &mut Arena) -> Result<usize, StartError> {
    let cpus = arena.cpus();
    for pair in 0..cpus {
        let (server, client) = (2 * pair, 2 * pair + 1);
        arena.build(server, role::SERVER, pair)?;
        arena.build(client, role::CLIENT, (pair + 1) % cpus)?;
        give_port(arena, pair)?;
        arena.pcb(server).resume()?;
        arena.pcb(client).resume()?;
    }
    Ok(cpus)
}

/// A new port between the client and the server of a pair.
fn give_port(arena: &mut Arena, pair: usize) -> Result<(), StartError> {
    let port: IpcPort = arena.share(pair)?;
    arena.process(2 * pair).grant(slot::FIRST, port, Rights::READ, 0)?;
    Ok(arena.process(2 * pair + 1).grant(slot::FIRST, port, Rights::WRITE, 1)?)
}

/// As many workers as there can be, that use no capabilities, on one CPU after the other.
fn crowd(arena: &mut Arena, role: u64) -> Result<usize, StartError> {
    for number in 0..WORKERS {
        arena.build(number, role, number % arena.cpus())?;
        arena.pcb(number).resume()?;
    }
    Ok(WORKERS)
}

/// All of the first `count` workers get on; answers their rounds.
fn all_get_on(arena: &mut Arena, count: usize) -> Result<u64, StartError> {
    let got_on = |arena: &Arena| (0..count).all(|number| arena.rounds(number) >= ROUNDS);
    let all = arena.wait_until(|arena| {
        // The last that the storm brought.
        while let Some(received) = arena.trouble() {
            if let Received::Fault { fault, .. } = received {
                assert_eq!(fault.address, PLAYGROUND, "a worker faulted");
            }
            arena.forgive()?;
        }
        Ok(got_on(arena))
    })?;
    assert!(all, "a worker does not get on");
    Ok((0..count).map(|number| arena.rounds(number)).sum())
}

/// Calls and replies from CPU to CPU: each answer is that to its question.
fn messages(arena: &mut Arena) -> Result<u64, StartError> {
    let count = pairs(arena)?;
    arena.storm(ROUNDS, |arena| Ok(arena.sleep(20_000)?))?;
    all_get_on(arena, 2 * count)
}

/// A signal runs in a circle through all CPUs and is never lost.
fn signals(arena: &mut Arena) -> Result<u64, StartError> {
    let count = arena.cpus();
    for number in 0..count {
        arena.share::<NotificationPort>(number)?;
    }
    for number in 0..count {
        arena.build(number, role::RUNNER, number)?;
        let (mine, next) = (arena.shared(number), arena.shared((number + 1) % count));
        arena.process(number).grant(slot::FIRST, mine, Rights::READ, 0)?;
        arena.process(number).grant(slot::SECOND, next, Rights::WRITE, 1)?;
        arena.pcb(number).resume()?;
    }
    arena.signal(0)?;
    arena.storm(ROUNDS, |arena| Ok(arena.sleep(20_000)?))?;
    let rounds = all_get_on(arena, count)?;
    for number in 0..count {
        arena.pcb(number).suspend()?;
    }
    let laps = arena.rounds(count - 1);
    let together = (0..count).all(|number| arena.rounds(number).abs_diff(laps) <= 1);
    assert!(together, "the signal was doubled or lost");
    Ok(rounds)
}

/// Writers, whose playgrounds are mapped, and a Window of each.
fn writers(arena: &mut Arena) -> Result<[Option<Window>; WORKERS], StartError> {
    let mut windows = [None; WORKERS];
    for (number, window) in windows.iter_mut().enumerate() {
        arena.build(number, role::WRITER, number % arena.cpus())?;
        let (frame, _) = arena.playground(number);
        arena.process(number).map(frame, PLAYGROUND, 1, READ_WRITE)?;
        *window = Some(arena.window(number)?);
        arena.pcb(number).resume()?;
    }
    Ok(windows)
}

/// Takes from a writer, by `take`, what it needs to write to its page, and gives it back: in between
/// the page stays as it is, whatever CPU the writer is on.
fn take_pages(
    arena: &mut Arena,
    take: impl Fn(Window) -> Result<u64, Error>,
    give: impl Fn(Window) -> Result<u64, Error>,
) -> Result<u64, StartError> {
    let windows = writers(arena)?;
    let steps = arena.storm(STEPS, |arena| {
        let number = arena.below(WORKERS);
        let (Some(window), (_, page)) = (windows[number], arena.playground(number)) else {
            return Ok(());
        };
        assert_eq!(take(window)?, 1);
        let before = page.read(0);
        arena.sleep(MOMENT)?;
        assert_eq!(page.read(0), before, "written through a translation that is gone");
        assert_eq!(give(window)?, 1);
        while let Some(Received::Fault { fault, .. }) = arena.trouble() {
            assert_eq!(fault.address, PLAYGROUND, "a writer faulted elsewhere");
            arena.forgive()?;
        }
        Ok(())
    })?;
    all_get_on(arena, WORKERS)?;
    Ok(steps)
}

/// Pages come and go while they are written on other CPUs.
fn mappings(arena: &mut Arena) -> Result<u64, StartError> {
    let map = |window: Window| window.map(PLAYGROUND, 0, 1, READ_WRITE, MemoryType::Normal);
    take_pages(arena, |window| window.unmap(PLAYGROUND, 1), map)
}

/// Pages become read-only and writable again while they are written on other CPUs.
fn protections(arena: &mut Arena) -> Result<u64, StartError> {
    let protect = |window: Window, access| window.protect(PLAYGROUND, 1, access);
    take_pages(arena, |window| protect(window, Access::READ), |w| protect(w, READ_WRITE))
}

/// Who is suspended stands still, wherever it ran, and goes on afterwards.
fn stops(arena: &mut Arena) -> Result<u64, StartError> {
    let count = crowd(arena, role::KEEPER)?;
    let steps = arena.storm(STEPS, |arena| {
        let number = arena.below(count);
        arena.pcb(number).suspend()?;
        let before = arena.rounds(number);
        arena.sleep(MOMENT)?;
        assert_eq!(arena.rounds(number), before, "it ran although it was suspended");
        Ok(arena.pcb(number).resume()?)
    })?;
    all_get_on(arena, count)?;
    Ok(steps)
}

/// Who is interrupted tells its resolver, wherever it ran, and goes on as if nothing had been.
fn interruptions(arena: &mut Arena) -> Result<u64, StartError> {
    let count = crowd(arena, role::KEEPER)?;
    let (mut asked, mut told) = ([false; WORKERS], [false; WORKERS]);
    let mut times = 0;
    let mut listen = |arena: &mut Arena| -> Result<[bool; WORKERS], StartError> {
        while let Some(received) = arena.trouble() {
            let Received::Stopped { process, .. } = received else { panic!("{received:x?}") };
            told[process as usize - 1] = true;
            times += 1;
            arena.forgive()?;
        }
        Ok(told)
    };
    let steps = arena.storm(STEPS, |arena| {
        let number = arena.below(count);
        arena.pcb(number).interrupt()?;
        asked[number] = true;
        arena.sleep(MOMENT)?;
        listen(arena).map(|_| ())
    })?;
    let all = arena.wait_until(|arena| Ok(listen(arena)? == asked))?;
    assert!(all, "an interruption was lost");
    // Two interruptions of one that did not run in between are one.
    assert!(times <= steps, "{times} of {steps} interruptions were told of");
    all_get_on(arena, count)?;
    Ok(steps)
}

/// Processes move from CPU to CPU while they run.
fn moves(arena: &mut Arena) -> Result<u64, StartError> {
    let count = crowd(arena, role::KEEPER)?;
    let steps = arena.storm(STEPS, |arena| {
        let (number, cpu) = (arena.below(count), arena.below(arena.cpus()));
        arena.move_to(number, cpu)?;
        Ok(arena.sleep(MOMENT)?)
    })?;
    all_get_on(arena, count)?;
    Ok(steps)
}

/// Processes are destroyed while other CPUs run them, with all that they are made from.
fn deaths(arena: &mut Arena) -> Result<u64, StartError> {
    let count = crowd(arena, role::KEEPER)?;
    let steps = arena.storm(STEPS, |arena| {
        let (number, cpu) = (arena.below(count), arena.below(arena.cpus()));
        arena.destroy(number)?;
        arena.build(number, role::KEEPER, cpu)?;
        arena.pcb(number).resume()?;
        Ok(arena.sleep(MOMENT)?)
    })?;
    all_get_on(arena, count)?;
    Ok(steps)
}

/// Ports die in the middle of calls, whatever CPU the partners are on: both are told, and go on
/// when there is another one.
fn revocations(arena: &mut Arena) -> Result<u64, StartError> {
    let count = pairs(arena)?;
    let steps = arena.storm(STEPS, |arena| {
        let pair = arena.below(count);
        arena.sleep(5_000)?;
        arena.remove(pair)?;
        arena.sleep(MOMENT)?;
        give_port(arena, pair)
    })?;
    all_get_on(arena, 2 * count)?;
    let noticed = |arena: &mut Arena| Ok((0..2 * count).any(|number| arena.refused(number) > 0));
    assert!(arena.wait_until(noticed)?, "nobody noticed that its port died");
    Ok(steps)
}
