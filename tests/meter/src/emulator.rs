//! What the emulator calls, and what it offers: QEMU's plugin interface, version 1 (QEMU's
//! `include/qemu/qemu-plugin.h`). All unsafe code of this crate is here.

use std::ffi::{CStr, c_char, c_int, c_uint, c_void};
use std::slice;

use crate::block::Block;
use crate::meter;

/// A stretch of instructions that the emulator translates as one.
#[repr(C)]
struct Translation {
    opaque: [u8; 0],
}

/// One instruction of it.
#[repr(C)]
struct Instruction {
    opaque: [u8; 0],
}

type Translated = extern "C" fn(u64, *mut Translation);
type Executed = extern "C" fn(c_uint, *mut c_void);
type Exiting = extern "C" fn(u64, *mut c_void);

// SAFETY: the emulator defines these functions, with these signatures.
unsafe extern "C" {
    fn qemu_plugin_register_vcpu_tb_trans_cb(id: u64, callback: Translated);
    fn qemu_plugin_register_vcpu_tb_exec_cb(
        translation: *mut Translation,
        callback: Executed,
        registers: c_int,
        data: *mut c_void,
    );
    fn qemu_plugin_register_atexit_cb(id: u64, callback: Exiting, data: *mut c_void);
    fn qemu_plugin_tb_n_insns(translation: *const Translation) -> usize;
    fn qemu_plugin_tb_vaddr(translation: *const Translation) -> u64;
    fn qemu_plugin_tb_get_insn(translation: *const Translation, index: usize)
    -> *const Instruction;
    fn qemu_plugin_insn_data(instruction: *const Instruction) -> *const u8;
    fn qemu_plugin_insn_size(instruction: *const Instruction) -> usize;
}

/// The version of the interface that this is written for.
#[unsafe(no_mangle)]
static qemu_plugin_version: c_int = 1;

/// Called once. The argument is `report=FILE`.
///
/// # Safety
/// Called by the emulator: `arguments` are `count` C strings.
#[unsafe(no_mangle)]
unsafe extern "C" fn qemu_plugin_install(
    id: u64,
    _information: *const c_void,
    count: c_int,
    arguments: *const *const c_char,
) -> c_int {
    for number in 0..usize::try_from(count).unwrap_or(0) {
        // SAFETY: the caller's promise.
        let argument = unsafe { CStr::from_ptr(*arguments.add(number)) };
        if let Some(file) = argument.to_str().ok().and_then(|text| text.strip_prefix("report=")) {
            meter::set_report(file);
        }
    }
    // SAFETY: `id` is what the emulator gave us, and the functions are there as long as it is.
    unsafe {
        qemu_plugin_register_vcpu_tb_trans_cb(id, translated);
        qemu_plugin_register_atexit_cb(id, exiting, std::ptr::null_mut());
    }
    0
}

extern "C" fn translated(_id: u64, translation: *mut Translation) {
    // SAFETY: the emulator passes a translation, whose instructions live as long as this call.
    unsafe {
        let instructions = (0..qemu_plugin_tb_n_insns(translation)).map(|number| {
            let instruction = qemu_plugin_tb_get_insn(translation, number);
            let bytes = qemu_plugin_insn_size(instruction);
            slice::from_raw_parts(qemu_plugin_insn_data(instruction), bytes)
        });
        let block = Block::new(qemu_plugin_tb_vaddr(translation), instructions);
        let data = std::ptr::without_provenance_mut(block.pack() as usize);
        qemu_plugin_register_vcpu_tb_exec_cb(translation, executed, 0, data);
    }
}

extern "C" fn executed(cpu: c_uint, data: *mut c_void) {
    meter::execute(cpu as usize, Block::unpack(data.addr() as u64));
}

extern "C" fn exiting(_id: u64, _data: *mut c_void) {
    meter::report();
}
