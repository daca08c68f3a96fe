//! Every kernel call that can be refused is refused once, and everything is as it was before.

use a9n_abi::{ABI_HASH, NOTE_ABI_HASH, NOTE_NAME};
use a9n_user_level::Computer;
use nun::memory::{HeapMemory, Slab, SlabCache};
use nun::thread::{Body, Options, Thread};
use nun::{Access, Error, Frame, Generic, Node, Pcb, Process, Resources, StartError};

/// What there is to lose.
#[derive(Debug, PartialEq)]
struct Level {
    free_bytes: u64,
    objects: usize,
    mapped_pages: u64,
    tables: usize,
    free_slots: u64,
}

fn level(computer: &Computer, resources: &mut Resources) -> Level {
    let free_bytes = resources.free_bytes();
    let (pool, space) = resources.parts();
    let (mapped_pages, tables) = (space.mapped_pages(), space.table_count());
    let free_slots = nun::memory::Maker::slots(pool).count();
    Level { free_bytes, objects: computer.objects(), mapped_pages, tables, free_slots }
}

/// Looks whether all free slots are empty.
fn check_slots(resources: &mut Resources) {
    while let Some(slot) = resources.slots().take() {
        assert_eq!(Node::slot(3).look(slot).unwrap().0, 0, "slot {slot} is free and full");
    }
}

/// Lets `work` meet a refusal at its first call that can be refused, its second, and so on, until it
/// meets none. It undoes what it did. Answers how often it was refused.
fn refuse_each<E: std::fmt::Debug>(mut work: impl FnMut(&mut Resources) -> Result<(), E>) -> u64 {
    let computer = Computer::boot(16 << 20);
    let mut resources = Resources::new(computer.init());
    // Sizes of objects are measured once; that is no part of what is tested.
    work(&mut resources).expect("nothing is refused yet");
    let before = level(&computer, &mut resources);
    for calls in 0.. {
        computer.refuse_after(Some(calls));
        let result = work(&mut resources);
        let spared = computer.refuse_after(None);
        assert_eq!(level(&computer, &mut resources), before, "after {calls} calls: {result:?}");
        if spared {
            computer.check();
            check_slots(&mut resources);
            result.expect("nothing was refused");
            return calls;
        }
        result.expect_err("a refusal is told");
    }
    unreachable!("there are fewer calls than numbers")
}

#[test]
fn an_object() {
    let refused = refuse_each(|resources| {
        let pcb: Pcb = resources.make(0)?;
        resources.discard(pcb)
    });
    assert!(refused > 1, "some splits and the object");
}

#[test]
fn a_slab() {
    let refused = refuse_each(|resources| {
        let memory: Generic = resources.make(14)?;
        let result = Slab::<Frame>::new(memory, 12, resources.slots())
            .and_then(|slab| slab.dissolve(resources.slots()).map(|_| ()));
        assert_eq!(memory.information()?.2, 0, "nothing is left in it");
        resources.discard(memory)?;
        result
    });
    assert!(refused >= 2, "the measure and the pieces");
}

#[test]
fn a_cache_of_slabs() {
    refuse_each(|resources| {
        let mut cache = SlabCache::<Frame, 2>::new(12, 13);
        let mut frames = vec![];
        let result = (0..3).try_for_each(|_| {
            frames.push(cache.take(resources)?);
            Ok::<_, Error>(())
        });
        for frame in frames {
            cache.put(frame, resources)?;
        }
        result
    });
}

#[test]
fn fresh_memory() {
    let refused = refuse_each(|resources| {
        let (pool, space) = resources.parts();
        let address = space.allocate(pool, 519, Access::READ | Access::WRITE)?;
        space.release(pool, address)
    });
    assert!(refused > 10, "frames, windows and tables");
}

#[test]
fn the_memory_of_a_heap() {
    // It stays, so each time there is a new machine.
    for calls in 0.. {
        let computer = Computer::boot(16 << 20);
        let mut resources = Resources::new(computer.init());
        let before = level(&computer, &mut resources);
        computer.refuse_after(Some(calls));
        let made = HeapMemory::new(&mut resources, 20);
        let spared = computer.refuse_after(None);
        match made {
            Err(_) => assert_eq!(level(&computer, &mut resources), before),
            Ok(mut memory) => {
                assert!(spared);
                use_heap(&computer, &mut memory);
                return;
            }
        }
    }
}

/// Maps until there is no more, and finds everything back.
fn use_heap(computer: &Computer, memory: &mut HeapMemory) {
    let level = memory.free_bytes();
    for round in 0..3 {
        let mut blocks = vec![];
        while let Ok(address) = memory.map(17 + round) {
            assert_eq!(computer.read(address), 0);
            computer.write(address + (16 + round) * 4096, round);
            blocks.push(address);
        }
        assert!(blocks.len() > 8, "a MiB has room for more");
        for address in blocks.into_iter().rev() {
            memory.unmap(address).unwrap();
        }
        assert_eq!(memory.free_bytes(), level);
    }
    computer.check();
}

struct Idle;

impl Body for Idle {
    fn run(argument: u64) -> u64 {
        argument
    }
}

#[test]
fn a_thread() {
    let refused = refuse_each(|resources| {
        let (pool, space) = resources.parts();
        let options = Options { stack_pages: 3, ..Options::default() };
        let thread = Thread::spawn::<Idle, _, _, _>(pool, space, &options)?;
        thread.destroy(pool, space)
    });
    assert!(refused > 10);
}

/// An executable of 3 pages and thread-local storage.
fn program() -> Vec<u8> {
    let note = [
        &4u32.to_le_bytes()[..],
        &8u32.to_le_bytes(),
        &NOTE_ABI_HASH.to_le_bytes(),
        NOTE_NAME.as_bytes(),
        b"\0",
        &ABI_HASH.to_le_bytes(),
    ]
    .concat();
    // Kind, flags, offset, address, bytes in the file and in memory, alignment.
    let (text, end) = (0x1000, 0x1000 + note.len() as u64);
    let headers: [(u32, u32, [u64; 5]); 4] = [
        (1, 5, [text, 0x20_0000, note.len() as u64, note.len() as u64, 4096]),
        (1, 6, [end, 0x20_1000 + (end & 0xfff), 0, 0x1800, 4096]),
        (4, 4, [text, 0x20_0000, note.len() as u64, note.len() as u64, 4]),
        (7, 4, [text, 0x20_0000, 8, 24, 8]),
    ];
    let mut file = b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0".to_vec();
    file.extend([2u16, 62].iter().flat_map(|half| half.to_le_bytes()));
    file.extend(1u32.to_le_bytes());
    file.extend([0x20_0000u64, 64, 0].iter().flat_map(|word| word.to_le_bytes()));
    file.extend(0u32.to_le_bytes());
    let sizes = [64u16, 56, headers.len() as u16, 64, 0, 0];
    file.extend(sizes.iter().flat_map(|half| half.to_le_bytes()));
    for (kind, flags, [offset, address, bytes, memory, align]) in headers {
        file.extend([kind, flags].iter().flat_map(|word| word.to_le_bytes()));
        let words = [offset, address, address, bytes, memory, align];
        file.extend(words.iter().flat_map(|word| word.to_le_bytes()));
    }
    file.resize(text as usize, 0);
    file.extend(note);
    file
}

#[test]
fn a_process() {
    let file = program();
    let refused = refuse_each(|resources| {
        let process = Process::load(resources, &file)?;
        process.destroy(resources).map_err(StartError::Kernel)
    });
    assert!(refused > 25, "{refused}");
}
