//! Where unsafe code may live, and what it must carry.

use super::source::{Source, is_word};
use super::{Outcome, Report};

/// Folders and files that may contain the keyword, and why.
const HOMES: &[(&str, &str)] = &[
    ("kernel/hal/src/memory.rs", "states what an implementation promises"),
    ("kernel/hal-x86_64/", "drives the machine"),
    ("kernel/hal-sim/", "stands for the machine on the host"),
    ("kernel/store/", "turns addresses into references"),
    ("kernel/fast/", "is where the kernel is entered"),
    ("kernel/handshake/tests/", "stands for what the lock guards, under a model checker"),
    ("kernel/image/", "is where the kernel is entered"),
    ("loader/src/", "hands the machine over"),
    ("loader/direct/", "hands the machine over"),
    ("nun/src/entry", "is where a program is entered"),
    ("nun/src/arch/", "enters the kernel"),
    ("nun/src/executor/arena", "keeps futures where they are"),
    ("nun/src/mapped", "reaches memory that is not Rust's"),
    ("nun/src/thread", "reaches what each thread has at its thread-local base"),
    ("nun/src/lock", "implements a lock"),
    ("nun/driver/tests/dma", "plays driver and device"),
    ("nun/driver/tests/pci", "plays configuration space"),
    ("nun/driver/src/dma", "shares memory with devices"),
    ("nun/driver/src/virtio/block", "hands buffers to a device until it is done"),
    ("nun/driver/src/virtio/entropy", "hands a buffer to a device until it is done"),
    ("nun/driver/src/mmio", "reaches the registers of devices"),
    ("nun/driver/src/pci", "implements a trait that wants it"),
    ("nun/heap/", "is the allocator that Rust's own memory comes from"),
    ("nun/src/resources", "maps boot modules for good"),
    ("examples/own-aci/src/inside", "says where its IPC buffer lies"),
    ("fuzz/targets/virtio_device", "plays driver and device"),
    ("bench/src/machine", "does what a server's compiler does not"),
    ("tests/framework/src/locals", "reads thread-local words, which need assembly"),
    ("tests/guests/src/code", "reads what its assembly defines"),
    ("tests/guests/src/cases/vectors", "reads what its assembly defines"),
    ("tests/hostile/src/machine", "attacks the kernel by hand"),
    ("tests/linux/hostile/src/raw", "makes calls with whatever arguments"),
    ("tests/linux/programs/src/entry", "is where a program for Linux is entered"),
    ("tests/linux/programs/src/system", "calls Linux"),
    ("tests/linux/programs/src/vdso", "finds functions in the library that a kernel maps"),
    ("tests/linux/programs/src/bench/main", "names where a debugger stops"),
    ("tests/linux/programs/src/racers/ends", "hands strings to `execve`"),
    ("tests/linux/programs/src/bench/processes", "hands strings to `execve`"),
    ("tests/linux/programs/src/kvm/machine", "hands memory to KVM"),
    ("tests/linux/programs/src/typist/terminal", "hands strings to `execve`"),
    ("tests/meter/src/emulator", "is called by the emulator"),
    ("tests/stretch/src/machine", "has threads without a stack"),
    ("tests/user-level/src/system", "plays the machine on the host"),
    ("tests/conformance/src/machine", "does what user mode may not do"),
    ("abi/src/hash.rs", "names the section of the ABI note"),
];

/// Crates that forbid unsafe code altogether, by the root of their source.
const PORTABLE: &[&str] = &[
    "abi/src/lib.rs",
    "amateras/boot/src/lib.rs",
    "amateras/devices/src/lib.rs",
    "amateras/machine/src/lib.rs",
    "amateras/vmm/src/lib.rs",
    "kernel/core/src/lib.rs",
    "kernel/handshake/src/lib.rs",
    "koito/acpi/src/lib.rs",
    "koito/block/src/lib.rs",
    "koito/ethernet/src/lib.rs",
    "koito/fs/src/lib.rs",
    "koito/fs-images/src/lib.rs",
    "koito/fs-make/src/lib.rs",
    "koito/manifest/src/lib.rs",
    "koito/root/src/main.rs",
    "koito/runtime/src/lib.rs",
    "koito/terminal/src/lib.rs",
    "loader/core/src/lib.rs",
    "xtask/src/main.rs",
];

/// Checks homes, comments and the attribute of portable crates.
pub fn check(sources: &[Source], report: &mut Report) {
    let mut outside = vec![];
    let mut undocumented = vec![];
    for source in sources {
        let uses = find(source);
        let at_home = HOMES.iter().any(|(home, _)| source.path.starts_with(home));
        for found in &uses {
            if !at_home {
                outside
                    .push(format!("{}:{}: unsafe code has no home here", source.path, found.line));
            }
            if found.kind != Kind::Linkage && !found.documented {
                let comment =
                    if found.kind == Kind::Contract { "`# Safety`" } else { "`// SAFETY:`" };
                undocumented.push(format!("{}:{}: {comment} is missing", source.path, found.line));
            }
        }
    }
    let open: Vec<String> = PORTABLE
        .iter()
        .filter(|path| {
            let root = sources.iter().find(|source| source.path == **path);
            !root.is_some_and(|root| root.code().contains("#![forbid(unsafe_code)]"))
        })
        .map(|path| format!("{path}: #![forbid(unsafe_code)] is missing"))
        .collect();
    report.figure("unsafe.outside_homes", outside.len());
    report.figure("unsafe.without_safety_comment", undocumented.len());
    report.add("unsafe code has a home", Ok(Outcome::from_complaints(outside)));
    report.add("unsafe code says why it is sound", Ok(Outcome::from_complaints(undocumented)));
    report.add("portable crates forbid unsafe code", Ok(Outcome::from_complaints(open)));
}

/// What the keyword introduces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// A block or an implementation: a claim that an invariant holds.
    Claim,
    /// A function or trait: a contract that its user must keep.
    Contract,
    /// `#[unsafe(no_mangle)]` and `unsafe extern` blocks, which say what others define.
    Linkage,
}

/// One use of the keyword.
#[derive(Debug, PartialEq, Eq)]
struct Use {
    line: usize,
    kind: Kind,
    documented: bool,
}

/// Every use of the keyword, but for function types.
fn find(source: &Source) -> Vec<Use> {
    let code = source.code();
    let code_lines: Vec<&str> = code.lines().collect();
    let lines: Vec<&str> = source.text.lines().collect();
    let mut uses = vec![];
    for (at, _) in code.match_indices("unsafe") {
        let before = at.checked_sub(1).map(|at| code.as_bytes()[at]);
        let rest = &code[at + "unsafe".len()..];
        if before.is_some_and(is_word) || rest.bytes().next().is_some_and(is_word) {
            continue;
        }
        let Some(kind) = kind_of(rest) else { continue };
        let line = code[..at].matches('\n').count();
        uses.push(Use { line: line + 1, kind, documented: documented(&lines, &code_lines, line) });
    }
    uses
}

/// What the keyword introduces, from the code behind it; `None` for a function type.
fn kind_of(rest: &str) -> Option<Kind> {
    let rest = rest.trim_start();
    if rest.starts_with('(') {
        return Some(Kind::Linkage);
    }
    // `extern "C"`: the literal's inside is blank already.
    let is_extern = rest.starts_with("extern");
    let rest = match rest.strip_prefix("extern") {
        Some(behind) => {
            let behind = behind.trim_start();
            match behind.strip_prefix('"').and_then(|name| name.split_once('"')) {
                Some((_, behind)) => behind.trim_start(),
                None => behind,
            }
        }
        None => rest,
    };
    match rest.strip_prefix("fn") {
        Some(behind) if behind.trim_start().starts_with('(') => None,
        Some(_) => Some(Kind::Contract),
        None if rest.starts_with("trait") => Some(Kind::Contract),
        None if is_extern => Some(Kind::Linkage),
        None => Some(Kind::Claim),
    }
}

/// Whether a safety comment stands on the line, or above it with nothing between but other
/// comments, attributes and the beginning of the same statement.
fn documented(lines: &[&str], code_lines: &[&str], line: usize) -> bool {
    let says_why = |text: &str| text.contains("SAFETY:") || text.contains("# Safety");
    if says_why(lines[line]) {
        return true;
    }
    for above in (0..line).rev() {
        if says_why(lines[above]) && lines[above].trim_start().starts_with("//") {
            return true;
        }
        let code = code_lines[above].trim();
        let is_blank = lines[above].trim().is_empty();
        let ends_statement = code.ends_with([';', '{', '}']) || code.ends_with("=>");
        if is_blank || ends_statement && !code.starts_with("#[") {
            return false;
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    fn uses(text: &str) -> Vec<(Kind, bool)> {
        find(&Source::new("a.rs", text))
            .iter()
            .map(|found| (found.kind, found.documented))
            .collect()
    }

    #[test]
    fn the_keyword_is_found_only_in_code() {
        assert!(uses("// unsafe\nlet a = \"unsafe {\";\n#![forbid(unsafe_code)]").is_empty());
        assert_eq!(uses("fn f() { unsafe { g() } }"), [(Kind::Claim, false)]);
        assert!(uses("type F = unsafe extern \"C\" fn(u64);\nstruct A(unsafe fn());").is_empty());
    }

    #[test]
    fn kinds_are_told_apart() {
        assert_eq!(uses("unsafe fn f() {}"), [(Kind::Contract, false)]);
        assert_eq!(uses("pub unsafe extern \"C\" fn f() {}"), [(Kind::Contract, false)]);
        assert_eq!(uses("unsafe extern \"C\" { fn f(); }"), [(Kind::Linkage, false)]);
        assert_eq!(uses("unsafe impl Send for A {}"), [(Kind::Claim, false)]);
        assert_eq!(uses("unsafe trait A {}"), [(Kind::Contract, false)]);
        assert_eq!(uses("#[unsafe(no_mangle)]\nfn f() {}"), [(Kind::Linkage, false)]);
    }

    #[test]
    fn a_comment_above_the_statement_documents_it() {
        assert_eq!(uses("// SAFETY: checked.\nunsafe { f() }"), [(Kind::Claim, true)]);
        assert_eq!(
            uses("// SAFETY: checked,\n// twice.\nlet a =\n    unsafe { f() };"),
            [(Kind::Claim, true)]
        );
        assert_eq!(
            uses("/// # Safety\n/// Once.\n#[inline]\npub unsafe fn f() {}"),
            [(Kind::Contract, true)]
        );
        assert_eq!(uses("unsafe { f() } // SAFETY: checked."), [(Kind::Claim, true)]);
    }

    #[test]
    fn a_comment_on_another_statement_does_not() {
        assert_eq!(uses("// SAFETY: checked.\ng();\nunsafe { f() }"), [(Kind::Claim, false)]);
        assert_eq!(uses("// SAFETY: checked.\n\nunsafe { f() }"), [(Kind::Claim, false)]);
        assert_eq!(
            uses("// SAFETY: a.\nunsafe { f() };\nunsafe { g() };"),
            [(Kind::Claim, true), (Kind::Claim, false)]
        );
    }

    #[test]
    fn lines_are_counted_from_one() {
        assert_eq!(find(&Source::new("a.rs", "\n\nunsafe {}"))[0].line, 3);
    }
}
