//! A whole boot on a fake machine: what the kernel finds is what the volume held.

mod common;

use std::mem::offset_of;

use a9n_abi::boot::{
    BOOT_MAGIC, BootInfo, InitImage, InitSegment, MemoryKind, MemoryRegion, Module, Span,
};
use a9n_loader_core::{
    PhysicalRange,
    archive::Archive,
    config::Problem,
    elf::{ElfError, X86_64},
    hand_over::{Cause, Error, Kernel, Platform, VolumeError, load},
    memory_map::Descriptor,
};
use common::{Elf, FakeMachine, archive};

const CONFIG: &str = "kernel = a9n/kernel.elf\ninit = a9n/init.elf\n\
                      module = one a9n/modules/one\nmodule = none a9n/modules/none\n\
                      module = two a9n/modules/two\ncommand_line = quiet\n";

fn boot(
    machine: &mut FakeMachine,
    kernel: Kernel,
    config: &str,
    init: &[u8],
) -> Result<u64, Error> {
    let kernel_file = Elf::kernel().bytes();
    let volume = archive(&[
        ("a9n/boot.cfg", config.as_bytes()),
        ("a9n/kernel.elf", &kernel_file),
        ("a9n/init.elf", init),
        ("a9n/modules/one", &[1; 5000]),
        ("a9n/modules/none", b""),
        ("a9n/modules/two", b"two"),
    ]);
    let firmware = [
        Descriptor { range: machine.memory, kind: MemoryKind::Usable },
        Descriptor {
            range: PhysicalRange { start: 0xfec0_0000, bytes: 0x1000 },
            kind: MemoryKind::Device,
        },
    ];
    let mut volume = Archive::new(&volume);
    let loaded = load(&mut volume, machine, &X86_64, kernel, firmware.len() as u64)?;
    let platform = Platform { acpi_root: 0xf_0000, ..Platform::default() };
    loaded.finish(machine, firmware.into_iter(), platform)
}

fn span(machine: &FakeMachine, address: u64) -> (u64, u64) {
    let field = |offset| machine.u64_at(address + offset as u64);
    (field(offset_of!(Span, address)), field(offset_of!(Span, count)))
}

#[test]
fn everything_arrives() {
    let mut machine = FakeMachine::new(0x10_0000, 0x40_0000);
    let info = boot(&mut machine, Kernel::OnVolume, CONFIG, &Elf::user().bytes()).unwrap();
    let at = |offset: usize| info + offset as u64;

    assert_eq!(machine.u64_at(at(offset_of!(BootInfo, magic))), BOOT_MAGIC);
    assert_eq!(machine.u64_at(at(offset_of!(BootInfo, abi_hash))), a9n_abi::ABI_HASH);
    assert_eq!(machine.u64_at(at(offset_of!(BootInfo, acpi_root))), 0xf_0000);
    assert_eq!(machine.u64_at(at(offset_of!(BootInfo, kernel))), 0x20_0000);
    assert_eq!(machine.u64_at(at(offset_of!(BootInfo, kernel_bytes))), 0x3000);
    assert_eq!(machine.read(0x20_1800, 4), b"data");
    let mapped: Vec<_> =
        machine.mappings.iter().map(|it| (it.virtual_address, it.physical_address)).collect();
    assert_eq!(mapped, [(0xffff_ffff_8020_0000, 0x20_0000), (0xffff_ffff_8020_1000, 0x20_1000)]);

    let (text, length) = span(&machine, at(offset_of!(BootInfo, command_line)));
    assert_eq!(machine.read(text, length), b"quiet");

    let init = at(offset_of!(BootInfo, init));
    assert_eq!(machine.u64_at(init + offset_of!(InitImage, entry) as u64), 0x20_0010);
    let (segments, count) = span(&machine, init + offset_of!(InitImage, segments) as u64);
    assert_eq!(count, 2);
    let data = segments + size_of::<InitSegment>() as u64;
    let field = |offset: usize| machine.u64_at(data + offset as u64);
    assert_eq!(field(offset_of!(InitSegment, virtual_address)), 0x20_1000);
    assert_eq!(field(offset_of!(InitSegment, pages)), 2);
    let place = field(offset_of!(InitSegment, physical_address));
    assert_eq!(machine.read(place + 0x7ff, 6), b"\0data\0");

    let (modules, count) = span(&machine, at(offset_of!(BootInfo, modules)));
    assert_eq!(count, 3);
    let contents: Vec<_> = (0..count)
        .map(|index| {
            let module = modules + index * size_of::<Module>() as u64;
            let address = machine.u64_at(module + offset_of!(Module, address) as u64);
            let bytes = machine.u64_at(module + offset_of!(Module, bytes) as u64);
            assert_eq!(address % 4096, 0);
            (machine.read(module, 4).to_vec(), machine.read(address, bytes).to_vec())
        })
        .collect();
    assert_eq!(contents[0], (b"one\0".to_vec(), vec![1; 5000]));
    assert_eq!(contents[1], (b"none".to_vec(), vec![]));
    assert_eq!(contents[2], (b"two\0".to_vec(), b"two".to_vec()));
}

#[test]
fn the_memory_map_shows_what_was_placed() {
    let mut machine = FakeMachine::new(0x10_0000, 0x40_0000);
    let info = boot(&mut machine, Kernel::OnVolume, CONFIG, &Elf::user().bytes()).unwrap();
    let (map, count) = span(&machine, info + offset_of!(BootInfo, memory_map) as u64);
    let regions: Vec<(u64, u64, u32)> = (0..count)
        .map(|index| {
            let region = map + index * size_of::<MemoryRegion>() as u64;
            let field = |offset: usize| machine.u64_at(region + offset as u64);
            let kind = field(offset_of!(MemoryRegion, kind)) as u32;
            let start = field(offset_of!(MemoryRegion, start));
            (start, start + field(offset_of!(MemoryRegion, pages)) * 4096, kind)
        })
        .collect();
    let kind_at = |address| {
        let region = regions.iter().find(|(start, end, _)| (*start..*end).contains(&address));
        MemoryKind::from_number(region.expect("covered").2)
    };
    assert_eq!(kind_at(0), Some(MemoryKind::Reserved));
    assert_eq!(kind_at(info), Some(MemoryKind::Loader));
    assert_eq!(kind_at(map + count * 24 - 1), Some(MemoryKind::Loader));
    assert_eq!(kind_at(0x20_2fff), Some(MemoryKind::Kernel));
    assert_eq!(kind_at(0x20_3000), Some(MemoryKind::Usable));
    assert_eq!(kind_at(0xfec0_0000), Some(MemoryKind::Device));
    let pages_of = |kind: MemoryKind| -> u64 {
        let of_kind = regions.iter().filter(|(_, _, it)| *it == kind as u32);
        of_kind.map(|(start, end, _)| (end - start) / 4096).sum()
    };
    assert_eq!(pages_of(MemoryKind::Init), 3);
    assert_eq!(pages_of(MemoryKind::Module), 3);
    let given: u64 = machine.given.iter().map(|it| it.bytes / 4096).sum();
    assert_eq!(pages_of(MemoryKind::Usable), 0x400 - given);
}

#[test]
fn a_kernel_finds_another_place_where_its_own_is_taken() {
    let mut machine = FakeMachine::new(0x100_0000, 0x40_0000);
    let info = boot(&mut machine, Kernel::OnVolume, CONFIG, &Elf::user().bytes()).unwrap();
    let kernel = machine.u64_at(info + offset_of!(BootInfo, kernel) as u64);
    assert_eq!(kernel, 0x100_0000);
    assert_eq!(machine.mappings[1].physical_address, 0x100_1000);
    assert_eq!(machine.read(0x100_1800, 4), b"data");
}

#[test]
fn a_resident_kernel_is_left_alone() {
    let mut machine = FakeMachine::new(0x10_0000, 0x40_0000);
    let range = PhysicalRange { start: 0x8_0000, bytes: 0x4000 };
    let info = boot(&mut machine, Kernel::Resident(range), CONFIG, &Elf::user().bytes());
    let kernel = info.unwrap() + offset_of!(BootInfo, kernel) as u64;
    assert_eq!(machine.u64_at(kernel), 0x8_0000);
    assert!(machine.mappings.is_empty());
}

#[test]
fn errors_name_the_file() {
    let refused = |config: &str, init: &[u8]| {
        let mut machine = FakeMachine::new(0x10_0000, 0x40_0000);
        boot(&mut machine, Kernel::OnVolume, config, init).expect_err("must be refused")
    };
    let error = refused(CONFIG, b"#!/bin/sh");
    assert_eq!(
        (error.file.as_str(), &error.cause),
        ("a9n/init.elf", &Cause::Elf(ElfError::NotElf))
    );
    assert_eq!(error.to_string(), "a9n/init.elf: not an ELF file: put the linked program there");
    let error = refused("kernel = a9n/kernel.elf\ninit = a9n/gone\n", b"");
    assert_eq!(error.cause, Cause::Volume(VolumeError::NotFound));
    assert_eq!(error.to_string(), "a9n/gone: not found: put it on the boot volume");
    let error = refused("kernel = a9n/kernel.elf\n", b"");
    assert!(matches!(error.cause, Cause::Config(it) if it.problem == Problem::NoInit));
    assert_eq!(error.to_string(), "a9n/boot.cfg: no init: add `init = a9n/init.elf`");
    let mut greedy = Elf::user();
    greedy.headers[1].memory_bytes = 1 << 40;
    let error = refused(CONFIG, &greedy.bytes());
    assert!(matches!(error.cause, Cause::OutOfMemory { .. }));
    let error = refused(&"#".repeat(9000), b"");
    assert_eq!(error.cause, Cause::Volume(VolumeError::TooLong));
}
