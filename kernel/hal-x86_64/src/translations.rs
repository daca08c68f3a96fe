//! Cached translations: which address space a CPU has loaded, and what it has to forget.
//!
//! # Tags
//! Where CPUs have PCIDs and `invpcid`, an address space gets a *tag* for its life, the PCID of what
//! is cached of it, and a change of address spaces forgets nothing. The word that goes to CR3 then
//! holds root, tag and the bit that says so; it is made once, when a process gets its address space,
//! so the way out of the kernel is the same with tags and without.
//!
//! Something may be cached under a tag on every CPU where the address space has ever been loaded;
//! the portable kernel knows which those are, and each is told to forget, whatever it runs. A tag
//! is given to the next address space when all have forgotten it.
//!
//! Tag 0 stands for none. Loading a root without a tag forgets all that is cached under tag 0, so
//! nothing is cached of such an address space where it is not loaded. That is how all are treated on
//! CPUs without PCIDs, and the 2048th and later ones on those with. The kernel's own root has none.

use core::arch::asm;
use core::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed, Ordering::Release};

use a9n_hal::{PageSize, PhysicalAddress, Stretch};
use x86_64::VirtAddr;
use x86_64::instructions::tlb::{self, InvPcidCommand, Pcid};

use crate::context::Context;
use crate::cpu::Cpu;
use crate::paging::kernel_root;
use crate::virt;

/// Bits of a tag: as many as a root table has room for (see [`paging`](crate::paging)).
pub(crate) const TAG_BITS: u32 = 11;
const TAG_MASK: u64 = (1 << TAG_BITS) - 1;

/// In a word for CR3: what is cached under its tag stays valid.
const KEEP: u64 = 1 << 63;

/// In a word that does not go to CR3: it names guest-physical memory.
const GUEST: u64 = 1 << 62;

/// Pages that are forgotten one by one; of more it is cheaper to forget all.
const FORGET_SINGLY: u64 = 16;

/// Tags that are in use; all of them, where CPUs have none.
static TAGS: Tags = Tags::none();

/// Whether CPUs have tags.
static HAS_TAGS: AtomicBool = AtomicBool::new(false);

/// Which tags are in use. Changes with the kernel lock held.
struct Tags([AtomicU64; 1 << (TAG_BITS - u64::BITS.ilog2())]);

impl Tags {
    const fn none() -> Self {
        Self([const { AtomicU64::new(u64::MAX) }; _])
    }

    /// From now on there are tags.
    fn allow(&self) {
        self.0.iter().for_each(|word| word.store(0, Relaxed));
        let _ = self.take();
    }

    /// A tag that nobody has, 0 if there is none.
    fn take(&self) -> u64 {
        for (bits, word) in (0..).step_by(64).zip(&self.0) {
            let bit = word.load(Relaxed).trailing_ones();
            if bit < u64::BITS {
                word.store(word.load(Relaxed) | 1 << bit, Relaxed);
                return bits + u64::from(bit);
            }
        }
        0
    }

    /// Nobody has `tag`, which is not 0, any more.
    fn give(&self, tag: u64) {
        if let Some(word) = self.0.get((tag / 64) as usize) {
            word.store(word.load(Relaxed) & !(1 << (tag % 64)), Relaxed);
        }
    }
}

/// From now on address spaces get tags. All CPUs have PCIDs and `invpcid`.
pub(crate) fn allow_tags() {
    TAGS.allow();
    HAS_TAGS.store(true, Relaxed);
}

/// A tag for a new address space, 0 for none.
pub(crate) fn take_tag() -> u64 {
    TAGS.take()
}

/// The address space of `root` is gone: nobody has it loaded, and every CPU has been asked to
/// forget what it cached of it, which it will have done before the next tag is taken.
pub(crate) fn give_tag(root: RootWord) {
    if root.tag() != 0 {
        TAGS.give(root.tag());
    }
}

/// What goes to CR3 to load an address space. Never 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RootWord(pub(crate) u64);

impl RootWord {
    /// Of the address space with the table `root` and `tag`.
    pub(crate) const fn new(root: PhysicalAddress, tag: u64) -> Self {
        match tag {
            0 => Self(root.0),
            tag => Self(root.0 | tag | KEEP),
        }
    }

    /// Of the guest-physical memory with the table `root`: no value of CR3.
    pub(crate) const fn of_guest(root: PhysicalAddress) -> Self {
        Self(root.0 | GUEST)
    }

    /// What CR3 holds when it is loaded.
    pub(crate) const fn register(self) -> u64 {
        self.0 & !KEEP
    }

    const fn tag(self) -> u64 {
        self.0 & TAG_MASK
    }

    /// Whether something may be cached of it on `cpu`, where it was loaded once.
    pub(crate) fn is_known_to(self, cpu: &Cpu) -> bool {
        (self.tag() | self.0 & GUEST) != 0 || cpu.root.load(Relaxed) == self.0
    }

    /// Makes the executing CPU forget `stretch` of it, or all with `None`. Without a tag, it is
    /// loaded; or it is not, and too much is forgotten.
    pub(crate) fn forget(self, stretch: Option<Stretch>) {
        if self.0 & GUEST != 0 {
            return virt::forget(Cpu::here());
        }
        let tag = Pcid::new(self.tag() as u16).ok().filter(|tag| tag.value() != 0);
        match (stretch.filter(|stretch| stretch.pages <= FORGET_SINGLY), tag) {
            (Some(stretch), None) => each_page(stretch, forget_page),
            (Some(stretch), Some(tag)) => each_page(stretch, |page| {
                let page = VirtAddr::new_truncate(page);
                forget_tagged(InvPcidCommand::Address(page, tag));
            }),
            (None, None) => reload(),
            (None, Some(tag)) => forget_tagged(InvPcidCommand::Single(tag)),
        }
    }
}

/// Hands `visit` the address of each page of `stretch`. A CPU that waits for the lock may have to do
/// this several times, so the loop is short.
#[inline(always)]
fn each_page(Stretch { address, pages }: Stretch, visit: impl Fn(u64)) {
    let mut page = address.0;
    for _ in 0..pages {
        visit(page);
        page = page.wrapping_add(PageSize::Small.bytes());
    }
}

/// Makes the executing CPU forget the page at `address` of the loaded address space.
#[inline(always)]
fn forget_page(address: u64) {
    // SAFETY: what is forgotten is looked up anew in the tables.
    unsafe { asm!("invlpg [{}]", in(reg) address, options(nostack, preserves_flags)) }
}

/// Makes the executing CPU forget what is cached under tags.
fn forget_tagged(command: InvPcidCommand) {
    // SAFETY: there are tags only where the CPU has the instruction. What is forgotten is looked
    // up anew in the tables.
    unsafe { tlb::flush_pcid(command) }
}

/// Makes the executing CPU forget all translations of all address spaces, but not the kernel's.
pub(crate) fn forget_everything() {
    virt::forget(Cpu::here());
    if HAS_TAGS.load(Relaxed) {
        forget_tagged(InvPcidCommand::AllExceptGlobal);
    } else {
        reload();
    }
}

/// Makes the executing CPU forget the loaded address space.
pub(crate) fn reload() {
    // SAFETY: CR3 keeps its value; what reads as 0 in it is the bit that would keep translations.
    unsafe { asm!("mov {0}, cr3", "mov cr3, {0}", out(reg) _, options(nostack, preserves_flags)) }
}

/// Loads the page tables of `next`, or the kernel's own, on `cpu`, which is the executing one and
/// holds the kernel lock.
#[inline(always)]
pub(crate) fn load(cpu: &Cpu, next: Option<&Context>) {
    let root = next.map_or(kernel_root().0, |next| next.root.get());
    if cpu.root.load(Relaxed) != root {
        cpu.root.store(root, Relaxed);
        write_root(root);
    }
}

/// Loads the kernel's own page tables on `cpu`, which is the executing one and need not hold the
/// kernel lock: it is asked to forget a little too much rather than too little.
pub(crate) fn leave_user_space(cpu: &Cpu) {
    write_root(kernel_root().0);
    cpu.root.store(kernel_root().0, Release);
}

/// Writes CR3.
fn write_root(root: u64) {
    // SAFETY: a root that `Paging::prepare_root` made, with its tag, or the kernel's own: it maps
    // the kernel.
    unsafe { asm!("mov cr3, {}", in(reg) root, options(nostack, preserves_flags)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_tags_there_is_none() {
        assert_eq!(Tags::none().take(), 0);
    }

    #[test]
    fn every_tag_is_given_once_until_it_comes_back() {
        let tags = Tags::none();
        tags.allow();
        for expected in 1..=TAG_MASK {
            assert_eq!(tags.take(), expected);
        }
        assert_eq!(tags.take(), 0);
        tags.give(77);
        tags.give(2047);
        assert_eq!((tags.take(), tags.take(), tags.take()), (77, 2047, 0));
    }

    #[test]
    fn a_word_without_a_tag_is_the_root() {
        let root = PhysicalAddress(0x1234_5000);
        assert_eq!(RootWord::new(root, 0), RootWord(root.0));
        let tagged = RootWord::new(root, 2047);
        assert_eq!((tagged.0, tagged.tag()), (0x8000_0000_1234_57ff, 2047));
    }
}
