//! Random kernel calls of several processes: whatever they try, every access hits a living object
//! (the simulated machine panics otherwise), and a refused call changes nothing.

mod common;

use a9n_abi::init::slot;
use a9n_abi::{MessageInfo, ObjectType, Reason, Source, operation_word};
use a9n_hal::{CallFrame, Fault, FaultReason, UserAddress};
use a9n_hal_sim::Resumption;
use common::{FREE, GENERIC, Reaction, System};
use proptest::prelude::*;

/// Slots that random calls play with.
const SLOTS: std::ops::Range<u64> = FREE..FREE + 24;

/// One thing that happens.
#[derive(Clone, Debug)]
enum Event {
    Call { object: u8, operation: u8, descriptor: u64, info: u64, words: [u64; 6], reply: u64 },
    Convert { object: u8, size_bits: u64, count: u64, index: u64 },
    Fault,
    Pass(u64),
}

/// A slot, mostly one in play.
fn any_slot() -> impl Strategy<Value = u64> {
    prop_oneof![
        12 => SLOTS,
        2 => Just(GENERIC),
        2 => Just(slot::NODE),
        1 => slot::PROCESS..=slot::BUFFER,
        1 => Just(0u64),
        1 => any::<u64>(),
    ]
}

fn any_word() -> impl Strategy<Value = u64> {
    prop_oneof![8 => any_slot(), 4 => 0u64..8, 2 => Just(0x20_0000u64), 1 => any::<u64>()]
}

fn any_event() -> impl Strategy<Value = Event> {
    let info = prop_oneof![6 => 0u64..7, 2 => Just(1u64 << 12), 1 => 7u64..140, 1 => any::<u64>()];
    let reply = prop_oneof![4 => Just(0u64), 1 => SLOTS];
    prop_oneof![
        10 => (1u8..18, 1u8..10, any_slot(), info, prop::array::uniform6(any_word()), reply).prop_map(
            |(object, operation, descriptor, info, words, reply)| Event::Call {
                object, operation, descriptor, info, words, reply,
            }
        ),
        4 => (2u8..13, prop_oneof![Just(0u64), Just(4), Just(12), Just(14)], 1u64..4, SLOTS)
            .prop_map(|(object, size_bits, count, index)| Event::Convert {
                object, size_bits, count, index,
            }),
        1 => Just(Event::Fault),
        2 => (0u64..30_000).prop_map(Event::Pass),
    ]
}

/// Everything that a refused call must leave alone: all memory but the caller's own PCB, whose
/// context holds the refusal.
fn state_without(system: &System, address: u64) -> Vec<u8> {
    let mut memory = system.kernel.hal().memory().snapshot();
    let at = (address - a9n_hal_sim::BASE) as usize;
    let context = size_of::<a9n_hal_sim::SimContext>();
    memory[at..at + context].fill(0);
    memory
}

fn play(events: &[Event]) {
    let mut system = System::new();
    system.process(FREE, 255);
    system.process(FREE + 3, 255);
    system.convert(GENERIC, ObjectType::IpcPort, 0, 2, FREE + 6).expect("ports");
    system.convert(GENERIC, ObjectType::NotificationPort, 0, 1, FREE + 8).expect("signals");
    system.convert(GENERIC, ObjectType::Node, 4, 1, FREE + 9).expect("node");
    system.convert(GENERIC, ObjectType::PageTable, 0, 3, FREE + 10).expect("tables");
    system.resume(FREE);
    system.resume(FREE + 3);
    for event in events {
        let Some(process) = system.current else { return };
        let frame = match event {
            Event::Pass(ticks) => {
                system.pass(*ticks);
                continue;
            }
            Event::Fault => {
                let reason = FaultReason::Page;
                system.fault(Fault { reason, address: UserAddress(0), code: 0 });
                continue;
            }
            Event::Convert { object, size_bits, count, index } => CallFrame {
                operation: a9n_abi::generic::word::Convert,
                descriptor: GENERIC,
                info: 5,
                words: [u64::from(*object), *size_bits, *count, slot::NODE, *index, 0],
            },
            Event::Call { object, operation, descriptor, info, words, reply } => CallFrame {
                operation: operation_word(*object, *operation) | (reply << 16),
                descriptor: *descriptor,
                info: *info,
                words: *words,
            },
        };
        let address = process.address().0.get();
        let before = state_without(&system, address);
        let reaction = system.call(process, frame);
        if let Reaction::Answered(answer) = reaction {
            let info = MessageInfo(answer.info);
            let error = (info.source() == Some(Source::Kernel))
                .then(|| a9n_abi::Error::from_label(info.label()))
                .flatten();
            // These two also report what befell a wait that had begun; and who removes its own root
            // node in several steps cannot even name the node for the last of them.
            let suicidal = system.restarted;
            let refused = error.filter(|error| match error.reason {
                Reason::Cancelled | Reason::PartnerDied => false,
                Reason::InvalidDescriptor => !suicidal,
                _ => true,
            });
            if let Some(error) = refused {
                let after = state_without(&system, address);
                assert!(before == after, "{frame:x?} was refused ({error}) but changed something");
            }
        }
        assert!(
            system.current.is_none_or(|current| {
                system.kernel.context(current).resumption() != Resumption::Restart
            }),
            "nobody is left in the middle of a call"
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 400,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn random_calls_break_nothing(events in prop::collection::vec(any_event(), 1..60)) {
        play(&events);
    }
}
