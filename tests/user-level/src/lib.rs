//! The portable kernel on its simulated machine, in the place where Nun expects the real one.
//!
//! A test boots a [`Computer`] and from then on is init: its kernel calls are the kernel's, its
//! accesses to mapped memory go through the simulated page tables, and after every so many calls
//! the kernel's whole state is checked.

mod system;

use std::cell::RefCell;
use std::rc::Rc;

use a9n_abi::init::InitInfo;
use nun::hosted::{Call, StandIn, install};
use nun::syscall::Answer;

use self::system::System;

/// A simulated computer on which the test of this thread is init.
#[derive(Clone, Debug)]
pub struct Computer(Rc<RefCell<System>>);

impl Computer {
    /// Boots one with `bytes` of memory, and makes the calling thread its init.
    pub fn boot(bytes: usize) -> Self {
        let computer = Self(Rc::new(RefCell::new(System::boot(bytes))));
        install(computer.clone());
        computer
    }

    /// What init was told. Lives as long as the test program.
    pub fn init(&self) -> &'static InitInfo {
        self.0.borrow().info()
    }

    /// Checks every invariant of the kernel, and every mapping.
    pub fn check(&self) {
        self.0.borrow().check();
    }

    /// How many kernel objects live, tables and frames not counted.
    pub fn objects(&self) -> usize {
        self.0.borrow().objects()
    }

    /// From now on, lets so many calls go well that make, map or configure something, and refuses the
    /// next one for want of memory. `None` refuses nothing. Answers whether there is one yet to be
    /// refused.
    pub fn refuse_after(&self, calls: Option<u64>) -> bool {
        std::mem::replace(&mut self.0.borrow_mut().refuse_after, calls).is_some()
    }

    /// How many kernel calls were made so far, those that were refused for the test not counted.
    pub fn calls(&self) -> u64 {
        self.0.borrow().calls
    }

    /// What was written to the early console.
    pub fn console(&self) -> String {
        self.0.borrow().kernel.hal().console()
    }

    /// Whether init may write at `address`; `None` if nothing is mapped there.
    pub fn is_writable(&self, address: u64) -> Option<bool> {
        self.0.borrow().is_writable(address)
    }

    /// Reads the word at `address` as init would.
    pub fn read(&self, address: u64) -> u64 {
        let mut bytes = [0; 8];
        self.0.borrow().read(address, &mut bytes);
        u64::from_le_bytes(bytes)
    }

    /// Writes the word at `address` as init would.
    pub fn write(&self, address: u64, word: u64) {
        self.0.borrow().write(address, &word.to_le_bytes());
    }
}

impl StandIn for Computer {
    fn kernel_call(&mut self, call: Call) -> Answer {
        self.0.borrow_mut().call(call)
    }

    fn read(&mut self, address: u64, bytes: &mut [u8]) {
        self.0.borrow().read(address, bytes);
    }

    fn write(&mut self, address: u64, bytes: &[u8]) {
        self.0.borrow().write(address, bytes);
    }
}
