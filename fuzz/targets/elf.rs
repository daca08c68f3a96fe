//! A program that passes verification keeps what verification promises. The hash in its ABI note
//! is corrected, so that seeds stay good when the interface changes.

#![no_main]

use a9n_abi::boot::{InitSegment, PAGE_BYTES};
use a9n_loader_core::elf::{Program, Purpose, X86_64};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|file: &[u8]| {
    let file = &with_current_hash(file)[..];
    for purpose in [Purpose::User, Purpose::Kernel] {
        let allowed = match purpose {
            Purpose::User => &X86_64.user,
            Purpose::Kernel => &X86_64.kernel,
        };
        let program = match Program::verify(file, &X86_64, purpose) {
            Ok(program) => program,
            Err(error) => {
                assert!(!error.to_string().is_empty());
                continue;
            }
        };
        let mut past = *allowed.start();
        let mut entry_is_executable = false;
        for segment in program.segments() {
            let end = segment.virtual_address + segment.memory_bytes;
            assert!(segment.first_page() >= past && allowed.contains(&(end - 1)));
            assert!(segment.contents.len() as u64 <= segment.memory_bytes);
            let both = InitSegment::WRITE | InitSegment::EXECUTE;
            assert_ne!(segment.access & both, both);
            entry_is_executable |= segment.access & InitSegment::EXECUTE != 0
                && (segment.virtual_address..end).contains(&program.entry());
            past = segment.first_page() + segment.pages() * PAGE_BYTES;
        }
        assert!(entry_is_executable && program.span_pages() > 0);
        if let Some(locals) = program.thread_locals() {
            assert!(locals.memory_bytes > 0 && locals.contents.len() as u64 <= locals.memory_bytes);
            assert!(locals.alignment.is_power_of_two() && locals.alignment <= PAGE_BYTES);
        }
        if let Some((name, offset)) = program.symbol(program.entry()) {
            assert!(offset <= program.entry() && name.len() < file.len());
        }
    }
});

fn with_current_hash(file: &[u8]) -> Vec<u8> {
    let mut file = file.to_vec();
    let note = file.windows(4).rposition(|window| window == b"A9N\0");
    if let Some(hash) = note.and_then(|note| file.get_mut(note + 4..note + 12)) {
        hash.copy_from_slice(&a9n_abi::ABI_HASH.to_le_bytes());
    }
    file
}
