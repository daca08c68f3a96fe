//! Random sequences of events against a reference model: a second, much simpler kernel, of plain
//! collections and without steps, links, fast paths or a scheduler. Whatever a process is told,
//! what it does then, what every slot holds and what is mapped has to be what the model says.
//!
//! Who runs next is the one thing that the model takes from the kernel: somebody who can.
//! A tenth as many sequences are played as of other random tests: these are long.

mod capabilities;
#[path = "../common/mod.rs"]
mod common;
mod events;
mod messages;
mod state;

use std::cell::Cell;
use std::collections::BTreeMap;
use std::mem::offset_of;

use a9n_abi::init::slot;
use a9n_abi::{
    IpcBuffer, MessageInfo, ObjectType, Rights, Source, address_space, frame, generic,
    interrupt_region, node,
};
use a9n_hal::{Fault, FaultReason, Interrupt, UserAddress};
use a9n_hal_sim::{Answer, Resumption};
use a9n_store::{Phase, Process, Ref};
use common::{FREE, GENERIC, System};
use events::{ADDRESS, Event, INTERRUPT, PCBS, SLOTS, SPACE, any_event};
use messages::RECEIVED;
use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use state::{Doing, Id, Kind, Model, PROCESSES, Place};

/// Where every process starts, and stays.
const ENTRY: u64 = 0x20_0000;

/// Words of the IPC buffer.
const CAPABILITIES: usize = offset_of!(IpcBuffer, capabilities) / 8;
const RECEIVE_NODE: usize = offset_of!(IpcBuffer, receive_node) / 8;

/// A kernel and the model of it.
struct Pair {
    system: System,
    model: Model,
    processes: [Ref<Process>; PROCESSES],
    /// Where the frames that were seen begin.
    frames: BTreeMap<Id, u64>,
}

impl Pair {
    fn new(fast: bool) -> Self {
        let mut system = System::new();
        let init = system.init;
        for pcb in &PCBS[1..] {
            system.process(*pcb, 255);
        }
        for table in FREE + 30..FREE + 33 {
            system.convert(GENERIC, ObjectType::PageTable, 0, 1, table).expect("table");
            let install = address_space::word::InstallTable;
            system.ask(SPACE, install, &[table, ADDRESS]).expect("installed");
        }
        let line = [0, 0, slot::NODE, INTERRUPT];
        let make = interrupt_region::word::MakePort;
        system.ask(slot::INTERRUPTS, make, &line).expect("interrupt port");
        for (number, pcb) in PCBS.iter().enumerate() {
            let buffer = if number == 0 { slot::BUFFER } else { pcb + 2 };
            let page = system.ask(buffer, frame::word::Address, &[]).expect("address")[0];
            let words = [slot::NODE, RECEIVED + number as u64, 1];
            for (index, word) in (RECEIVE_NODE..).zip(words) {
                system.write(page, index, word);
            }
        }
        let model = Self::model(&mut system);
        let one = system.start(PCBS[1]);
        system.resume(PCBS[2]);
        while [Some(init), Some(one)].contains(&system.current) {
            system.yield_now();
        }
        let processes = [init, one, system.current.expect("the third runs")];
        let mut pair = Self { system, model, processes, frames: BTreeMap::new() };
        pair.system.fast = fast;
        pair.model.processes.iter_mut().for_each(|process| process.doing = Doing::Runs);
        pair.make_first_objects();
        pair
    }

    /// A model that knows of the Generic, and that something was made of it.
    fn model(system: &mut System) -> Model {
        let mut model = Model::new();
        let look = system.ask(slot::NODE, node::word::Look, &[GENERIC]).expect("look");
        let rights = Rights::from_bits_truncate(look[1] as u8);
        let used = system.ask(GENERIC, generic::word::Information, &[]).expect("information")[2];
        let kind = Kind::Generic { bits: 20, used };
        let generic = model.put(Place::Slot(GENERIC), None, rights, kind);
        let frame = Kind::Frame { frame: 0, pages: 1 };
        model.put(Place::Slot(PCBS[1] + 2), Some(generic), Rights::all(), frame);
        model
    }

    /// Two ports and two sorts of signals, so that something happens.
    fn make_first_objects(&mut self) {
        for (object, to) in [
            (ObjectType::IpcPort, FREE + 10),
            (ObjectType::IpcPort, FREE + 11),
            (ObjectType::NotificationPort, FREE + 12),
        ] {
            self.step(&Event::Call(events::Call::Convert { from: GENERIC, object, bits: 0, to }));
        }
        let (to, from, rights) = (FREE + 13, FREE + 12, Rights::all());
        self.step(&Event::Call(events::Call::Mint { to, from, rights, identifier: 1 }));
    }

    /// `event` happens on both sides, which are the same afterwards.
    fn step(&mut self, event: &Event) {
        let now = self.system.current;
        let me = now.and_then(|now| self.processes.iter().position(|process| *process == now));
        match (event, me) {
            (Event::Pass(ticks), _) => {
                self.system.pass(*ticks);
                self.model.pass(*ticks);
            }
            (Event::Raise, _) => {
                self.system.raise(Interrupt::Line(0));
                self.model.raise();
            }
            (Event::Fault(address), Some(me)) => {
                let reason = FaultReason::Page;
                let address = UserAddress(*address);
                self.system.fault(Fault { reason, address, code: 0 });
                self.model.fault(me, reason, address.0);
            }
            (Event::Call(call), Some(me)) => {
                let process = self.processes[me];
                if let Some(slot) = call.gives()
                    && let Some(page) = self.system.kernel.buffer_page(process)
                {
                    self.system.write(page.0, CAPABILITIES, slot);
                }
                self.system.call(process, call.frame(self.model.now));
                self.model.processes[me].answer = None;
                match call.ask(&mut self.model, me) {
                    Ok(Some(answer)) => self.model.processes[me].answer = Some(answer),
                    Ok(None) => {}
                    Err(error) => {
                        self.model.processes[me].answer =
                            Some(state::failure(error.reason, error.culprit));
                    }
                }
            }
            _ => {}
        }
        self.compare();
    }

    fn compare(&mut self) {
        for (number, process) in self.processes.into_iter().enumerate() {
            self.compare_process(number, process);
        }
        let able = |process: &state::Process| process.doing == Doing::Runs;
        let runs = self.model.processes.iter().any(able);
        assert_eq!(self.system.current.is_some(), runs, "somebody runs if anybody can");
        self.compare_mappings();
        self.compare_slots();
    }

    fn compare_process(&self, number: usize, process: Ref<Process>) {
        let expected = &self.model.processes[number];
        let phase = self.system.kernel.phase(process);
        let agrees = match expected.doing {
            Doing::Runs => matches!(phase, Phase::Ready | Phase::Running),
            Doing::Stopped => phase == Phase::Stopped,
            Doing::Sending(_) => phase == Phase::Sending,
            Doing::Calling(_) => phase == Phase::Calling,
            Doing::Receiving(..) => phase == Phase::Receiving,
            Doing::Awaiting(_) => phase == Phase::AwaitingReply,
            Doing::AwaitingStored(_) => phase == Phase::AwaitingStoredReply,
            Doing::Waiting(_) => phase == Phase::Waiting,
        };
        assert!(agrees, "process {number} is {phase:?} instead of {:?}", expected.doing);
        let goes_on = matches!(expected.doing, Doing::Runs | Doing::Stopped) && !expected.trapped;
        if let Some(answer) = expected.answer.filter(|_| goes_on) {
            let resumption = self.system.kernel.context(process).resumption();
            let Resumption::Answer(told) = resumption else {
                panic!("process {number} is told nothing ({resumption:?}) instead of {answer:x?}")
            };
            assert_eq!(meaning(told), meaning(answer), "what process {number} is told");
        }
    }

    fn compare_mappings(&mut self) {
        let machine = self.system.kernel.hal();
        let root = self.system.kernel.context(self.processes[1]).root().expect("it has a space");
        let pages = machine.mappings(root).pages;
        assert_eq!(pages.len(), self.model.mapped.len(), "pages are mapped");
        for (address, page, _, access) in pages {
            let expected = self.model.mapped.get(&address.0);
            let (frame, number, allowed) = *expected.expect("nothing should be mapped there");
            let base = page.0 - (number << 12);
            assert_eq!(*self.frames.entry(frame).or_insert(base), base, "the frame's place");
            assert_eq!(access.bits(), allowed, "access at {address:x?}");
        }
    }

    /// Who runs looks at every slot, by calls of its own.
    fn compare_slots(&mut self) {
        let Some(current) = self.system.current else { return };
        for index in SLOTS {
            let found = self.system.ask(slot::NODE, node::word::Look, &[index]).expect("look");
            let expected = self.model.in_slot(index).map_or([0; 3], |id| {
                let capability = &self.model.capabilities[&id];
                let kind = capability.kind;
                [kind.object() as u64, capability.rights.bits().into(), kind.identifier()]
            });
            assert_eq!(found[..3], expected, "slot {index}");
        }
        let me = self.processes.iter().position(|process| *process == current);
        // It has seen its answer.
        self.model.processes[me.expect("one of them runs")].answer = None;
    }
}

/// What of an answer counts: of the kernel's own, so many results as it says.
fn meaning(mut answer: Answer) -> Answer {
    let info = MessageInfo(answer.info);
    if info.source() == Some(Source::Kernel) {
        answer.words[info.length().saturating_sub(1)..].fill(0);
    }
    answer
}

fn agree(fast: bool) {
    let config = ProptestConfig {
        cases: ProptestConfig::default().cases / 10,
        failure_persistence: None,
        max_shrink_iters: 20_000,
        ..ProptestConfig::default()
    };
    let (cases, played) = (config.cases, Cell::new(0));
    let sequences = prop::collection::vec(any_event(), 1..200);
    let result = TestRunner::new(config).run(&sequences, |events| {
        let mut pair = Pair::new(fast);
        events.iter().for_each(|event| pair.step(event));
        pair.system.check();
        played.set(played.get() + events.len());
        Ok(())
    });
    println!("model: {cases} sequences, {} events, fast paths: {fast}", played.get());
    if let Err(error) = result {
        panic!("{error}");
    }
}

#[test]
fn the_kernel_agrees_with_the_model() {
    agree(false);
}

#[test]
fn the_fast_paths_agree_with_the_model() {
    agree(true);
}
