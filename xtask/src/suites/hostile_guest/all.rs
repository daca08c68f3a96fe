//! A guest that does all the harm there is, one kind after the other: whenever its machine is reset, by itself or by others,
//! it goes on with the next.

use super::{devices, random, registers};

/// Counts its starts where the other programs have their seed, and chooses by that.
#[rustfmt::skip]
const CHOICE: &[u8] = &[
    0x48, 0xc7, 0xc6, 0x00, 0x00, 0x80, 0x01, // mov rsi, 0x1800000
    0x48, 0x83, 0x46, 0xf8, 0x01, // add qword ptr [rsi - 8], 1
    0x8b, 0x46, 0xf8, // mov eax, [rsi - 8]
    0xc1, 0xe8, 0x01, // shr eax, 1: the programs count as well
    0x83, 0xe0, 0x03, // and eax, 3
];

/// The program.
pub fn program() -> Vec<u8> {
    let mut code = CHOICE.to_vec();
    // Those that are not chosen lie behind; the last is what remains.
    let others = [(1, devices::PROGRAM), (2, registers::PROGRAM)];
    let jumps = 9 * others.len();
    let mut at = jumps + random::PROGRAM.len();
    for (number, (choice, program)) in (1..).zip(others) {
        code.extend([0x83, 0xf8, choice]); // cmp eax, choice
        code.extend([0x0f, 0x84]); // je program
        code.extend(((at - 9 * number) as u32).to_le_bytes());
        at += program.len();
    }
    code.extend(random::PROGRAM);
    others.iter().for_each(|(_, program)| code.extend(*program));
    code
}
