//! The library that programs find mapped, as Linux's `vdso(7)`: they read the clock without a call.
//!
//! It is a page that is an ELF file, built here, and the same in all programs: code, and two numbers that turn
//! the processor's counter into nanoseconds. It only knows clocks that it can tell so; for others it makes the
//! call. C libraries look its functions up by name and version, in tables laid out as in the System V gABI and
//! the LSB's *Symbol Versioning*.

/// Bytes of the library.
pub const BYTES: usize = 1024;

/// Where its parts lie.
const HEADERS: usize = 64;
const SYMBOLS: usize = HEADERS + 2 * 56;
const HASHES: usize = SYMBOLS + 24 * (1 + FUNCTIONS.len());
const VERSIONS: usize = HASHES + 4 * (2 + 1 + 1 + FUNCTIONS.len());
const DEFINITIONS: usize = VERSIONS + 2 * (1 + FUNCTIONS.len()) + 4;
const DYNAMIC: usize = DEFINITIONS + 2 * 28;
const NAMES: usize = DYNAMIC + 16 * 10;
const TEXT: usize = 0x300;
/// Behind the code: nanoseconds of a tick in units of 2^-32, and nanoseconds of real time at tick 0.
const NUMBERS: usize = TEXT + CODE.len();

/// What it is called, and the version of what it offers.
const OWN_NAME: &[u8] = b"linux-vdso.so.1\0";
const VERSION: &[u8] = b"LINUX_2.6\0";

/// Its functions, and where their code begins.
const FUNCTIONS: [(&[u8], usize, usize); 3] = [
    (b"__vdso_clock_gettime\0", 0, 0x56),
    (b"__vdso_gettimeofday\0", 0x56, 0x4f),
    (b"__vdso_time\0", 0xa5, 0x2f),
];

/// The code, for x86-64.
#[rustfmt::skip]
const CODE: [u8; 216] = [
    // clock_gettime:
    0x83, 0xff, 0x0b, // cmp $0xb,%edi
    0x77, 0x16, // ja 1b <+0x1b>
    0xb8, 0x21, 0x08, 0x00, 0x00, // mov $0x821,%eax
    0x31, 0xc9, // xor %ecx,%ecx
    0x0f, 0xa3, 0xf8, // bt %edi,%eax
    0x72, 0x12, // jb 23 <+0x23>
    0xb8, 0xd2, 0x00, 0x00, 0x00, // mov $0xd2,%eax
    0x0f, 0xa3, 0xf8, // bt %edi,%eax
    0x72, 0x0f, // jb 2a <+0x2a>
    0xb8, 0xe4, 0x00, 0x00, 0x00, // mov $0xe4,%eax
    0x0f, 0x05, // syscall
    0xc3, // ret
    0x48, 0x8b, 0x0d, 0xb6, 0x00, 0x00, 0x00, // mov 0xb6(%rip),%rcx
    0x0f, 0x31, // rdtsc
    0x48, 0xc1, 0xe2, 0x20, // shl $0x20,%rdx
    0x48, 0x09, 0xd0, // or %rdx,%rax
    0x48, 0xf7, 0x25, 0x9e, 0x00, 0x00, 0x00, // mulq 0x9e(%rip)
    0x48, 0x0f, 0xac, 0xd0, 0x20, // shrd $0x20,%rdx,%rax
    0x48, 0x01, 0xc8, // add %rcx,%rax
    0x31, 0xd2, // xor %edx,%edx
    0xb9, 0x00, 0xca, 0x9a, 0x3b, // mov $0x3b9aca00,%ecx
    0x48, 0xf7, 0xf1, // div %rcx
    0x48, 0x89, 0x06, // mov %rax,(%rsi)
    0x48, 0x89, 0x56, 0x08, // mov %rdx,0x8(%rsi)
    0x31, 0xc0, // xor %eax,%eax
    0xc3, // ret
    // gettimeofday:
    0x48, 0x85, 0xf6, // test %rsi,%rsi
    0x75, 0x42, // jne 9d <+0x47>
    0x48, 0x85, 0xff, // test %rdi,%rdi
    0x74, 0x3a, // je 9a <+0x44>
    0x0f, 0x31, // rdtsc
    0x48, 0xc1, 0xe2, 0x20, // shl $0x20,%rdx
    0x48, 0x09, 0xd0, // or %rdx,%rax
    0x48, 0xf7, 0x25, 0x68, 0x00, 0x00, 0x00, // mulq 0x68(%rip)
    0x48, 0x0f, 0xac, 0xd0, 0x20, // shrd $0x20,%rdx,%rax
    0x48, 0x03, 0x05, 0x64, 0x00, 0x00, 0x00, // add 0x64(%rip),%rax
    0x31, 0xd2, // xor %edx,%edx
    0xb9, 0x00, 0xca, 0x9a, 0x3b, // mov $0x3b9aca00,%ecx
    0x48, 0xf7, 0xf1, // div %rcx
    0x48, 0x89, 0x07, // mov %rax,(%rdi)
    0x48, 0x89, 0xd0, // mov %rdx,%rax
    0x31, 0xd2, // xor %edx,%edx
    0xb9, 0xe8, 0x03, 0x00, 0x00, // mov $0x3e8,%ecx
    0x48, 0xf7, 0xf1, // div %rcx
    0x48, 0x89, 0x47, 0x08, // mov %rax,0x8(%rdi)
    0x31, 0xc0, // xor %eax,%eax
    0xc3, // ret
    0xb8, 0x60, 0x00, 0x00, 0x00, // mov $0x60,%eax
    0x0f, 0x05, // syscall
    0xc3, // ret
    // time:
    0x0f, 0x31, // rdtsc
    0x48, 0xc1, 0xe2, 0x20, // shl $0x20,%rdx
    0x48, 0x09, 0xd0, // or %rdx,%rax
    0x48, 0xf7, 0x25, 0x23, 0x00, 0x00, 0x00, // mulq 0x23(%rip)
    0x48, 0x0f, 0xac, 0xd0, 0x20, // shrd $0x20,%rdx,%rax
    0x48, 0x03, 0x05, 0x1f, 0x00, 0x00, 0x00, // add 0x1f(%rip),%rax
    0x31, 0xd2, // xor %edx,%edx
    0xb9, 0x00, 0xca, 0x9a, 0x3b, // mov $0x3b9aca00,%ecx
    0x48, 0xf7, 0xf1, // div %rcx
    0x48, 0x85, 0xff, // test %rdi,%rdi
    0x74, 0x03, // je d3 <+0x2e>
    0x48, 0x89, 0x07, // mov %rax,(%rdi)
    0xc3, // ret
    0x0f, 0x1f, 0x40, 0x00, // nopl 0x0(%rax)
];

const _: () = {
    assert!(DEFINITIONS.is_multiple_of(4) && DYNAMIC.is_multiple_of(8));
    assert!(NUMBERS.is_multiple_of(8) && NUMBERS + 16 <= BYTES);
};

/// A file that is being put together.
struct Writer {
    bytes: [u8; BYTES],
    at: usize,
}

impl Writer {
    fn put(&mut self, bytes: &[u8]) -> &mut Self {
        self.bytes[self.at..self.at + bytes.len()].copy_from_slice(bytes);
        self.at += bytes.len();
        self
    }

    fn half(&mut self, value: u16) -> &mut Self {
        self.put(&value.to_le_bytes())
    }

    fn word(&mut self, value: u32) -> &mut Self {
        self.put(&value.to_le_bytes())
    }

    fn long(&mut self, value: usize) -> &mut Self {
        self.put(&(value as u64).to_le_bytes())
    }

    fn from(&mut self, place: usize) -> &mut Self {
        self.at = place;
        self
    }
}

/// The library for a machine whose counter's ticks last `nanoseconds_per_tick`, in units of 2^-32, and where it
/// was `epoch` nanoseconds after 1970 at tick 0.
pub fn library(nanoseconds_per_tick: u64, epoch: u64) -> [u8; BYTES] {
    let mut it = Writer { bytes: [0; BYTES], at: 0 };
    // The file's header: 64 bits, low byte first, a library for x86-64.
    it.put(b"\x7fELF\x02\x01\x01").from(16).half(3).half(62).word(1);
    it.long(0).long(HEADERS).long(0).word(0).half(64).half(56).half(2);
    // What is mapped, to be read and executed; and where the tables are.
    it.from(HEADERS);
    for (kind, rights, from, to, aligned) in [(1, 5, 0, BYTES, 4096), (2, 4, DYNAMIC, NAMES, 8)] {
        it.word(kind).word(rights).long(from).long(from).long(from);
        it.long(to - from).long(to - from).long(aligned);
    }
    it.from(NAMES).put(&[0]);
    let place = |it: &mut Writer, name: &[u8]| {
        let at = it.at - NAMES;
        it.put(name);
        at
    };
    let own_name = place(&mut it, OWN_NAME);
    let version = place(&mut it, VERSION);
    let names = FUNCTIONS.map(|(name, ..)| place(&mut it, name));
    let names_end = it.at;
    // Functions for everybody, in section 1, which there is none of: *defined* is all that counts.
    it.from(SYMBOLS + 24);
    for ((_, offset, bytes), name) in FUNCTIONS.into_iter().zip(names) {
        it.word(name as u32).put(&[0x12, 0]).half(1).long(TEXT + offset).long(bytes);
    }
    // One bucket, and in it all symbols, each followed by the next.
    let count = FUNCTIONS.len() as u32;
    it.from(HASHES).word(1).word(1 + count).word(1).word(0);
    for next in 2..=count {
        it.word(next);
    }
    it.from(VERSIONS + 2);
    for _ in FUNCTIONS {
        it.half(2);
    }
    for (number, name, text, next) in [(1, own_name, OWN_NAME, 28), (2, version, VERSION, 0)] {
        it.from(DEFINITIONS + 28 * (number as usize - 1));
        it.half(1).half(u16::from(number == 1)).half(number).half(1);
        it.word(hash(text)).word(20).word(next).word(name as u32).word(0);
    }
    it.from(DYNAMIC);
    for (key, value) in [
        (4, HASHES),
        (5, NAMES),
        (6, SYMBOLS),
        (10, names_end - NAMES),
        (11, 24),
        (14, own_name),
        (0x6fff_fff0, VERSIONS),
        (0x6fff_fffc, DEFINITIONS),
        (0x6fff_fffd, 2),
        (0, 0),
    ] {
        it.long(key).long(value);
    }
    it.from(TEXT).put(&CODE);
    it.put(&nanoseconds_per_tick.to_le_bytes()).put(&epoch.to_le_bytes());
    it.bytes
}

/// The hash of a name that a zero ends (System V gABI, *Hash Table*).
fn hash(name: &[u8]) -> u32 {
    name.iter().take_while(|byte| **byte != 0).fold(0, |hash: u32, byte| {
        let sum = (hash << 4).wrapping_add((*byte).into());
        let high = sum & 0xf000_0000;
        (sum ^ (high >> 24)) & !high
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_have_the_hash_that_everybody_knows() {
        assert_eq!(hash(VERSION), 0x03ae_75f6);
    }

    #[test]
    fn parts_do_not_overlap() {
        let library = library(1 << 32, 7);
        let names: usize = FUNCTIONS.iter().map(|(name, ..)| name.len()).sum();
        assert!(NAMES + 1 + OWN_NAME.len() + VERSION.len() + names <= TEXT);
        assert_eq!(
            library[NUMBERS..NUMBERS + 16],
            [0, 0, 0, 0, 1, 0, 0, 0, 7, 0, 0, 0, 0, 0, 0, 0]
        );
    }

    #[test]
    fn functions_end_with_a_return_and_find_the_numbers() {
        for (name, offset, bytes) in FUNCTIONS {
            let code = &CODE[offset..offset + bytes];
            assert_eq!(code.last(), Some(&0xc3), "{name:?}");
            // mul [rip + distance]
            let at = code.windows(3).position(|it| it == [0x48, 0xf7, 0x25]).unwrap();
            let distance = u32::from_le_bytes(code[at + 3..at + 7].try_into().unwrap()) as usize;
            assert_eq!(TEXT + offset + at + 7 + distance, NUMBERS, "{name:?}");
        }
    }
}
