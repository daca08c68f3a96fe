//! Pipes, sockets, locks and readiness: what waits, what wakes it, and what is left when everybody has gone.

mod world;

use koito_linux::Errno;
use koito_vfs::*;
use proptest::prelude::*;
use world::World;

const ME: Token = Token(7);

fn owner(process: u64, start: u64, end: u64, exclusion: Exclusion) -> Record {
    Record { owner: Owner(process), start, end, exclusion }
}

impl World {
    /// Has somebody wait for a file, and tells after `work` whether that woke them.
    fn wakes(&mut self, file: FileId, work: impl FnOnce(&mut Self)) -> bool {
        let mut entered = Vec::new();
        self.vfs.wait_for(file, ME, &mut entered);
        work(self);
        let mut woken = false;
        while let Some(token) = self.vfs.queues.next_woken() {
            woken |= token == ME;
        }
        entered.into_iter().for_each(|queue| self.vfs.queues.leave(queue, ME));
        woken
    }
}

#[test]
fn a_pipe_passes_bytes_on_and_tells_its_end() {
    let mut world = World::new();
    let before = world.vfs.census();
    let (read, write) = world.vfs.pipe(Flags::empty());
    assert_eq!(world.read(read, 10), Err(Errno::EAGAIN), "it would wait");
    assert!(world.wakes(read, |world| assert_eq!(world.write(write, b"hello"), Ok(5))));
    assert_eq!(world.vfs.ready(read), Ready::IN | Ready::READ_NORMAL);
    assert_eq!(world.read(read, 3).unwrap(), b"hel");
    assert_eq!(world.read(read, 10).unwrap(), b"lo");
    assert!(world.wakes(read, |world| world.vfs.close(write)));
    assert_eq!(world.read(read, 10).unwrap(), b"");
    assert!(world.vfs.ready(read).contains(Ready::HANG_UP));
    world.vfs.close(read);
    assert_eq!(world.vfs.census(), before);
}

#[test]
fn short_writes_to_a_pipe_are_whole_and_long_ones_are_not() {
    let mut world = World::new();
    let (read, write) = world.vfs.pipe(Flags::NONBLOCK);
    assert_eq!(world.write(write, &[1; 100_000]), Ok(65536));
    assert_eq!(world.write(write, b"x"), Err(Errno::EAGAIN));
    assert!(world.wakes(write, |world| {
        world.read(read, 100).unwrap();
    }));
    assert_eq!(world.write(write, &[2; 101]), Err(Errno::EAGAIN), "it does not fit as a whole");
    assert_eq!(world.write(write, &[2; 100]), Ok(100));
    world.vfs.close(read);
    assert_eq!(world.write(write, b"x"), Err(Errno::EPIPE));
    assert!(world.vfs.ready(write).contains(Ready::ERROR));
}

#[test]
fn a_named_pipe_waits_for_its_other_end() {
    let mut world = World::new();
    let start = world.place.directory;
    world
        .run(|vfs, context| vfs.make_node(context, start, b"/tmp/fifo", New::Fifo, 0o666))
        .unwrap();
    let nonblock = Flags::NONBLOCK;
    assert_eq!(world.open("/tmp/fifo", Flags::WRITE | nonblock), Err(Errno::ENXIO));
    let read = world.open("/tmp/fifo", Flags::empty()).unwrap();
    assert_eq!(world.run(|vfs, _| vfs.is_met(read)), Err(Errno::EAGAIN));
    let write = world.open("/tmp/fifo", Flags::WRITE).unwrap();
    world.vfs.close(write);
    assert_eq!(world.run(|vfs, _| vfs.is_met(read)), Ok(()), "it came, and went already");
    assert_eq!(world.read(read, 1).unwrap(), b"");
    world.vfs.close(read);
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// A pipe is a queue of bytes with an end.
    #[test]
    fn a_pipe_is_a_queue(steps in prop::collection::vec((any::<bool>(), 1..9000usize), 1..80)) {
        let mut world = World::new();
        let (read, write) = world.vfs.pipe(Flags::NONBLOCK);
        let mut model = std::collections::VecDeque::new();
        let mut next = 0_u8;
        for (writes, length) in steps {
            if writes {
                let bytes: Vec<u8> = (0..length).map(|at| next.wrapping_add(at as u8)).collect();
                let room = 65536 - model.len();
                let fits = if length <= 4096 { room >= length } else { room > 0 };
                let expected = if fits { Ok(length.min(room)) } else { Err(Errno::EAGAIN) };
                prop_assert_eq!(world.write(write, &bytes), expected);
                let done = expected.unwrap_or(0);
                model.extend(&bytes[..done]);
                next = next.wrapping_add(done as u8);
            } else {
                let expected: Vec<u8> = model.drain(..length.min(model.len())).collect();
                let seen = world.read(read, length);
                if expected.is_empty() {
                    prop_assert_eq!(seen, Err(Errno::EAGAIN));
                } else {
                    prop_assert_eq!(seen, Ok(expected));
                }
            }
        }
    }
}

#[test]
fn sockets_carry_streams_messages_and_open_files() {
    let mut world = World::new();
    let before = world.vfs.census();
    let me = (7, 0, 0);
    let (a, b) = world.vfs.socket_pair(Shape::Stream, me, Flags::empty());
    world.write(a, b"one").unwrap();
    world.write(a, b"two").unwrap();
    assert_eq!(world.read(b, 100).unwrap(), b"onetwo");
    let (read, write) = world.vfs.pipe(Flags::empty());
    world.vfs.share(read);
    let sent = world.vfs.send(a, &mut &b"!"[..], carrying(read), sending(false));
    assert_eq!(sent, Ok(1));
    world.vfs.close(read);
    let mut bytes = [0; 8];
    let received = world.vfs.receive(b, &mut &mut bytes[..], Receiving::default()).unwrap();
    assert_eq!((received.bytes, received.rights.len()), (1, 1));
    world.write(write, b"through").unwrap();
    let file = received.rights[0];
    assert_eq!(world.read(file, 10).unwrap(), b"through");
    for file in [file, write, a] {
        world.vfs.close(file);
    }
    assert_eq!(world.read(b, 1).unwrap(), b"", "the end");
    assert_eq!(world.write(b, b"x"), Err(Errno::EPIPE));
    world.vfs.close(b);
    let (a, b) = world.vfs.socket_pair(Shape::Packets, me, Flags::empty());
    world.write(a, b"one").unwrap();
    world.write(a, b"two").unwrap();
    assert_eq!(world.read(b, 2).unwrap(), b"on", "the rest of a message is lost");
    assert_eq!(world.read(b, 100).unwrap(), b"two");
    // What is on its way is closed with the socket.
    let (read, write) = world.vfs.pipe(Flags::empty());
    world.vfs.send(a, &mut &b"!"[..], carrying(read), sending(false)).unwrap();
    world.vfs.close(b);
    assert_eq!(world.write(write, b"x"), Err(Errno::EPIPE));
    world.vfs.close(write);
    world.vfs.close(a);
    assert_eq!(world.vfs.census(), before);
}

/// Sends an open file, which stays held, too.
fn send_along(world: &mut World, through: FileId, what: FileId) {
    world.vfs.share(what);
    world.vfs.send(through, &mut &b"!"[..], carrying(what), sending(true)).unwrap();
}

#[test]
fn sockets_that_only_carry_each_other_are_closed() {
    let mut world = World::new();
    let pair = |world: &mut World| world.vfs.socket_pair(Shape::Stream, (1, 0, 0), Flags::empty());
    // One that is held, and carries another, which carries the first.
    let (held, kept) = pair(&mut world);
    send_along(&mut world, held, kept);
    send_along(&mut world, kept, held);
    let sockets = |world: &World| world.vfs.census().2;
    for _ in 0..2000 {
        let (a, b) = pair(&mut world);
        send_along(&mut world, a, b);
        send_along(&mut world, b, a);
        world.vfs.close(a);
        world.vfs.close(b);
        assert!(sockets(&world) < 200, "they stay");
    }
    let received = world.vfs.receive(kept, &mut &mut [0; 1][..], Receiving::default()).unwrap();
    assert_eq!(received.rights, [kept], "what is held is not touched");
}

#[test]
fn a_long_chain_of_sockets_is_closed_at_once() {
    let mut world = World::new();
    let before = world.vfs.census();
    let mut last = None;
    for _ in 0..20_000 {
        let (a, b) = world.vfs.socket_pair(Shape::Packets, (1, 0, 0), Flags::empty());
        if let Some(last) = last {
            send_along(&mut world, a, last);
            world.vfs.close(last);
        }
        world.vfs.close(a);
        last = Some(b);
    }
    last.into_iter().for_each(|last| world.vfs.close(last));
    assert_eq!(world.vfs.census(), before);
}

#[test]
fn a_named_socket_is_found_by_its_path() {
    let mut world = World::new();
    for path in ["/tmp/socket", "/disk/socket"] {
        let name = Address::Path(path.as_bytes().into());
        let server = world.vfs.socket(Shape::Stream, (1, 0, 0), Flags::empty());
        match world.come(|vfs, context| vfs.bind(context, server, name.clone())).unwrap() {
            world::Came::Made(made) => world.vfs.bind_made(server, made, name.clone()).unwrap(),
            _ => assert!(path.starts_with("/tmp"), "the file server makes it"),
        }
        let client = world.vfs.socket(Shape::Stream, (2, 0, 0), Flags::empty());
        let refused = world.run(|vfs, context| vfs.connect(context, client, &name));
        assert_eq!(refused, Err(Errno::ECONNREFUSED), "nobody listens");
        world.vfs.listen(server, 1).unwrap();
        assert!(world.wakes(server, |world| {
            world.run(|vfs, context| vfs.connect(context, client, &name)).unwrap();
        }));
        let accepted = world.vfs.accept(server, Flags::empty()).unwrap();
        assert_eq!(world.vfs.peer_owner(accepted), Ok((2, 0, 0)));
        world.write(client, b"hello").unwrap();
        assert_eq!(world.read(accepted, 10).unwrap(), b"hello");
        for file in [server, client, accepted] {
            world.vfs.close(file);
        }
        let client = world.vfs.socket(Shape::Stream, (2, 0, 0), Flags::empty());
        let gone = world.run(|vfs, context| vfs.connect(context, client, &name));
        assert_eq!(gone, Err(Errno::ECONNREFUSED), "the name stays, the socket does not");
    }
}

#[test]
fn epoll_tells_levels_edges_and_once() {
    let mut world = World::new();
    let (read, write) = world.vfs.pipe(Flags::empty());
    let set = world.vfs.epoll();
    let collect = |world: &mut World| {
        let mut told = Vec::new();
        let take = &mut |_: Ready, data| {
            told.push(data);
            true
        };
        world.vfs.epoll_collect(set, take).unwrap();
        told
    };
    let interest = |triggering| Interest { ready: Ready::IN, triggering, data: 9 };
    world.vfs.epoll_add(set, 3, read, interest(Triggering::Level)).unwrap();
    assert_eq!(collect(&mut world), []);
    assert!(world.wakes(set, |world| {
        world.write(write, b"x").unwrap();
    }));
    assert_eq!((collect(&mut world), collect(&mut world)), (vec![9], vec![9]));
    world.vfs.epoll_change(set, 3, read, Some(interest(Triggering::Edge))).unwrap();
    assert_eq!((collect(&mut world), collect(&mut world)), (vec![9], vec![]));
    world.write(write, b"y").unwrap();
    assert_eq!((collect(&mut world), collect(&mut world)), (vec![9], vec![]), "more came");
    world.vfs.epoll_change(set, 3, read, Some(interest(Triggering::Once))).unwrap();
    assert_eq!(collect(&mut world), [9]);
    world.write(write, b"z").unwrap();
    assert_eq!(collect(&mut world), [], "it was told");
    world.vfs.close(read);
    assert_eq!(world.vfs.epoll_change(set, 3, read, None), Err(Stop::Error(Errno::ENOENT)));
}

#[test]
fn locks_exclude_others_and_end_with_their_owner() {
    let mut world = World::new();
    world.put("/tmp/file", b"x").unwrap();
    let (a, b) = (
        world.open("/tmp/file", Flags::READ_WRITE).unwrap(),
        world.open("/tmp/file", Flags::READ_WRITE).unwrap(),
    );
    let lock = |world: &mut World, file, record| {
        world.run(|vfs, _| vfs.lock(file, record, Patience::Fail))
    };
    lock(&mut world, a, owner(1, 0, 100, Exclusion::Exclusive)).unwrap();
    assert_eq!(lock(&mut world, b, owner(2, 99, 200, Exclusion::Shared)), Err(Errno::EAGAIN));
    lock(&mut world, b, owner(2, 100, 200, Exclusion::Shared)).unwrap();
    // The middle of a lock is given back: both ends stay.
    world.vfs.unlock(a, Owner(1), 40, 60).unwrap();
    lock(&mut world, b, owner(2, 40, 60, Exclusion::Exclusive)).unwrap();
    for part in [(0, 40), (60, 100)] {
        let wanted = owner(2, part.0, part.1, Exclusion::Shared);
        let found = world.vfs.find_lock(b, &wanted).unwrap().unwrap();
        assert_eq!((found.owner, found.start, found.end), (Owner(1), part.0, part.1));
    }
    world.vfs.unlock_all(a, Owner(1));
    lock(&mut world, b, owner(2, 0, 40, Exclusion::Exclusive)).unwrap();
    // Locks of whole files belong to open files.
    let whole = |world: &mut World, file, exclusion| {
        world.run(|vfs, _| vfs.lock_whole(file, exclusion, Patience::Fail))
    };
    whole(&mut world, a, Some(Exclusion::Exclusive)).unwrap();
    assert_eq!(whole(&mut world, b, Some(Exclusion::Shared)), Err(Errno::EAGAIN));
    world.vfs.close(a);
    whole(&mut world, b, Some(Exclusion::Shared)).unwrap();
}

#[test]
fn a_master_that_reads_packets_hears_of_the_line() {
    let mut world = World::new();
    let master = world.open("/dev/ptmx", Flags::READ_WRITE | Flags::NO_TERMINAL).unwrap();
    let end = world.vfs.terminal_of(master).unwrap();
    let id = end.terminal;
    world.vfs.terminals.lock(id, false);
    let slave = world.open("/dev/pts/0", Flags::READ_WRITE | Flags::NO_TERMINAL).unwrap();
    world.vfs.set_packets(id, true).unwrap();
    world.write(slave, b"out").unwrap();
    assert_eq!(world.read(master, 3).unwrap(), b"\0ou", "what it is takes room, too");
    assert_eq!(world.read(master, 10).unwrap(), b"\0t");
    assert!(world.wakes(master, |world| world.vfs.hold_terminal(id, true)));
    assert!(world.vfs.ready(master).contains(Ready::PRIORITY | Ready::IN));
    world.vfs.hold_terminal(id, false);
    world.vfs.flush_terminal(id, koito_tty::Flush::Input);
    assert_eq!(world.read(master, 10).unwrap(), [1 | 8], "it goes on, and what was typed is gone");
    assert!(!world.vfs.ready(master).contains(Ready::IN));
    let mut settings = *world.vfs.terminals.terminal(id).settings();
    settings.input.remove(koito_tty::Input::FLOW);
    let slave_end = TerminalEnd { terminal: id, is_master: false };
    world.run(|vfs, context| vfs.set_terminal(context, slave_end, settings, None)).unwrap();
    assert_eq!(world.read(master, 10).unwrap(), [16]);
    world.vfs.set_packets(id, false).unwrap();
    world.write(slave, b"out").unwrap();
    assert_eq!(world.read(master, 10).unwrap(), b"out");
}

#[test]
fn a_pseudo_terminal_joins_two_programs() {
    let mut world = World::new();
    let master = world.open("/dev/ptmx", Flags::READ_WRITE | Flags::NO_TERMINAL).unwrap();
    let end = world.vfs.terminal_of(master).unwrap();
    assert_eq!(world.open("/dev/pts/0", Flags::READ_WRITE), Err(Errno::EIO), "it is locked");
    world.vfs.terminals.lock(end.terminal, false);
    let slave = world.open("/dev/pts/0", Flags::READ_WRITE).unwrap();
    assert_eq!(world.vfs.terminals.of_session(7), Some(end.terminal), "it controls who leads");
    assert!(world.wakes(slave, |world| {
        world.write(master, b"line\r").unwrap();
    }));
    assert_eq!(world.read(slave, 100).unwrap(), b"line\n");
    assert_eq!(world.read(master, 100).unwrap(), b"line\r\n", "the echo");
    world.write(master, b"\x03").unwrap();
    let signal = TerminalEvent::Signal(7, koito_tty::Signal::Interrupt);
    assert_eq!(world.vfs.terminals.next_event(), Some(signal));
    world.vfs.terminals.set_foreground(end.terminal, 8);
    assert_eq!(world.read(slave, 1), Err(Errno::EINTR), "it is in the background");
    assert!(world.wakes(slave, |world| world.vfs.close(master)));
    assert_eq!(world.read(slave, 1), Err(Errno::EINTR));
    world.vfs.terminals.set_foreground(end.terminal, 7);
    assert_eq!(world.read(slave, 1).unwrap(), b"");
    assert_eq!(world.write(slave, b"x"), Err(Errno::EIO));
    assert_eq!(world.vfs.terminals.next_event(), Some(TerminalEvent::HangUp(7, Some(8))));
    world.vfs.close(slave);
    assert_eq!(world.find("/dev/pts/0"), Err(Errno::ENOENT));
}

#[test]
fn what_was_cut_off_never_comes_back() {
    let mut world = World::with_pages(16);
    for root in ["/tmp", "/disk"] {
        let path = format!("{root}/file");
        world.put(&path, &[7; 20_000]).unwrap();
        let dentry = world.find(&path).unwrap();
        for size in [5000, 30_000, 4096, 8192, 10, 9000] {
            let before = world.get(&path).unwrap();
            world.run(|vfs, context| vfs.truncate(context, dentry, size)).unwrap();
            if size % 3 == 0 {
                world.settle();
            }
            let mut expected = before;
            expected.resize(size as usize, 0);
            assert!(world.get(&path).unwrap() == expected, "{path} of {size} bytes");
        }
    }
}

#[test]
fn devices_and_proc_say_what_they_should() {
    let mut world = World::new();
    let get = |world: &mut World, path: &str, most| {
        let file =
            world.open(path, Flags::READ_WRITE).or_else(|_| world.open(path, Flags::empty()));
        let bytes = world.read(file.unwrap(), most);
        world.vfs.close(file.unwrap());
        bytes.unwrap()
    };
    assert_eq!(get(&mut world, "/dev/null", 10), b"");
    assert_eq!(get(&mut world, "/dev/zero", 10), [0; 10]);
    assert_ne!(get(&mut world, "/dev/urandom", 32), get(&mut world, "/dev/urandom", 32));
    let full = world.open("/dev/full", Flags::WRITE).unwrap();
    assert_eq!(world.write(full, b"x"), Err(Errno::ENOSPC));
    assert_eq!(get(&mut world, "/proc/self/stat", 100), b"7 Stat\n");
    assert_eq!(get(&mut world, "/proc/sys/kernel/pid_max", 100), b"PidMax\n");
    assert_eq!(world.read_link("/proc/self").unwrap(), b"7");
    assert_eq!(
        world.list("/proc/sys/kernel").unwrap()[2..],
        [
            "cap_last_cap",
            "domainname",
            "hostname",
            "ngroups_max",
            "osrelease",
            "ostype",
            "pid_max",
            "threads-max",
        ]
    );
    assert!(world.list("/proc").unwrap().contains(&"7".to_owned()));
    assert_eq!(world.find("/proc/8"), Err(Errno::ENOENT));
    assert_eq!(world.list("/proc/7/task").unwrap()[2..], ["7"]);
    assert_eq!(world.find("/proc/7/task/7/task"), Err(Errno::ENOENT), "or it would never end");
    let (read, write) = world.vfs.pipe(Flags::empty());
    world.processes.descriptors = vec![read, write];
    assert!(world.read_link("/proc/7/fd/0").unwrap().starts_with(b"pipe:["));
    let again = world.open("/dev/fd/1", Flags::WRITE).unwrap();
    world.write(again, b"twice").unwrap();
    assert_eq!(world.read(read, 10).unwrap(), b"twice");
    world.processes.descriptors.clear();
    assert_eq!(
        world.find_last("/proc/7/fd/0", Last::Keep),
        Err(Errno::ENOENT),
        "it is looked up anew"
    );
    let mounts = get(&mut world, "/proc/mounts", 1000);
    assert!(String::from_utf8(mounts).unwrap().contains("/dev/root /disk ext4"));
}

#[test]
fn descriptors_are_the_lowest_free_numbers() {
    let mut world = World::new();
    let mut table = Descriptors::new();
    let file = world.vfs.event(0, Counting::All, Flags::empty());
    let add = |table: &mut Descriptors, from| table.add(file, OnExec::Keep, from, 8);
    assert_eq!(
        [0, 0, 0, 5, 0].map(|from| add(&mut table, from)),
        [Ok(0), Ok(1), Ok(2), Ok(5), Ok(3)]
    );
    assert_eq!(table.take(1), Ok(file));
    assert_eq!(table.take(1), Err(Errno::EBADF));
    assert_eq!(
        [0, 0, 0, 0, 0].map(|from| add(&mut table, from)),
        [Ok(1), Ok(4), Ok(6), Ok(7), Err(Errno::EMFILE)]
    );
    table.set_on_exec(4, OnExec::Close).unwrap();
    let mut child = table.fork(&mut world.vfs);
    assert_eq!((child.take_for_exec(), child.take_for_exec()), (Some(file), None));
    assert_eq!(child.get(4), Err(Errno::EBADF));
    assert_eq!(table.get(4).map(|it| it.on_exec), Ok(OnExec::Close));
}

/// A message with an open file.
fn carrying(right: FileId) -> Passed {
    Passed { rights: vec![right], ..Passed::default() }
}

fn sending(nonblock: bool) -> Sending {
    Sending { to: None, nonblock }
}

#[test]
fn who_wants_to_know_is_told_who_sent() {
    let mut world = World::new();
    let (a, b) = world.vfs.socket_pair(Shape::Stream, (7, 0, 0), Flags::empty());
    let send = |world: &mut World, sender| {
        let passed = Passed { sender, ..Passed::default() };
        world.vfs.send(a, &mut &b"12"[..], passed, sending(true)).unwrap()
    };
    let receive = |world: &mut World| {
        let mut room = [0; 8];
        let how = Receiving { peeks: false, nonblock: true };
        let received = world.vfs.receive(b, &mut &mut room[..], how).unwrap();
        (received.bytes, received.sender)
    };
    send(&mut world, (1, 2, 3));
    assert_eq!(receive(&mut world), (2, None));
    send(&mut world, (1, 2, 3));
    world.vfs.name_senders(b, true).unwrap();
    send(&mut world, (1, 2, 3));
    send(&mut world, (1, 2, 3));
    send(&mut world, (4, 5, 6));
    assert_eq!(receive(&mut world), (2, Some((0, 65534, 65534))), "nobody wanted to know then");
    assert_eq!(receive(&mut world), (4, Some((1, 2, 3))));
    assert_eq!(receive(&mut world), (2, Some((4, 5, 6))), "not together with another's");
}
