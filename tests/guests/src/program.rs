//! Programs that nobody would write: random instructions that reach for what is the machine's.
//!
//! An instruction is one of a table's, with random operands before it; no jumps, so that a program ends
//! where it ends. (One that loops with interrupts off would keep an emulator that looks at interrupts only
//! when a guest lets them in.)

use a9n_random::Random;

/// In which mode a program runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    Real,
    Protected,
    Long,
}

/// Bytes of a program: a page's less what stands behind it.
pub const BYTES: usize = 0xf00;
/// Longest instruction, with its operands.
const LONGEST: usize = 32;
/// What ends it.
pub const HALT: u8 = 0xf4;

/// Numbers of general registers.
const EAX: u8 = 0;
const ECX: u8 = 1;
const EDX: u8 = 2;
const EBX: u8 = 3;
const ESI: u8 = 6;
const EDI: u8 = 7;

/// Registers that matter to who has the machine: interrupt controller, microcode, VMX, page attributes, SVM, EFER and
/// its like, speculation.
const REGISTERS: [u32; 24] = [
    0x10,
    0x1b,
    0x3a,
    0x48,
    0x49,
    0x79,
    0x8b,
    0xfe,
    0x10b,
    0x174,
    0x175,
    0x176,
    0x1a0,
    0x1d9,
    0x277,
    0x2ff,
    0x480,
    0x6e0,
    0xc000_0080,
    0xc000_0082,
    0xc000_0103,
    0xc001_0015,
    0xc001_0114,
    0xc001_0117,
];

/// Instructions without operands, or that find them in registers. (None that writes DR7: QEMU loses its count of breakpoints
/// when a guest has some and is left, and crashes.)
const PLAIN: [&[u8]; 43] = [
    &[0x0f, 0x08],             // invd
    &[0x0f, 0x09],             // wbinvd
    &[0x0f, 0x06],             // clts
    &[0xfa],                   // cli
    &[0xfb],                   // sti
    &[0x0f, 0x33],             // rdpmc
    &[0x0f, 0x31],             // rdtsc
    &[0x0f, 0xa2],             // cpuid
    &[0x0f, 0xaa],             // rsm
    &[0x0f, 0x05],             // syscall
    &[0x0f, 0x34],             // sysenter
    &[0x0f, 0x37],             // getsec
    &[0xcc],                   // int3
    &[0xf1],                   // int1
    &[0x0f, 0x0b],             // ud2
    &[0x0f, 0x32],             // rdmsr
    &[0x0f, 0x30],             // wrmsr
    &[0xec],                   // in al, dx
    &[0xed],                   // in eax, dx
    &[0xee],                   // out dx, al
    &[0xef],                   // out dx, eax
    &[0x66, 0xef],             // out dx, the other size
    &[0xf3, 0x6c],             // rep insb
    &[0xf3, 0x6f],             // rep outsd
    &[0x0f, 0x22, 0xd8],       // mov cr3, eax
    &[0x0f, 0x20, 0xc0],       // mov eax, cr0
    &[0x0f, 0x20, 0xd0],       // mov eax, cr2
    &[0x0f, 0x20, 0xe0],       // mov eax, cr4
    &[0x0f, 0x22, 0xd0],       // mov cr2, eax
    &[0x0f, 0x23, 0xc0],       // mov dr0, eax
    &[0x0f, 0x21, 0xf0],       // mov eax, dr6
    &[0x0f, 0x00, 0xd8],       // ltr ax
    &[0x0f, 0x00, 0xd0],       // lldt ax
    &[0x8e, 0xd8],             // mov ds, ax
    &[0x8e, 0xd0],             // mov ss, ax
    &[0x9d],                   // popf
    &[0x0f, 0xae, 0x03],       // fxsave
    &[0x0f, 0xae, 0x2b],       // xrstor
    &[0xf3, 0x0f, 0xae, 0xd0], // wrfsbase eax
    &[0xf3, 0x0f, 0xc7, 0xf8], // rdpid eax
    &[0x0f, 0x01, 0xf9],       // rdtscp
    &[0x0f, 0x01, 0xd1],       // xsetbv
    &[0x0f, 0x01, 0xf8],       // swapgs
];

/// Instructions of both vendors' virtualisation, and those that wait; with memory at EBX.
const VIRTUAL: [&[u8]; 24] = [
    &[0x0f, 0x01, 0xc1],             // vmcall
    &[0x0f, 0x01, 0xc2],             // vmlaunch
    &[0x0f, 0x01, 0xc3],             // vmresume
    &[0x0f, 0x01, 0xc4],             // vmxoff
    &[0x0f, 0x01, 0xd4],             // vmfunc
    &[0x0f, 0x01, 0xd8],             // vmrun
    &[0x0f, 0x01, 0xd9],             // vmmcall
    &[0x0f, 0x01, 0xda],             // vmload
    &[0x0f, 0x01, 0xdb],             // vmsave
    &[0x0f, 0x01, 0xdc],             // stgi
    &[0x0f, 0x01, 0xdd],             // clgi
    &[0x0f, 0x01, 0xde],             // skinit
    &[0x0f, 0x01, 0xdf],             // invlpga
    &[0xf3, 0x0f, 0xc7, 0x33],       // vmxon
    &[0x66, 0x0f, 0xc7, 0x33],       // vmclear
    &[0x0f, 0xc7, 0x33],             // vmptrld
    &[0x0f, 0x78, 0xc1],             // vmread
    &[0x0f, 0x79, 0xc1],             // vmwrite
    &[0x66, 0x0f, 0x38, 0x80, 0x03], // invept
    &[0x66, 0x0f, 0x38, 0x81, 0x03], // invvpid
    &[0x66, 0x0f, 0x38, 0x82, 0x03], // invpcid
    &[0x0f, 0x01, 0xc8],             // monitor
    &[0x0f, 0x01, 0xc9],             // mwait
    &[0x0f, 0x01, 0xfb],             // mwaitx
];

/// Accesses to memory at EBX, descriptor tables among them.
const MEMORY: [&[u8]; 8] = [
    &[0x89, 0x03],       // mov [ebx], eax
    &[0x8b, 0x03],       // mov eax, [ebx]
    &[0xf0, 0x87, 0x03], // lock xchg [ebx], eax
    &[0x0f, 0x01, 0x3b], // invlpg [ebx]
    &[0x0f, 0x01, 0x03], // sgdt [ebx]
    &[0x0f, 0x01, 0x13], // lgdt [ebx]
    &[0x0f, 0x01, 0x1b], // lidt [ebx]
    &[0x0f, 0x01, 0x33], // lmsw [ebx]
];

/// A program in the making.
pub struct Program {
    pub bytes: [u8; BYTES],
    used: usize,
    mode: Mode,
}

impl Program {
    /// One that runs in `mode`.
    pub fn random(random: &mut Random, mode: Mode) -> Self {
        let mut program = Self { bytes: [HALT; BYTES], used: 0, mode };
        while program.used + LONGEST <= BYTES / 8 {
            program.add(random);
        }
        program
    }

    fn add(&mut self, random: &mut Random) {
        let any = random.next() as u32;
        let numbers = [any, random.below(1 << 16) as u32, 1 << random.below(32)];
        let number = numbers[random.below(3) as usize];
        match random.below(4) {
            0 => {
                let known = REGISTERS[random.below(REGISTERS.len() as u64) as usize];
                self.load(EAX, number);
                self.load(ECX, if random.once_in(2) { known } else { number });
                self.put(choose(random, &PLAIN));
            }
            1 => {
                self.load(EDX, any >> 16);
                // Not for long.
                self.load(ECX, any & 7);
                self.load(if random.once_in(2) { ESI } else { EDI }, number);
                self.put(choose(random, &PLAIN));
            }
            2 => {
                // Its tables, its other memory, and beyond.
                let addresses = [0x2000 + (any & 0x4ff8), 0x8000 + (any & 0x37ff8), number];
                self.load(EBX, addresses[random.below(3) as usize]);
                self.load(EAX, number);
                if self.mode == Mode::Real {
                    self.put(&[0x67]);
                }
                self.put(choose(random, &MEMORY));
            }
            _ => {
                self.load(EAX, number & !0xfff);
                self.put(choose(random, &VIRTUAL));
            }
        }
    }

    /// `mov register, value`.
    fn load(&mut self, register: u8, value: u32) {
        if self.mode == Mode::Real {
            self.put(&[0x66]);
        }
        self.put(&[0xb8 + register]);
        self.put(&value.to_le_bytes());
    }

    fn put(&mut self, bytes: &[u8]) {
        self.bytes[self.used..self.used + bytes.len()].copy_from_slice(bytes);
        self.used += bytes.len();
    }
}

fn choose<'a>(random: &mut Random, table: &[&'a [u8]]) -> &'a [u8] {
    table[random.below(table.len() as u64) as usize]
}
