//! Any archive is read or refused; what is found lies in it. Checksums are corrected, so that
//! the fuzzer gets past them.

#![no_main]

use a9n_loader_core::archive::Archive;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    check(bytes);
    let mut sealed = bytes.to_vec();
    for block in sealed.chunks_exact_mut(512).filter(|block| &block[257..262] == b"ustar") {
        block[148..156].fill(b' ');
        let sum: u32 = block.iter().map(|byte| u32::from(*byte)).sum();
        block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    }
    check(&sealed);
});

fn check(bytes: &[u8]) {
    let archive = Archive::new(bytes);
    let mut total = 0;
    for entry in archive.entries().flatten() {
        total += 512 + entry.contents.len();
        let _ = entry.has_path("a9n/boot.cfg");
    }
    assert!(total <= bytes.len());
    let _ = archive.find("a9n/boot.cfg").map_err(|error| error.to_string());
}
