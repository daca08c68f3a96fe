//! Why guests are left, one reason after the other.

use nun::abi::guest::{ExitReason, Situation};

use crate::guest::{Answer, CODE, Guest};
use crate::report::Verdict;
use crate::test::Test;

cases!("exits": halt_in_real_mode);

guest_code!(HALT, "halt", ".code16", "hlt", "hlt");

fn halt_in_real_mode(test: &mut Test) -> Verdict {
    let mut guest = Guest::real(test, HALT())?;
    let left = guest.start()?;
    check_eq!(left.reason, Some(ExitReason::Halt));
    check_eq!(left.exit.instruction, CODE);
    check!(!left.situation().has(Situation::PROTECTED));
    let left = guest.answer(Answer::after(left.length(1)))?;
    check_eq!((left.reason, left.exit.instruction), (Some(ExitReason::Halt), CODE + 1));
    Ok(())
}
