//! Who leaves a queue from its middle leaves the others in order.

mod common;

use a9n_abi::{ObjectType, ipc_port, pcb};
use common::{FREE, GENERIC, Reaction, System};

const PORT: u64 = FREE;
/// PCBs of the callers; each takes three slots.
const CALLERS: [u64; 4] = [FREE + 10, FREE + 13, FREE + 16, FREE + 19];

#[test]
fn cancelled_callers_leave_the_queue_whole() {
    // Two leave, one after the other, from every pair of places.
    for first in 0..4 {
        for second in (0..4).filter(|second| *second != first) {
            let mut system = System::new();
            system.convert(GENERIC, ObjectType::IpcPort, 0, 1, PORT).expect("port");
            for (caller, number) in CALLERS.into_iter().zip(0..) {
                system.process(caller, 255);
                system.start(caller);
                let call = system.message(PORT, ipc_port::word::Call, 0, &[number]);
                assert_eq!(call, Reaction::Blocked);
            }
            for gone in [first, second] {
                system.ask(CALLERS[gone], pcb::word::Suspend, &[]).expect("suspends");
                system.check();
            }
            for left in (0..4).filter(|left| ![first, second].contains(left)) {
                let received = system.message(PORT, ipc_port::word::Receive, 0, &[]);
                let Reaction::Answered(answer) = received else { panic!("nobody calls") };
                assert_eq!(answer.words[0], left as u64);
                system.check();
            }
        }
    }
}
