//! Kernels made up for the purpose. A real one boots in the suite `guest`.

use amateras_boot::{File, Image, Refused, Unbootable, Unreadable, Wishes};

const MIB: u64 = 1 << 20;
const NOTHING: &dyn File = &(&[] as &[u8]);

/// A file with the header of a kernel of 2 MiB that needs 8 MiB at 16 MiB.
fn file() -> Vec<u8> {
    let mut file = vec![0x90; 3 * 512 + 2 * MIB as usize];
    let mut put = |offset: usize, bytes: &[u8]| {
        file[offset..offset + bytes.len()].copy_from_slice(bytes);
    };
    put(0x1f1, &[2]);
    put(0x1f4, &(2 * MIB as u32 / 16).to_le_bytes());
    put(0x1fe, &[0x55, 0xaa, 0xeb, 0x6a]);
    put(0x202, b"HdrS");
    put(0x206, &0x020fu16.to_le_bytes());
    put(0x211, &[0x01]);
    put(0x22c, &0x7fff_ffffu32.to_le_bytes());
    put(0x236, &0x007fu16.to_le_bytes());
    put(0x238, &2047u32.to_le_bytes());
    put(0x258, &(16 * MIB).to_le_bytes());
    put(0x260, &(8 * MIB as u32).to_le_bytes());
    put(3 * 512, b"the code");
    file
}

fn wishes<'a>(initrd: &'a dyn File) -> Wishes<'a> {
    Wishes { processors: 1, memory: 32 * MIB, command_line: "console=ttyS0", initrd }
}

fn number(memory: &[u8], offset: usize, bytes: usize) -> u64 {
    memory[offset..offset + bytes].iter().rev().fold(0, |sum, byte| sum << 8 | u64::from(*byte))
}

#[test]
fn everything_is_where_the_kernel_looks_for_it() {
    let (file, mut initrd) = (file(), [0xab; 5000]);
    initrd[..6].copy_from_slice(b"070701");
    let (file, contents) = (&file[..], &initrd[..]);
    let image = Image::parse(&file).unwrap();
    assert_eq!(image.version(), (2, 15));
    let plan = image.plan(wishes(&contents)).unwrap();
    let mut memory = vec![0; 32 * MIB as usize];
    plan.load(&mut memory[..]).unwrap();

    assert_eq!(plan.entry(), 16 * MIB + 0x200);
    assert_eq!(&memory[16 * MIB as usize..][..8], b"the code");
    let page = plan.zero_page() as usize;
    assert_eq!(number(&memory, page + 0x202, 4), number(b"HdrS", 0, 4), "the header is copied");
    assert_eq!(number(&memory, page + 0x210, 1), 0xff);
    let command_line = number(&memory, page + 0x228, 4) as usize;
    assert_eq!(&memory[command_line..][..14], b"console=ttyS0\0");
    let at = number(&memory, page + 0x218, 4) as usize;
    assert_eq!((at % 4096, number(&memory, page + 0x21c, 4)), (0, 5000));
    assert_eq!(&memory[at..at + 5000], initrd);
    assert_eq!(number(&memory, page + 0x1e8, 1), 3);
    let entry = |index: usize| {
        let at = page + 0x2d0 + index * 20;
        (number(&memory, at, 8), number(&memory, at + 8, 8), number(&memory, at + 16, 4))
    };
    assert_eq!(entry(0), (0, 0x9fc00, 1));
    assert_eq!(entry(1), (0x9fc00, 0x60400, 2));
    assert_eq!(entry(2), (MIB, 31 * MIB, 1));
}

#[test]
fn the_first_page_tables_leave_addresses_as_they_are() {
    let file = file();
    let file = &file[..];
    let plan = Image::parse(&file).unwrap().plan(wishes(NOTHING)).unwrap();
    let mut memory = vec![0; 32 * MIB as usize];
    plan.load(&mut memory[..]).unwrap();
    for address in [0, plan.entry(), 3 << 30, (4 << 30) - 1] {
        let mut table = plan.page_tables();
        for level in [39, 30] {
            let entry = number(&memory, (table + (address >> level & 511) * 8) as usize, 8);
            assert_eq!(entry & 0xfff, 3);
            table = entry & !0xfff;
        }
        let entry = number(&memory, (table + (address >> 21 & 511) * 8) as usize, 8);
        assert_eq!((entry & 0xfff, entry >> 21), (0x83, address >> 21));
    }
}

#[test]
fn what_is_no_kernel_is_named() {
    let broken = |offset: usize, byte: u8| {
        let mut file = file();
        file[offset] = byte;
        refuse(&file)
    };
    assert_eq!(broken(0x202, 0), Unbootable::NotLinux);
    assert_eq!(broken(0x1fe, 0), Unbootable::NotLinux);
    assert_eq!(broken(0x206, 0x0b), Unbootable::TooOld(0x020b));
    assert_eq!(broken(0x236, 0), Unbootable::Not64Bit);
    assert_eq!(broken(0x211, 0), Unbootable::Not64Bit);
    let file = file();
    for length in [0, 0x1ff, 0x205] {
        assert_eq!(refuse(&file[..length]), Unbootable::NotLinux, "{length}");
    }
    for length in [0x26a, 3 * 512, 4 * 512, file.len() - 1] {
        assert_eq!(refuse(&file[..length]), Unbootable::TooShort, "{length}");
    }
    assert_eq!(refuse(b"just a text"), Unbootable::NotLinux);
    assert_eq!(refuse(b"\x7fELF, and so on"), Unbootable::Elf);
}

fn refuse(file: &[u8]) -> Unbootable {
    Image::parse(&file).unwrap_err()
}

/// A file on a disk that fails behind its beginning.
#[derive(Debug)]
struct Failing<'a>(&'a [u8]);

impl File for Failing<'_> {
    fn bytes(&self) -> u64 {
        self.0.bytes()
    }

    fn read(&self, offset: u64, to: &mut [u8]) -> Result<(), Unreadable> {
        if offset > MIB { Err(Unreadable) } else { self.0.read(offset, to) }
    }
}

#[test]
fn what_cannot_be_read_is_told() {
    let file = file();
    let failing = Failing(&file);
    let mut memory = vec![0; 32 * MIB as usize];
    let plan = Image::parse(&failing).unwrap().plan(wishes(NOTHING)).unwrap();
    assert_eq!(plan.load(&mut memory[..]), Err(Refused::Unreadable));
}

#[test]
fn what_does_not_fit_is_refused_with_what_would() {
    let file = file();
    let file = &file[..];
    let image = Image::parse(&file).unwrap();
    let refused = |wishes: Wishes<'_>| image.plan(wishes).unwrap_err();
    let mut initrd = vec![0; 9 * MIB as usize];
    initrd[..2].copy_from_slice(b"\x1f\x8b");
    let initrd = &initrd[..];
    let memory = Refused::Memory { needed: 33 * MIB, given: 32 * MIB };
    assert_eq!(refused(wishes(&initrd)), memory);
    let says = "kernel and initial file system need 33 MiB, the guest has 32";
    assert_eq!(memory.to_string(), says);
    assert!(matches!(
        refused(Wishes { processors: 1, memory: 0, ..wishes(NOTHING) }),
        Refused::Memory { .. }
    ));
    let text = &b"no archive"[..];
    assert_eq!(refused(wishes(&text)), Refused::NotArchive);
    let long = "x".repeat(2048);
    let refused = refused(Wishes { command_line: &long, ..wishes(NOTHING) });
    assert_eq!(refused, Refused::CommandLine { most: 2047 });
    assert!(
        image.plan(Wishes { processors: 1, memory: 24 * MIB, ..wishes(NOTHING) }).is_ok(),
        "just enough"
    );
}
