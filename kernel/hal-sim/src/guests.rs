//! Simulated virtual CPUs: their state is words that nobody gives a meaning to, but for a few. A test
//! plays the guest: it says why the guest is left, and calls the kernel.

use a9n_hal::{
    Exit, ExitReason, Exits, GuestVerdict, PhysicalAddress, StateGroups, Take, Virt, Words,
};

use crate::SimMachine;

/// Logarithm of the bytes of a virtual CPU.
const BITS: u32 = 12;
/// First word of every virtual CPU.
const MARK: u64 = 0x0074_7365_7567_0000;
/// Numbers of words: the root of its memory, reason, detail and value of its last exit, what it asks for,
/// the groups of each reason, the state.
const ROOT: u64 = 1;
const REASON: u64 = 2;
const DETAIL: u64 = 3;
const VALUE: u64 = 4;
const WINDOW: u64 = 5;
const GROUPS: u64 = 8;
const STATE: u64 = 64;
/// Words of the state with a meaning: RAX, RIP, CR3, the event.
const RAX: u64 = 0;
const RIP: u64 = 16;
const CR3: u64 = 20;
const EVENT: u64 = 60;

impl SimMachine {
    fn guest_word(&self, guest: PhysicalAddress, number: u64) -> PhysicalAddress {
        assert_eq!(self.memory.word(guest), MARK, "no virtual CPU there");
        guest.offset(number * 8)
    }

    fn get(&self, guest: PhysicalAddress, number: u64) -> u64 {
        self.memory.word(self.guest_word(guest, number))
    }

    fn put(&self, guest: PhysicalAddress, number: u64, value: u64) {
        self.memory.set_word(self.guest_word(guest, number), value);
    }

    /// Says why `guest` is about to be left.
    pub fn leave_guest(&self, guest: PhysicalAddress, reason: ExitReason, detail: u64, value: u64) {
        self.put(guest, REASON, reason as u64);
        self.put(guest, DETAIL, detail);
        self.put(guest, VALUE, value);
    }

    /// The root of the memory that `guest` uses.
    pub fn guest_memory(&self, guest: PhysicalAddress) -> PhysicalAddress {
        PhysicalAddress(self.get(guest, ROOT))
    }

    /// Whether `guest` is to be left when an interrupt can come.
    pub fn wants_window(&self, guest: PhysicalAddress) -> bool {
        self.get(guest, WINDOW) != 0
    }
}

impl Exits for SimMachine {
    fn exit(&self, guest: PhysicalAddress) -> (ExitReason, Exit) {
        let number = self.get(guest, REASON) as u32;
        let exit = Exit {
            instruction: self.get(guest, STATE + RIP),
            detail: self.get(guest, DETAIL),
            value: self.get(guest, VALUE),
            page_table: self.get(guest, STATE + CR3),
            ..Exit::default()
        };
        (ExitReason::from_number(number).unwrap_or(ExitReason::Other), exit)
    }

    fn answer_exit(&self, guest: PhysicalAddress, verdict: GuestVerdict, words: &Words) {
        let done = self.get(guest, STATE + RIP).wrapping_add(verdict.bytes_done());
        self.put(guest, STATE + RIP, done);
        self.put(guest, WINDOW, verdict.has(GuestVerdict::WINDOW).into());
        let sets: &[usize] = if verdict.has(GuestVerdict::SET_FOUR) {
            &[0, 1, 2, 3]
        } else if verdict.has(GuestVerdict::SET_PAIR) {
            &[0, 3]
        } else if verdict.has(GuestVerdict::SET_RAX) {
            &[0]
        } else {
            &[]
        };
        for number in sets {
            self.put(guest, STATE + RAX + *number as u64, words[*number]);
        }
        if verdict.has(GuestVerdict::INJECT) {
            self.put(guest, STATE + EVENT, words[4]);
        }
    }
}

impl Virt for SimMachine {
    type Exits = Self;

    fn exits(&self) -> &Self {
        self
    }

    fn guest_bits(&self) -> Option<u32> {
        Some(BITS)
    }

    fn prepare_guest(&self, guest: PhysicalAddress) {
        self.memory.set_word(guest, MARK);
    }

    fn prepare_guest_root(&self, root: PhysicalAddress) {
        a9n_hal::Paging::prepare_root(self, root);
    }

    fn set_guest_memory(&self, guest: PhysicalAddress, root: PhysicalAddress) {
        self.put(guest, ROOT, root.0);
    }

    fn exit_groups(&self, guest: PhysicalAddress, reason: ExitReason) -> StateGroups {
        StateGroups::from_bits_truncate(self.get(guest, GROUPS + reason as u64))
    }

    fn set_exit_groups(&self, guest: PhysicalAddress, reason: ExitReason, groups: StateGroups) {
        self.put(guest, GROUPS + reason as u64, groups.bits());
    }

    fn read_guest(&self, guest: PhysicalAddress, groups: StateGroups, put: &mut dyn FnMut(u64)) {
        groups.numbers().for_each(|number| put(self.get(guest, STATE + number as u64)));
    }

    fn write_guest(&self, guest: PhysicalAddress, groups: StateGroups, take: Take<'_>) {
        groups.numbers().for_each(|number| self.put(guest, STATE + number as u64, take()));
    }
}
