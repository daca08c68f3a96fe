//! All assembly that runs after boot, with what it knows of the Rust side. [`entry`](crate::entry)
//! says what it does, and why that is sound. The files are one text: code runs from one into the next.

use core::arch::global_asm;
use core::mem::offset_of;

use a9n_abi::ipc_port::word;
use a9n_abi::{
    MESSAGE_REGISTERS, MessageInfo, Source, interrupt_port, kernel, notification, pcb, reply,
    timer, window,
};

use crate::clock::set_timer_here;
use crate::context::{Context, FIXED_FLAGS, Mode};
use crate::cpu::{AREA_BYTES, CPU_OFFSET, CPUS, Cpu, MAX_CPUS};
use crate::dump::fatal_exception;
use crate::entry::{EXCEPTION_BYTES, Entered, INTERRUPT_BYTES, INTERRUPT_GROUP, STUB_BYTES};
use crate::exceptions;
use crate::interrupts::interrupted;
use crate::lock::{LOCK, acquire};
use crate::paging::KERNEL_ROOT;
use crate::processors::{TICKET, a9n_processor};
use crate::segments::{USER_CODE, USER_DATA};

/// Bit `n` is set if the CPU pushes an error code for exception `n`.
const ERROR_CODES: u32 = {
    let (mut mask, mut vector) = (0, 0);
    while vector < 32 {
        mask |= (exceptions::has_error_code(vector) as u32) << vector;
        vector += 1;
    }
    mask
};

/// Bit `n` is set if the machine cannot go on after exception `n`.
const FATAL: u32 = {
    let [a, b, c] = exceptions::FATAL;
    1 << a | 1 << b | 1 << c
};

/// Message info of a foreign call, but for its number, which is the label.
const FOREIGN_INFO: u64 = MessageInfo::new(0, MESSAGE_REGISTERS).from_source(Source::Foreign).0;

global_asm!(
    include_str!("stubs/macros.s"),
    include_str!("stubs/calls.s"),
    include_str!("stubs/leave.s"),
    include_str!("stubs/general.s"),
    include_str!("stubs/events.s"),
    CPUS = sym CPUS,
    AREA = const AREA_BYTES,
    CPU = const CPU_OFFSET,
    MAX_CPUS = const MAX_CPUS,
    STUB_BYTES = const STUB_BYTES,
    EXCEPTION_BYTES = const EXCEPTION_BYTES,
    INTERRUPT_BYTES = const INTERRUPT_BYTES,
    INTERRUPT_GROUP = const INTERRUPT_GROUP,
    CURRENT = const offset_of!(Cpu, current),
    LOADED_ROOT = const offset_of!(Cpu, root),
    USER_RDX = const offset_of!(Cpu, user_rdx),
    ROOT = const offset_of!(Context, root),
    RIP = const offset_of!(Context, rip),
    RSP = const offset_of!(Context, rsp),
    RBX = const offset_of!(Context, rbx),
    RBP = const offset_of!(Context, rbp),
    FS_BASE = const offset_of!(Context, fs_base),
    GS_BASE = const offset_of!(Context, gs_base),
    MODE = const offset_of!(Context, mode),
    ALONE = const Entered::ALONE,
    FOREIGN = const offset_of!(Context, foreign),
    FOREIGN_INFO = const FOREIGN_INFO,
    LABEL_SHIFT = const MessageInfo::LABEL_SHIFT,
    RAX = const offset_of!(Context, rax),
    RCX = const offset_of!(Context, rcx),
    RDX = const offset_of!(Context, rdx),
    RSI = const offset_of!(Context, rsi),
    RDI = const offset_of!(Context, rdi),
    R8 = const offset_of!(Context, r8),
    R9 = const offset_of!(Context, r9),
    R10 = const offset_of!(Context, r10),
    R11 = const offset_of!(Context, r11),
    R12 = const offset_of!(Context, r12),
    R13 = const offset_of!(Context, r13),
    R14 = const offset_of!(Context, r14),
    R15 = const offset_of!(Context, r15),
    RFLAGS = const offset_of!(Context, rflags),
    ANSWER = const Mode::Answer as u32,
    WHOLE = const Mode::Whole as u32,
    FIXED_FLAGS = const FIXED_FLAGS,
    USER_CODE = const USER_CODE,
    USER_DATA = const USER_DATA,
    IPC_CALL = const word::Call,
    IPC_REPLY_RECEIVE = const word::ReplyReceive,
    NOTIFY = const notification::word::Notify,
    WAIT = const notification::word::Wait,
    POLL = const notification::word::Poll,
    ACKNOWLEDGE = const interrupt_port::word::Acknowledge,
    ARM = const timer::word::Arm,
    SEND = const word::Send,
    RECEIVE = const word::Receive,
    REPLY = const reply::word::Reply,
    KEEP = const reply::word::Keep,
    READ_REGISTER = const pcb::word::ReadRegister,
    WRITE_REGISTER = const pcb::word::WriteRegister,
    RESUME = const pcb::word::Resume,
    WINDOW_MAP = const window::word::Map,
    YIELD = const kernel::word::Yield,
    ERROR_CODES = const ERROR_CODES,
    FATAL = const FATAL,
    CHECKED = const cfg!(debug_assertions) as u8,
    INTERRUPTED = sym interrupted,
    FATAL_EXCEPTION = sym fatal_exception,
    KERNEL_ROOT = sym KERNEL_ROOT,
    LOCK = sym LOCK,
    SET_TIMER = sym set_timer_here,
    ACQUIRE = sym acquire,
    TICKET = sym TICKET,
    PROCESSOR = sym a9n_processor,
);
