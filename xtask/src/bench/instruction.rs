//! What one executed instruction is: its text, the memory that it touched, and whether it belongs
//! to those that cost far more than one.

use std::collections::BTreeSet;

use anyhow::{Context, Result, bail};
use iced_x86::{
    Decoder, DecoderOptions, FlowControl, Formatter, Instruction, InstructionInfoFactory,
    IntelFormatter, Mnemonic, OpAccess, Register,
};

use super::remote::Registers;

/// Longest instruction, in bytes (Intel manual, volume 2A, section 2.3.11).
pub const LONGEST: usize = 15;
/// Bytes of a cache line.
const LINE_BYTES: u64 = 64;

/// An executed instruction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Executed {
    /// Where it lies.
    pub address: u64,
    /// Whether it ran in kernel mode.
    pub in_kernel: bool,
    /// Whether it is a guest's.
    pub in_guest: bool,
    /// What it is, in Intel's notation.
    pub text: String,
    /// What it does, for those that we look for.
    pub kind: Kind,
    /// Where it jumps to, if it says so itself.
    pub target: Option<u64>,
    /// Whether it is an expensive one.
    pub is_expensive: bool,
    /// Cache lines that it lies in, by number.
    pub code: BTreeSet<u64>,
    /// Cache lines that it reads.
    pub read: BTreeSet<u64>,
    /// Cache lines that it writes.
    pub written: BTreeSet<u64>,
}

/// Instructions that a trace is divided by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Reads the time-stamp counter: where a figure begins and ends.
    Stamp,
    /// Leaves the kernel.
    Return,
    /// Any other.
    Other,
}

impl Executed {
    /// Takes apart the instruction that `bytes` begin with, about to be executed by a CPU with
    /// `registers`.
    pub fn decode(bytes: &[u8], registers: &Registers) -> Result<Self> {
        let address = registers.instruction;
        let bits = if registers.in_guest() { 16 } else { 64 };
        let mut decoder = Decoder::with_ip(bits, bytes, address, DecoderOptions::NONE);
        let instruction = decoder.decode();
        if instruction.is_invalid() {
            bail!("there is no instruction at {address:#x}");
        }
        let (mut read, mut written) = (BTreeSet::new(), BTreeSet::new());
        for used in InstructionInfoFactory::new().info(&instruction).used_memory() {
            let (reads, writes) = directions(used.access());
            if !reads && !writes {
                continue;
            }
            let at = used
                .virtual_address(0, |register, _, _| registers.value(register))
                .with_context(|| format!("{address:#x}: what is touched depends on too much"))?;
            let lines = lines(at, used.memory_size().size() as u64);
            if reads {
                read.extend(lines.clone());
            }
            if writes {
                written.extend(lines);
            }
        }
        Ok(Self {
            address,
            in_kernel: registers.in_kernel(),
            in_guest: registers.in_guest(),
            text: text(&instruction),
            kind: kind(&instruction),
            target: Some(instruction.near_branch_target()).filter(|target| *target != 0),
            is_expensive: is_expensive(&instruction),
            code: lines(address, instruction.len() as u64).collect(),
            read,
            written,
        })
    }

    /// Says by name where it jumps to.
    pub fn name_target(&mut self, name: &str) {
        let mnemonic = self.text.split(' ').next().unwrap_or_default();
        self.text = format!("{mnemonic} {name}");
    }

    /// Cache lines that it reads or writes.
    pub fn data(&self) -> impl Iterator<Item = u64> {
        self.read.union(&self.written).copied()
    }
}

/// Numbers of the cache lines that `bytes` bytes from `address` on lie in. What is of unknown
/// size counts as one byte.
fn lines(address: u64, bytes: u64) -> std::ops::RangeInclusive<u64> {
    address / LINE_BYTES..=address.wrapping_add(bytes.max(1) - 1) / LINE_BYTES
}

/// Whether an access reads, and whether it writes.
fn directions(access: OpAccess) -> (bool, bool) {
    match access {
        OpAccess::None | OpAccess::NoMemAccess => (false, false),
        OpAccess::Read | OpAccess::CondRead => (true, false),
        OpAccess::Write | OpAccess::CondWrite => (false, true),
        OpAccess::ReadWrite | OpAccess::ReadCondWrite => (true, true),
    }
}

fn text(instruction: &Instruction) -> String {
    let mut formatter = IntelFormatter::new();
    let options = formatter.options_mut();
    options.set_hex_prefix("0x");
    options.set_hex_suffix("");
    options.set_uppercase_hex(false);
    options.set_rip_relative_addresses(false);
    options.set_space_after_operand_separator(true);
    let mut text = String::new();
    formatter.format(instruction, &mut text);
    text
}

fn kind(instruction: &Instruction) -> Kind {
    match instruction.mnemonic() {
        Mnemonic::Rdtsc | Mnemonic::Rdtscp => Kind::Stamp,
        Mnemonic::Sysretq | Mnemonic::Iretq => Kind::Return,
        _ => Kind::Other,
    }
}

/// Whether it costs tens of cycles or more, or hinders the instructions around it: changes of
/// privilege, system registers, extended state, serialisation, atomic operations, devices, and
/// jumps to addresses that are computed.
fn is_expensive(instruction: &Instruction) -> bool {
    use Mnemonic::*;
    let indirect = matches!(
        instruction.flow_control(),
        FlowControl::IndirectBranch | FlowControl::IndirectCall | FlowControl::Interrupt
    );
    let atomic = instruction.has_lock_prefix()
        || instruction.mnemonic() == Xchg && instruction.memory_base() != Register::None;
    let system_register = (0..instruction.op_count()).any(|operand| {
        let register = instruction.op_register(operand);
        register.is_cr() || register.is_dr() || register.is_segment_register()
    });
    let listed = matches!(
        instruction.mnemonic(),
        Syscall
            | Sysret
            | Sysretq
            | Sysenter
            | Sysexit
            | Sysexitq
            | Iret
            | Iretd
            | Iretq
            | Int
            | Int1
            | Int3
            | Hlt
            | Swapgs
            | Rdfsbase
            | Rdgsbase
            | Wrfsbase
            | Wrgsbase
            | Rdmsr
            | Wrmsr
            | Rdpmc
            | Rdpid
            | Xgetbv
            | Xsetbv
            | Invlpg
            | Invpcid
            | Wbinvd
            | Invd
            | Clts
            | Smsw
            | Lmsw
            | Lgdt
            | Lidt
            | Lldt
            | Ltr
            | Verr
            | Verw
            | Popf
            | Popfd
            | Popfq
            | Stac
            | Clac
            | Fxsave
            | Fxsave64
            | Fxrstor
            | Fxrstor64
            | Xsave
            | Xsave64
            | Xsavec
            | Xsavec64
            | Xsaveopt
            | Xsaveopt64
            | Xsaves
            | Xsaves64
            | Xrstor
            | Xrstor64
            | Xrstors
            | Xrstors64
            | Cpuid
            | Serialize
            | Mfence
            | Lfence
            | Sfence
            | Pause
            | Rdrand
            | Rdseed
            | In
            | Out
            | Vmrun
            | Vmload
            | Vmsave
            | Vmlaunch
            | Vmresume
            | Vmread
            | Vmwrite
            | Clgi
            | Stgi
            | Div
            | Idiv
    );
    listed || indirect || atomic || system_register
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bench::remote::tests::registers_with;

    fn executed(bytes: &[u8]) -> Executed {
        let registers = registers_with(&[
            (Register::RIP, 0x103e),
            (Register::RSP, 0x2000),
            (Register::RDX, 0x3038),
        ]);
        Executed::decode(bytes, &registers).unwrap()
    }

    #[test]
    fn memory_operands_become_lines() {
        let store = executed(&[0x48, 0x89, 0x42, 0x10]);
        assert_eq!(store.text, "mov [rdx+0x10], rax");
        assert_eq!(store.written, BTreeSet::from([0x3048 / 64]));
        assert!(store.read.is_empty() && !store.is_expensive);
        // It lies across two lines itself.
        assert_eq!(store.code, BTreeSet::from([0x40, 0x41]));
        let push = executed(&[0x50]);
        assert_eq!(push.written, BTreeSet::from([0x1ff8 / 64]));
        let address_only = executed(&[0x48, 0x8d, 0x42, 0x10]);
        assert_eq!(address_only.data().count(), 0);
        // Eight bytes at 0x303c.
        assert_eq!(executed(&[0x48, 0x8b, 0x42, 0x04]).read.len(), 2);
    }

    #[test]
    fn a_jump_can_name_its_target() {
        let mut jump = executed(&[0x74, 0x10]);
        assert_eq!(jump.target, Some(0x1050));
        jump.name_target("there");
        assert_eq!(jump.text, "je there");
        assert_eq!(executed(&[0xc3]).target, None);
    }

    #[test]
    fn expensive_instructions_are_known() {
        for bytes in [
            &[0x0f, 0x05][..],               // syscall
            &[0x48, 0x0f, 0x07],             // sysretq
            &[0x41, 0x0f, 0x22, 0xdb],       // mov cr3, r11
            &[0xf3, 0x48, 0x0f, 0xae, 0xd0], // wrfsbase rax
            &[0xf0, 0x0f, 0xba, 0x2a, 0],    // lock bts dword ptr [rdx], 0
            &[0x87, 0x02],                   // xchg [rdx], eax
            &[0xff, 0xe0],                   // jmp rax
            &[0xec],                         // in al, dx
        ] {
            assert!(executed(bytes).is_expensive, "{bytes:x?}");
        }
        for bytes in [&[0xc3][..], &[0xeb, 0], &[0x87, 0xc2], &[0xe8, 0, 0, 0, 0]] {
            assert!(!executed(bytes).is_expensive, "{bytes:x?}");
        }
    }
}
