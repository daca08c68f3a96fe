//! Any multiboot2 information and any PVH start info is read or refused.

#![no_main]

use a9n_direct::{
    multiboot2::Information,
    pvh::{self, StartInfo},
};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let information = Information::new(bytes);
    let _ = information.module();
    let _ = information.descriptors().map(|all| all.count());
    let _ = information.acpi_root();
    let _ = information.framebuffer();

    let _ = StartInfo::parse(bytes).map(|info| (info.module_list(), info.memory_map()));
    let _ = pvh::module(bytes);
    assert_eq!(pvh::descriptors(bytes).count(), bytes.len() / 24);
});
