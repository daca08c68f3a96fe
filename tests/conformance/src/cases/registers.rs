//! Which registers a kernel call keeps, and what the others hold after it.

use a9n_cases::{Verdict, cases, check, check_eq, index};
use nun::abi::{MessageInfo, ipc_port, kernel};
use nun::{IpcPort, Rights};

use crate::bodies;
use crate::machine::{Registers, call_with};
use crate::test::{Test, pack};

cases!("registers": kept_by_a_request, kept_by_a_call_and_its_reply,
    show_nothing_after_a_refusal, without_stale_words_in_a_message);

const RAX: usize = 0;
const RBX: usize = 1;
const RDX: usize = 3;
const RSI: usize = 4;
const RDI: usize = 5;
const RBP: usize = 6;
const RSP: usize = 7;
const R10: usize = 10;
const R11: usize = 11;
const WORDS: [usize; 6] = [12, 13, 14, 15, 8, 9];

/// Flags with interrupts on and nothing else.
const PLAIN_FLAGS: u64 = 0x202;

/// A kernel call with a pattern in every register that does not matter to it.
fn call(operation: u64, descriptor: u64, info: MessageInfo) -> Registers {
    let mut registers: Registers = core::array::from_fn(|number| 0xdead_0000 + number as u64);
    registers[RAX] = operation;
    registers[RDI] = descriptor;
    registers[RSI] = info.0;
    registers
}

/// What must be so after any kernel call.
fn check_kept(before: &Registers, after: &Registers, stack: u64) -> Verdict {
    check_eq!(after[RBX], before[RBX]);
    check_eq!(after[RBP], before[RBP]);
    check_eq!(after[RSP], stack);
    // Init's own thread bases, which are 0.
    check_eq!(after[RAX], 0);
    check_eq!(after[R10], 0);
    check_eq!(after[RDX], 0);
    check_eq!(after[R11], PLAIN_FLAGS);
    Ok(())
}

fn kept_by_a_request(_test: &mut Test) -> Verdict {
    let before = call(kernel::word::Yield, 0, MessageInfo::default());
    let (after, stack) = call_with(&before);
    check_kept(&before, &after, stack)?;
    check_eq!(after[RDI], 0);
    check_eq!(after[RSI], MessageInfo::success(0).0);
    for word in WORDS {
        check!(after[word] == 0 || after[word] == before[word]);
    }
    Ok(())
}

fn kept_by_a_call_and_its_reply(test: &mut Test) -> Verdict {
    let port: IpcPort = test.make(0)?;
    let client = test.mint(port, Rights::all(), 5)?;
    test.start(bodies::echo, pack([index(port), 1]))?;
    test.settle()?;
    let before = call(ipc_port::word::Call, index(client), MessageInfo::new(9, 6));
    for _ in 0..2 {
        let (after, stack) = call_with(&before);
        check_kept(&before, &after, stack)?;
        check_eq!(after[RDI], 0);
        check_eq!(after[RSI], MessageInfo::new(9, 6).0);
        for word in WORDS {
            check_eq!(after[word], before[word]);
        }
    }
    Ok(())
}

/// After a refusal the message registers are clear or what the caller itself had put there.
fn show_nothing_after_a_refusal(test: &mut Test) -> Verdict {
    let nothing = test.slot();
    let word = ipc_port::word::Call;
    for operation in [word, ipc_port::word::ReplyReceive, nun::abi::node::word::Revoke, 0xffff] {
        let before = call(operation, nothing, MessageInfo::default());
        let (after, stack) = call_with(&before);
        check_kept(&before, &after, stack)?;
        check!(nun::Error::from_label(MessageInfo(after[RSI]).label()).is_some());
        check_eq!(after[RDI], 0);
        for word in WORDS {
            check!(after[word] == 0 || after[word] == before[word]);
        }
    }
    Ok(())
}

/// A receiver that had something in its registers gets the sender's words all the same.
fn without_stale_words_in_a_message(test: &mut Test) -> Verdict {
    let port: IpcPort = test.make(0)?;
    test.start(bodies::send, pack([index(port), 7, 1]))?;
    test.settle()?;
    let before = call(ipc_port::word::Receive, index(port), MessageInfo::default());
    let (after, stack) = call_with(&before);
    check_kept(&before, &after, stack)?;
    check_eq!(MessageInfo(after[RSI]).length(), 1);
    check_eq!(WORDS.map(|word| after[word]), [7, 0, 0, 0, 0, 0]);
    Ok(())
}
