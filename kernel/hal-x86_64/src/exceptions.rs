//! What an exception in user mode means in portable terms.

use a9n_hal::{Access, Fault, FaultReason, UserAddress};

/// Exceptions after which the machine cannot go on, wherever they come from: non-maskable
/// interrupt, double fault, machine check.
pub const FATAL: [u8; 3] = [2, 8, 18];

/// The one exception that user mode may raise by software interrupt.
pub const BREAKPOINT: u8 = 3;

/// Page-fault error code (AMD64 APM, volume 2, section 8.4.2): it was a store.
const STORE: u64 = 1 << 1;
/// Page-fault error code: it was an instruction fetch.
const FETCH: u64 = 1 << 4;

/// Whether the CPU pushes an error code for exception `vector`.
pub const fn has_error_code(vector: u8) -> bool {
    matches!(vector, 8 | 10..=14 | 17 | 21 | 29 | 30)
}

/// What the CPU tells about an exception elsewhere than on the stack.
pub trait Details {
    /// The page-fault address.
    fn accessed(&self) -> UserAddress;
    /// Status word of the x87 unit.
    fn x87_status(&self) -> u64;
    /// Control and status word of the SSE unit.
    fn sse_status(&self) -> u64;
}

/// The fault that exception `vector` is, with `error` code, at `instruction`.
pub fn fault(vector: u8, error: u64, instruction: UserAddress, details: &impl Details) -> Fault {
    let (reason, code) = match vector {
        0 => (FaultReason::Division, 0),
        1 => (FaultReason::Debug, 0),
        BREAKPOINT => (FaultReason::Breakpoint, 0),
        6 => (FaultReason::InvalidInstruction, 0),
        7 => (FaultReason::VectorUnavailable, 0),
        10..=13 => (FaultReason::Protection, error),
        14 => (FaultReason::Page, attempted(error).bits()),
        16 => (FaultReason::VectorException, details.x87_status()),
        19 => (FaultReason::VectorException, details.sse_status()),
        17 => (FaultReason::Alignment, 0),
        other => (FaultReason::Other, other.into()),
    };
    let address = match reason {
        FaultReason::Page => details.accessed(),
        _ => instruction,
    };
    Fault { reason, address, code }
}

/// What was tried when a page fault came with `error`.
fn attempted(error: u64) -> Access {
    if error & FETCH != 0 {
        Access::EXECUTE
    } else if error & STORE != 0 {
        Access::WRITE
    } else {
        Access::READ
    }
}

/// Name of an exception, for a register dump.
pub fn name(vector: u8) -> &'static str {
    match vector {
        0 => "division error",
        1 => "debug exception",
        2 => "non-maskable interrupt",
        3 => "breakpoint",
        6 => "invalid opcode",
        7 => "FPU or SIMD instruction",
        8 => "double fault",
        10 => "invalid task state",
        11 => "segment not present",
        12 => "stack fault",
        13 => "general protection fault",
        14 => "page fault",
        17 => "alignment check",
        18 => "machine check",
        _ => "exception",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const INSTRUCTION: UserAddress = UserAddress(0x20_0000);

    struct Known;

    impl Details for Known {
        fn accessed(&self) -> UserAddress {
            UserAddress(0xdead_0000)
        }

        fn x87_status(&self) -> u64 {
            0x8081
        }

        fn sse_status(&self) -> u64 {
            0x1d81
        }
    }

    #[test]
    fn a_page_fault_names_the_address_and_what_was_tried() {
        for (error, access) in [(0x4, Access::READ), (0x7, Access::WRITE), (0x14, Access::EXECUTE)]
        {
            let fault = fault(14, error, INSTRUCTION, &Known);
            assert_eq!(fault.reason, FaultReason::Page);
            assert_eq!(fault.address, UserAddress(0xdead_0000));
            assert_eq!(fault.code, access.bits());
        }
    }

    #[test]
    fn other_faults_name_the_instruction() {
        for (vector, reason, code) in [
            (0, FaultReason::Division, 0),
            (6, FaultReason::InvalidInstruction, 0),
            (7, FaultReason::VectorUnavailable, 0),
            (13, FaultReason::Protection, 0x1a),
            (5, FaultReason::Other, 5),
            (16, FaultReason::VectorException, 0x8081),
            (19, FaultReason::VectorException, 0x1d81),
        ] {
            let fault = fault(vector, 0x1a, INSTRUCTION, &Known);
            assert_eq!((fault.reason, fault.code), (reason, code));
            assert_eq!(fault.address, INSTRUCTION);
        }
    }
}
