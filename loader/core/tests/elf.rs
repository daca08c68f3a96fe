//! Each defect of a program is refused with its own error; a good program is understood.

mod common;

use a9n_abi::boot::InitSegment;
use a9n_loader_core::elf::{ElfError, Program, Purpose, X86_64};
use common::{Elf, Load, R, W, X};
use proptest::prelude::*;

fn verify(elf: &Elf, purpose: Purpose) -> Result<(), ElfError> {
    Program::verify(&elf.bytes(), &X86_64, purpose).map(|_| ())
}

/// The error for a user program after `change`.
fn refused(change: impl FnOnce(&mut Elf)) -> ElfError {
    let mut elf = Elf::user();
    change(&mut elf);
    verify(&elf, Purpose::User).expect_err("a defect must be refused")
}

#[test]
fn a_good_program_gives_its_segments() {
    let file = Elf::user().bytes();
    let program = Program::verify(&file, &X86_64, Purpose::User).unwrap();
    let [text, data] = program.segments().collect::<Vec<_>>()[..] else {
        panic!("two segments");
    };
    assert_eq!(program.entry(), 0x20_0010);
    assert_eq!((text.first_page(), text.pages()), (0x20_0000, 1));
    assert_eq!(text.access, InitSegment::READ | InitSegment::EXECUTE);
    assert_eq!((data.first_page(), data.pages()), (0x20_1000, 2));
    assert_eq!((data.offset_in_page(), data.contents), (0x800, &b"data"[..]));
    assert_eq!(data.access, InitSegment::READ | InitSegment::WRITE);
    assert_eq!(program.span_pages(), 3);
}

/// A program header of thread-local storage.
fn thread_locals(contents: &[u8], memory_bytes: u64, align: u64) -> Load {
    Load { kind: 7, align, ..Load::new(R, 0x20_1800, contents, memory_bytes) }
}

#[test]
fn thread_locals_are_found_and_checked() {
    let with = |header: Load| {
        let mut elf = Elf::user();
        elf.headers.push(header);
        elf.bytes()
    };
    let found = |file: &[u8]| {
        let program = Program::verify(file, &X86_64, Purpose::User)?;
        Ok(program.thread_locals().map(|it| (it.contents.to_vec(), it.memory_bytes, it.alignment)))
    };
    assert_eq!(found(&Elf::user().bytes()), Ok(None));
    assert_eq!(found(&with(thread_locals(b"", 0, 8))), Ok(None));
    assert_eq!(found(&with(thread_locals(b"abc", 20, 16))), Ok(Some((b"abc".to_vec(), 20, 16))));
    assert_eq!(found(&with(thread_locals(b"abc", 2, 16))), Err(ElfError::Sizes { index: 3 }));
    for align in [24, 8192] {
        let refused = found(&with(thread_locals(b"abc", 20, align)));
        assert_eq!(refused, Err(ElfError::Alignment { index: 3 }));
    }
}

#[test]
fn halves_are_kept_apart() {
    assert_eq!(verify(&Elf::kernel(), Purpose::Kernel), Ok(()));
    assert!(matches!(
        verify(&Elf::kernel(), Purpose::User),
        Err(ElfError::Outside { index: 0, .. })
    ));
    assert!(matches!(
        verify(&Elf::user(), Purpose::Kernel),
        Err(ElfError::Outside { index: 0, .. })
    ));
}

#[test]
fn first_and_last_user_page_stay_empty() {
    let outside = |address| {
        refused(|elf| {
            elf.headers = vec![Load::new(R | X, address, &[0x90], 1), elf.headers[2].clone()];
            elf.entry = address;
        })
    };
    assert!(matches!(outside(0xfff), ElfError::Outside { .. }));
    assert!(matches!(outside(0x7fff_ffff_f000), ElfError::Outside { .. }));
}

#[test]
fn headers_are_checked() {
    assert_eq!(refused(|elf| elf.kind = 3), ElfError::NotStatic);
    assert_eq!(refused(|elf| elf.headers[1].kind = 3), ElfError::NotStatic);
    let error = refused(|elf| elf.machine = 183);
    assert_eq!(error, ElfError::Architecture { found: 183, wanted: "x86-64" });
    assert_eq!(refused(|elf| drop(elf.headers.drain(..2))), ElfError::NoSegments);
    assert_eq!(refused(|elf| elf.entry = 0x20_1800), ElfError::Entry { entry: 0x20_1800 });
    let of_file = |file: &[u8]| Program::verify(file, &X86_64, Purpose::User).map(|_| ());
    assert_eq!(of_file(b"#!/bin/sh\n echo hello"), Err(ElfError::NotElf));
    assert_eq!(of_file(&Elf::user().bytes()[..70]), Err(ElfError::Header));
    let mut narrow = b"\x7fELF\x01\x01\x01".to_vec();
    narrow.resize(52, 0);
    assert_eq!(of_file(&narrow), Err(ElfError::NotElf64));
    let mut big_endian = Elf::user().bytes();
    big_endian[5] = 2;
    assert_eq!(of_file(&big_endian), Err(ElfError::NotElf64));
}

#[test]
fn segments_are_checked() {
    let index = 1;
    assert_eq!(refused(|elf| elf.headers[1].memory_bytes = 3), ElfError::Sizes { index });
    assert_eq!(refused(|elf| elf.headers[1].flags = R | W | X), ElfError::Access { index });
    assert_eq!(refused(|elf| elf.headers[1].flags = W), ElfError::Access { index });
    assert_eq!(refused(|elf| elf.headers[1].align = 24), ElfError::Alignment { index });
    assert_eq!(
        refused(|elf| elf.headers[1].physical_address += 8),
        ElfError::PhysicalAlignment { index }
    );
    assert_eq!(
        refused(|elf| elf.headers[1].memory_bytes = u64::MAX - 0x20_1800),
        ElfError::Wraps { index }
    );
    let mut file = Elf::user().bytes();
    let offset_of_segment_1 = 64 + 56 + 8;
    file[offset_of_segment_1 + 4] = 1; // 4 GiB on
    let error = Program::verify(&file, &X86_64, Purpose::User).map(|_| ());
    assert_eq!(error, Err(ElfError::PastEnd { index }));
}

#[test]
fn a_file_that_is_cut_off_is_refused() {
    let file = Elf::user().bytes();
    for length in 0..file.len() {
        let cut = Program::verify(&file[..length], &X86_64, Purpose::User);
        assert!(cut.is_err(), "cut to {length} bytes");
    }
}

#[test]
fn shared_pages_and_wrong_order_are_refused() {
    let error = refused(|elf| {
        elf.headers[1].virtual_address = 0x20_0800;
        elf.headers[1].physical_address = 0x20_0800;
    });
    assert_eq!(error, ElfError::Overlap { index: 1, other: 0, address: 0x20_0000 });
    assert_eq!(
        error.to_string(),
        "segment 1 overlaps segment 0 in the page at 0x200000: relink with segments on pages \
         of their own"
    );
    let error = refused(|elf| elf.headers.swap(0, 1));
    assert_eq!(error, ElfError::Order { index: 1, other: 0 });
}

#[test]
fn kernel_segments_keep_their_distance() {
    let mut elf = Elf::kernel();
    elf.headers[1].physical_address += 0x1000;
    let error = ElfError::PhysicalDistance { index: 1, first: 0 };
    assert_eq!(verify(&elf, Purpose::Kernel), Err(error));
}

#[test]
fn the_abi_note_is_compared() {
    assert_eq!(refused(|elf| drop(elf.headers.pop())), ElfError::NoAbiNote);
    let found = a9n_abi::ABI_HASH ^ 1;
    let error = refused(|elf| elf.headers[2] = Load::note(found));
    assert_eq!(error, ElfError::AbiHash { found });
    let mut elf = Elf::user();
    let mut foreign = Load::note(0);
    foreign.contents[12..16].copy_from_slice(b"Xen\0");
    let ours = elf.headers[2].contents.clone();
    foreign.contents.extend(ours);
    elf.headers[2] = foreign;
    assert_eq!(verify(&elf, Purpose::User), Ok(()), "another note may stand before it");
}

proptest! {
    /// Whatever a damaged file passes as, it keeps what `verify` promises.
    #[test]
    fn damage_is_refused_or_harmless(
        damage in prop::collection::vec((0usize..300, any::<u8>()), 1..6),
    ) {
        let mut file = Elf::user().bytes();
        for (place, value) in damage {
            file[place] = value;
        }
        let Ok(program) = Program::verify(&file, &X86_64, Purpose::User) else { return Ok(()) };
        let mut past = 0x1000;
        for segment in program.segments() {
            let write_execute = InitSegment::WRITE | InitSegment::EXECUTE;
            prop_assert!(segment.first_page() >= past);
            prop_assert!(segment.contents.len() as u64 <= segment.memory_bytes);
            prop_assert_ne!(segment.access & write_execute, write_execute);
            past = segment.first_page() + segment.pages() * 4096;
        }
        prop_assert!(past <= 0x7fff_ffff_f000);
        let entry_inside = program.segments().any(|segment| {
            segment.access & InitSegment::EXECUTE != 0
                && program.entry() >= segment.virtual_address
                && program.entry() - segment.virtual_address < segment.memory_bytes
        });
        prop_assert!(entry_inside);
    }
}
