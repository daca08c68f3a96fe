//! What a process might try against others: to run them with somebody else's urgency, to lose
//! them, to get more authority than it was given.

mod common;

use a9n_abi::{ObjectType, pcb};
use common::{FREE, GENERIC, System};

const PORT: u64 = FREE;
const A: u64 = FREE + 10;

#[test]
fn interrupting_a_ready_process_disturbs_nobody_else() {
    let mut system = System::new();
    let init = system.init;
    // Nobody receives at the resolver's port.
    system.convert(GENERIC, ObjectType::IpcPort, 0, 1, PORT).expect("port");
    system.process(A, 10);
    system.ask(A, pcb::word::ConfigurePorts, &[PORT, 0]).expect("resolver");
    system.resume(A);
    system.ask(A, pcb::word::Interrupt, &[]).expect("interrupt");
    assert_eq!(system.current, Some(init), "the caller goes on");
}
