//! Processes: each is where its state says, and who waits for each other knows it.

use std::collections::BTreeMap;
use std::vec::Vec;

use a9n_hal::Hal;
use a9n_store::{Capability, Internal, Phase, Process, Queue, Ref};

use super::{Found, at};
use crate::Kernel;

/// A queue that a process can be in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Ready { cpu: u8, priority: u8 },
    Receivers(u64),
    Senders(u64),
    Waiters(u64),
}

impl<H: Hal> Kernel<H> {
    /// The processes in `queue`, whose links are symmetric.
    pub(super) fn members(&self, queue: &Queue) -> Vec<Ref<Process>> {
        let mut members = Vec::new();
        let mut next = queue.first();
        while let Some(process) = next {
            assert!(members.len() < 10_000, "a queue is a ring");
            if let Some(last) = members.last() {
                assert_eq!(self.store.get(process).link_previous.get(), Some(*last));
            }
            members.push(process);
            let is_last = queue.last() == Some(process);
            next = if is_last { None } else { self.store.get(process).link_next.get() };
        }
        assert!(members.is_empty() || queue.last() == members.last().copied(), "a queue is cut");
        members
    }

    pub(super) fn check_processes(&self, found: &Found, running: &[Option<Ref<Process>>]) {
        let mut places: BTreeMap<u64, Place> = BTreeMap::new();
        let mut put = |queue: &Queue, place: Place| {
            let members = self.members(queue);
            for process in &members {
                let before = places.insert(at(*process), place);
                assert_eq!(before, None, "a process is in two queues");
            }
            members.is_empty()
        };
        for (number, cpu) in (0u8..).zip(self.running_cpus()) {
            for (priority, queue) in (0u8..=255).zip(cpu.queues()) {
                let empty = put(queue, Place::Ready { cpu: number, priority });
                assert_eq!(cpu.is_occupied(priority), !empty, "bit of priority {priority}");
            }
        }
        for (address, port) in &found.ports {
            let port = self.store.get(*port);
            let nobody_receives = put(&port.receivers, Place::Receivers(*address));
            let nobody_sends = put(&port.senders, Place::Senders(*address));
            assert!(nobody_receives || nobody_sends, "both queues of a port are in use");
        }
        for (address, notification) in &found.notifications {
            let cells = self.store.get(*notification);
            let nobody_waits = put(&cells.waiters, Place::Waiters(*address));
            assert!(
                nobody_waits || cells.bits.get() == 0,
                "somebody waits although there are bits"
            );
            if let Some(bound) = cells.bound.get() {
                let slot = self.store.internal_slot(bound, Internal::Notification);
                let own = self.store.get(slot).capability();
                assert!(
                    matches!(own, Some(Capability::Notification { notification: own, .. })
                        if own == *notification),
                    "a notification is bound to a process that does not know it"
                );
                let receives = self.store.get(bound).state.get().phase() == Phase::Receiving;
                assert!(!receives || cells.bits.get() == 0, "a bound receiver sleeps over signals");
            }
        }
        for (address, process) in &found.processes {
            self.check_place(*process, places.get(address).copied(), running);
            self.check_partners(*process);
            self.check_possessions(*process);
            self.check_urgency(*process);
        }
        self.check_replies(found);
    }

    /// `process` is in the queue that its state says, or on the CPU, or nowhere.
    fn check_place(
        &self,
        process: Ref<Process>,
        place: Option<Place>,
        running: &[Option<Ref<Process>>],
    ) {
        let pcb = self.store.get(process);
        let state = pcb.state.get();
        let port = pcb.blocked_port.get().map(at);
        let expected = match state.phase() {
            Phase::Ready => {
                let priority = pcb.scheduling.get().priority;
                Some(Place::Ready { cpu: state.cpu(), priority })
            }
            Phase::Receiving => port.map(Place::Receivers),
            Phase::Sending | Phase::Calling => port.map(Place::Senders),
            Phase::Waiting => pcb.blocked_notification.get().map(at).map(Place::Waiters),
            _ => None,
        };
        assert_eq!(place, expected, "{state:?}");
        let is_stopped = !matches!(state.phase(), Phase::Ready | Phase::Running);
        assert!(!is_stopped || pcb.batch.get() == (0, 0), "progress of a call that is over");
        let on: Vec<usize> =
            (0..running.len()).filter(|cpu| running[*cpu] == Some(process)).collect();
        if state.phase() == Phase::Running {
            assert_eq!(on, [usize::from(state.cpu())], "it runs where its state says");
        } else {
            assert!(on.is_empty(), "a process runs that should not: {state:?}");
        }
    }

    /// Who waits for `process`, and for whom it waits, agrees.
    fn check_partners(&self, process: Ref<Process>) {
        let pcb = self.store.get(process);
        let phase = |of: Ref<Process>| self.store.get(of).state.get().phase();
        let partner = |of: Ref<Process>| self.store.get(of).partner.get();
        assert!(pcb.caller.get().is_none() || pcb.donor.get().is_none(), "it serves two callers");
        if let Some(caller) = pcb.caller.get() {
            assert_eq!(phase(caller), Phase::AwaitingReply);
            assert_eq!(partner(caller), Some(process));
        }
        if let Some(donor) = pcb.donor.get() {
            assert_eq!(phase(donor), Phase::AwaitingStoredReply);
            assert_eq!(partner(donor), Some(process));
        }
        let names_slot = pcb.state.get().stores_reply();
        assert!(!names_slot || phase(process) != Phase::Running, "it names a slot and runs");
        assert!(names_slot || !pcb.state.get().keeps_time(), "it keeps its time and names no slot");
        let lost = pcb.state.get().is_context_lost();
        match phase(process) {
            Phase::AwaitingReply => {
                let server = pcb.partner.get().expect("somebody serves it");
                assert_eq!(self.store.get(server).caller.get(), Some(process));
            }
            Phase::AwaitingStoredReply => {
                let slot = pcb.reply_slot.get().expect("its Reply is somewhere");
                let reply = self.store.get(slot).capability();
                assert_eq!(reply, Some(Capability::Reply { caller: process }));
                if let Some(user) = pcb.partner.get() {
                    assert_eq!(self.store.get(user).donor.get(), Some(process));
                }
                assert!(!lost || pcb.partner.get().is_some(), "what is at home cannot be lost");
            }
            phase => {
                assert!(!lost, "what was not lent cannot be lost");
                let serves = pcb.caller.get().is_some() || pcb.donor.get().is_some();
                assert!(phase != Phase::Receiving || !serves, "it receives and serves");
            }
        }
    }

    /// What `process` keeps outside its internal slots is what they hold.
    fn check_possessions(&self, process: Ref<Process>) {
        let pcb = self.store.get(process);
        let held =
            |internal| self.store.get(self.store.internal_slot(process, internal)).capability();
        let node = match held(Internal::Node) {
            Some(Capability::Node(node)) => Some(node),
            _ => None,
        };
        assert_eq!(pcb.node.get(), node, "its root node");
        if let Some(Capability::Notification { notification, .. }) = held(Internal::Notification) {
            assert_eq!(self.store.get(notification).bound.get(), Some(process));
        }
        let space = held(Internal::AddressSpace);
        if let Some(Capability::AddressSpace(space) | Capability::VirtualAddressSpace(space)) =
            space
        {
            let cpus = self.store.get(space).cpus.get();
            let known = cpus.contains(pcb.affinity.get()) && cpus.contains(pcb.state.get().cpu());
            assert!(known, "its address space does not know where it is loaded");
        }
        let has_space = space.is_some();
        assert!(
            has_space || pcb.state.get().phase() == Phase::Stopped,
            "a process without address space is {:?}",
            pcb.state.get().phase()
        );
        let cpu = held(Internal::VirtualCpu);
        assert_eq!(pcb.state.get().is_guest(), cpu.is_some(), "it runs a guest or it does not");
        assert!(
            self.is_complete(process) || pcb.state.get().phase() == Phase::Stopped,
            "an incomplete process is {:?}",
            pcb.state.get().phase()
        );
        let fast = || (pcb.fast_mask.get(), pcb.vector_mask.get(), pcb.fast_slots.get());
        let before = fast();
        self.refresh_fast_mask(process);
        assert_eq!(before, fast(), "its fast paths");
    }

    /// A process that serves nobody has its own priority.
    fn check_urgency(&self, process: Ref<Process>) {
        let pcb = self.store.get(process);
        let state = pcb.state.get();
        assert!(
            state.phase() != Phase::Ready || pcb.scheduling.get().priority >= pcb.priority.get(),
            "a server waits behind who is less urgent"
        );
        if pcb.caller.get().is_some() || pcb.donor.get().is_some() {
            return;
        }
        let in_use = match state.phase() {
            Phase::Running => self.cpus[usize::from(state.cpu())].priority(),
            // Lent; or replaced by a new one in any case.
            Phase::AwaitingReply | Phase::Receiving => return,
            Phase::AwaitingStoredReply if pcb.partner.get().is_some() => return,
            _ => pcb.scheduling.get().priority,
        };
        assert_eq!(in_use, pcb.priority.get(), "{state:?} has a priority that is not its own");
    }

    /// Each Reply in a slot is the one that its caller waits for.
    fn check_replies(&self, found: &Found) {
        for slot in found.slots.values() {
            if let Some(Capability::Reply { caller }) = self.store.get(*slot).capability() {
                let pcb = self.store.get(caller);
                assert_eq!(pcb.state.get().phase(), Phase::AwaitingStoredReply);
                assert_eq!(pcb.reply_slot.get(), Some(*slot), "a Reply that nobody waits for");
            }
        }
    }
}
