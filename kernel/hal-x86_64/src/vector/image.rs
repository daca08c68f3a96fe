//! Images of vector states, for whoever may read and replace those of a process.
//!
//! An image has the layout of a state in memory, so reading is copying. A state that is loaded must
//! not make `xrstor` or `fxrstor` fault, in the kernel: what those refuse (Intel SDM, volume 1,
//! section 13.8.1 and section 10.5.1.2) is refused here. The words that decide are read once, since
//! users may be writing to the image meanwhile, and what was read is what is kept.

use core::arch::asm;
use core::cell::UnsafeCell;
use core::mem::size_of;
use core::ptr;
use core::sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed};

use a9n_hal::{Memory, PhysicalAddress};

use super::{LEGACY_BYTES, SSE_CONTROL_OFFSET, address};
use crate::X86_64;

/// Words from the beginning to MXCSR, in the lower half of one, its mask above it.
const CONTROL: usize = SSE_CONTROL_OFFSET as usize / size_of::<u64>();
/// Words from the beginning to the header.
const HEADER: usize = LEGACY_BYTES as usize / size_of::<u64>();
/// Words of the header.
const HEADER_WORDS: usize = 8;

/// Bits of MXCSR on a CPU that does not say which it has.
const USUAL_MASK: u32 = 0xffbf;

/// Bytes of an image.
static BYTES: AtomicU32 = AtomicU32::new(LEGACY_BYTES);
/// Components that an image may have: XCR0, or 0 without XSAVE.
static COMPONENTS: AtomicU64 = AtomicU64::new(0);
/// Bits of MXCSR that the CPUs have.
static MASK: AtomicU32 = AtomicU32::new(USUAL_MASK);

/// Takes note of the layout of states.
pub(super) fn prepare(bytes: u32, components: u64) {
    BYTES.store(bytes, Relaxed);
    COMPONENTS.store(components, Relaxed);
}

/// Asks the unit which bits of MXCSR there are.
///
/// # Safety
/// The unit is on.
pub(super) unsafe fn ask_for_mask() {
    #[repr(C, align(16))]
    struct Legacy(UnsafeCell<[u32; LEGACY_BYTES as usize / size_of::<u32>()]>);
    let mut legacy = Legacy(UnsafeCell::new([0; _]));
    // SAFETY: there are 512 aligned bytes, which are ours.
    unsafe { asm!("fxsave64 [{}]", in(reg) legacy.0.get(), options(nostack)) };
    let [.., mask] = *legacy.0.get_mut().first_chunk::<{ 2 * CONTROL + 2 }>().unwrap_or(&[0; _]);
    MASK.store(if mask == 0 { USUAL_MASK } else { mask }, Relaxed);
}

/// Bytes of an image.
pub(crate) fn bytes() -> usize {
    BYTES.load(Relaxed) as usize
}

/// Components that an image may have.
pub(super) fn components() -> u64 {
    COMPONENTS.load(Relaxed)
}

/// Copies what has the layout of a state.
///
/// # Safety
/// There is memory for a state, or an image of one, at both addresses. That at `to` is nobody's but
/// users', or it is a state and a state is copied. No unit holds either.
pub(crate) unsafe fn copy(machine: &X86_64, from: PhysicalAddress, to: PhysicalAddress) {
    let (from, to) = (pointer(from), pointer(to));
    // SAFETY: the caller's promise; the direct map shows all memory.
    unsafe { machine.copy_words(from, to, bytes() / size_of::<u64>()) }
}

/// Replaces `state` by `image`; answers `false` and does nothing if it could not be loaded.
///
/// # Safety
/// There is memory for an image at `image`, and a state at `state` that no unit holds.
pub(crate) unsafe fn admit(
    machine: &X86_64,
    image: PhysicalAddress,
    state: PhysicalAddress,
) -> bool {
    let components = COMPONENTS.load(Relaxed);
    let (from, to) = (pointer(image), pointer(state));
    // SAFETY: a state is longer than the legacy area, and than the header behind it where there are
    // components; volatile, since users may be writing.
    let (control, header) = unsafe {
        let mut header = [0; HEADER_WORDS];
        if components != 0 {
            header = from.add(HEADER).cast::<[u64; HEADER_WORDS]>().read_volatile();
        }
        (from.add(CONTROL).read_volatile(), header)
    };
    if !is_loadable(control, &header, MASK.load(Relaxed), components) {
        return false;
    }
    // SAFETY: as above and promised by the caller. What is kept of these words is what was checked.
    unsafe {
        machine.copy_words(from, to, bytes() / size_of::<u64>());
        to.add(CONTROL).write(control);
        if components != 0 {
            to.add(HEADER).cast::<[u64; HEADER_WORDS]>().write(header);
        }
    }
    true
}

/// Whether a state with this `control` word (MXCSR below, its mask, which nobody reads, above) and
/// this `header` can be loaded into a unit with `components` and the bits `mask` of MXCSR.
fn is_loadable(control: u64, header: &[u64; HEADER_WORDS], mask: u32, components: u64) -> bool {
    let [present, reserved @ ..] = header;
    control as u32 & !mask == 0
        && present & !components == 0
        && reserved.iter().all(|word| *word == 0)
}

fn pointer(physical: PhysicalAddress) -> *mut u64 {
    ptr::with_exposed_provenance_mut(address(physical) as usize)
}

#[cfg(test)]
mod tests {
    use super::*;

    const AVX: u64 = 0b111;

    #[test]
    fn what_a_unit_can_load_is_admitted() {
        assert!(is_loadable(0x1f80, &[0; 8], 0xffff, AVX));
        assert!(is_loadable(0xffff << 32 | 0xffff, &[AVX, 0, 0, 0, 0, 0, 0, 0], 0xffff, AVX));
    }

    #[test]
    fn reserved_bits_of_the_control_word_are_refused() {
        assert!(!is_loadable(0x1_0000, &[0; 8], 0xffff, AVX));
        assert!(!is_loadable(0x40, &[0; 8], USUAL_MASK, AVX), "denormals are zeros, if there");
        assert!(!is_loadable(0x8000_0000, &[0; 8], 0xffff, 0), "without XSAVE as well");
    }

    #[test]
    fn components_that_are_not_enabled_are_refused() {
        for component in (3..64).map(|bit| 1 << bit) {
            assert!(!is_loadable(0x1f80, &[component, 0, 0, 0, 0, 0, 0, 0], 0xffff, AVX));
        }
    }

    #[test]
    fn the_rest_of_the_header_is_zero() {
        for word in 1..8 {
            for value in [1, 1 << 63] {
                let mut header = [0; 8];
                header[word] = value;
                assert!(!is_loadable(0x1f80, &header, 0xffff, AVX), "word {word}");
            }
        }
    }
}
