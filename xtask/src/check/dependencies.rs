//! The dependency rule: which crate of the workspace may use which.

use super::Outcome;
use crate::workspace::{Dependency, Member, Workspace};

/// All allowed arrows: a crate, and the crates of the workspace that it may use. What tests may use
/// besides stands in [`FOR_TESTS`].
const ARROWS: &[(&str, &[&str])] = &[
    ("a9n-abi", &[]),
    ("a9n-hal", &["a9n-abi"]),
    ("a9n-store", &["a9n-abi", "a9n-hal"]),
    ("a9n-core", &["a9n-abi", "a9n-hal", "a9n-store"]),
    ("a9n-hal-sim", &["a9n-abi", "a9n-hal"]),
    ("a9n-handshake", &[]),
    ("a9n-hal-x86-64", &["a9n-abi", "a9n-hal", "a9n-handshake"]),
    ("a9n-loader-core", &["a9n-abi"]),
    ("a9n-direct", &["a9n-abi", "a9n-loader-core"]),
    ("a9n-loader", &["a9n-abi", "a9n-loader-core"]),
    ("a9n-fast", &["a9n-abi", "a9n-hal", "a9n-store", "a9n-core", "a9n-hal-x86-64"]),
    (
        "a9n-image",
        &[
            "a9n-abi",
            "a9n-hal",
            "a9n-store",
            "a9n-core",
            "a9n-hal-x86-64",
            "a9n-fast",
            "a9n-direct",
            "a9n-loader-core",
        ],
    ),
    ("nun-heap", &["nun"]),
    ("nun-driver", &["nun"]),
    ("block-device", &["nun", "nun-driver"]),
    ("nun", &["a9n-abi", "a9n-loader-core", "nun-macros"]),
    ("nun-macros", &[]),
    ("koito-manifest", &[]),
    ("koito-acpi", &[]),
    ("amateras-devices", &[]),
    ("amateras-boot", &["amateras-devices"]),
    ("amateras-machine", &["a9n-abi", "amateras-devices"]),
    ("amateras-vmm", &["amateras-boot", "amateras-devices", "amateras-machine", "nun"]),
    ("amateras-alone", &["amateras-vmm", "nun"]),
    ("amateras-component", &["amateras-devices", "amateras-vmm", "koito", "koito-ethernet", "nun"]),
    ("koito", &["koito-manifest", "nun"]),
    ("koito-root", &["koito", "koito-acpi", "koito-manifest", "nun", "nun-driver"]),
    ("koito-clock", &["koito", "nun"]),
    ("koito-console", &["koito", "nun"]),
    ("koito-echo", &["koito", "nun"]),
    ("koito-keyboard", &["koito", "koito-terminal", "nun"]),
    ("koito-line-editor", &[]),
    ("koito-linux", &[]),
    ("koito-log", &["koito", "nun"]),
    (
        "koito-posix",
        &["koito", "koito-linux", "koito-posix-core", "koito-tty", "koito-vfs", "nun", "nun-heap"],
    ),
    ("koito-posix-core", &["koito-linux"]),
    ("koito-entropy", &["koito", "nun"]),
    ("koito-ethernet", &["koito", "nun"]),
    ("koito-switch", &["koito", "koito-ethernet", "nun"]),
    ("koito-files", &["koito", "koito-block", "koito-fs", "nun", "nun-heap"]),
    ("koito-pci", &["koito", "nun", "nun-driver"]),
    ("koito-virtio-block", &["koito", "nun", "nun-driver"]),
    ("koito-virtio-entropy", &["koito", "nun", "nun-driver"]),
    ("koito-screen", &["koito", "koito-terminal", "nun"]),
    ("koito-terminal", &[]),
    ("koito-shell", &["koito", "koito-ethernet", "koito-line-editor", "nun"]),
    ("koito-tty", &[]),
    ("koito-vfs", &["koito-linux", "koito-tty"]),
    ("koito-block", &[]),
    ("koito-fs", &["koito-block"]),
    ("koito-fs-images", &[]),
    ("koito-fs-make", &["koito-block", "koito-fs"]),
    ("hello", &["nun"]),
    ("own-aci", &["nun"]),
    ("first-monitor", &["nun"]),
    ("two-spaces", &["nun"]),
    ("a9n-cases", &["nun"]),
    ("a9n-conformance", &["a9n-cases", "nun", "a9n-abi"]),
    ("a9n-disk", &["koito-block", "koito-fs", "nun", "nun-driver", "nun-heap"]),
    ("a9n-framework", &["nun", "nun-heap"]),
    ("a9n-guests", &["a9n-cases", "a9n-random", "nun"]),
    ("a9n-hostile", &["a9n-random", "nun"]),
    ("a9n-user-level", &["nun", "a9n-abi", "a9n-core", "a9n-hal", "a9n-hal-sim", "a9n-store"]),
    ("a9n-bench", &["nun", "a9n-abi"]),
    ("a9n-linux-hostile", &["a9n-linux-programs", "a9n-random"]),
    ("a9n-linux-programs", &[]),
    ("a9n-meter", &[]),
    ("a9n-random", &[]),
    ("a9n-storm", &["a9n-random", "nun"]),
    ("a9n-power-cut", &["a9n-disk", "koito-block", "koito-fs", "koito-fs-images", "koito-fs-make"]),
    ("a9n-revival", &["koito", "nun"]),
    ("a9n-network", &["a9n-random", "koito", "koito-ethernet", "nun"]),
    ("a9n-rudeness", &["a9n-random", "koito", "nun"]),
    ("a9n-stretch", &["nun"]),
    ("a9n-durability", &["a9n-random", "koito", "nun"]),
    ("a9n-supervision", &["a9n-random", "koito", "nun"]),
    (
        "xtask",
        &["a9n-abi", "amateras-boot", "koito-manifest", "koito-posix-core", "koito-terminal"],
    ),
];

/// Crates, and what their tests may use besides: the simulated machine and the kernel on it, and
/// images of file systems.
const FOR_TESTS: &[(&[&str], &[&str])] = &[
    (
        &["a9n-hal", "a9n-store", "a9n-core", "a9n-hal-sim"],
        &["a9n-hal-sim", "a9n-core", "a9n-store"],
    ),
    (&["koito-fs"], &["koito-fs-images"]),
    (&["koito-vfs"], &["koito-block", "koito-fs", "koito-fs-images"]),
];

/// Checks every arrow between members.
pub fn check(workspace: &Workspace) -> Outcome {
    let is_member = |name: &str| workspace.members.iter().any(|member| member.name == name);
    let mut complaints = vec![];
    for member in &workspace.members {
        let Some((_, allowed)) = ARROWS.iter().find(|(name, _)| *name == member.name) else {
            complaints
                .push(format!("{} has no line in the table of allowed dependencies", member.name));
            continue;
        };
        for dependency in member.dependencies.iter().filter(|other| is_member(&other.name)) {
            if !allowed.contains(&dependency.name.as_str()) && !for_tests(member, dependency) {
                complaints.push(format!("{} must not use {}", member.name, dependency.name));
            }
        }
    }
    Outcome::from_complaints(complaints)
}

fn for_tests(member: &Member, dependency: &Dependency) -> bool {
    let (member, used) = (member.name.as_str(), dependency.name.as_str());
    dependency.for_tests
        && FOR_TESTS.iter().any(|(users, tools)| users.contains(&member) && tools.contains(&used))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn workspace(members: &[(&str, &[(&str, bool)])]) -> Workspace {
        let members = members
            .iter()
            .map(|(name, dependencies)| Member {
                name: (*name).to_owned(),
                folder: String::new(),
                builds_on_host: true,
                dependencies: dependencies
                    .iter()
                    .map(|(name, for_tests)| Dependency {
                        name: (*name).to_owned(),
                        for_tests: *for_tests,
                    })
                    .collect(),
            })
            .collect();
        Workspace { members }
    }

    #[test]
    fn allowed_arrows_and_outside_crates_pass() {
        let good = workspace(&[
            ("a9n-abi", &[("bitflags", false)]),
            ("a9n-hal", &[("a9n-abi", false)]),
            ("a9n-core", &[("a9n-hal", false), ("a9n-hal-sim", true)]),
            ("a9n-hal-sim", &[("a9n-hal", false)]),
        ]);
        assert_eq!(check(&good), Outcome::Holds);
    }

    #[test]
    fn forbidden_arrows_are_named() {
        let bad = workspace(&[("a9n-core", &[]), ("nun", &[("a9n-core", false)])]);
        assert_eq!(check(&bad), Outcome::Broken(vec!["nun must not use a9n-core".into()]));
        let bad = workspace(&[("a9n-hal-sim", &[]), ("a9n-core", &[("a9n-hal-sim", false)])]);
        assert!(matches!(check(&bad), Outcome::Broken(_)));
    }

    #[test]
    fn a_new_crate_needs_a_line_in_the_table() {
        assert!(matches!(check(&workspace(&[("newcomer", &[])])), Outcome::Broken(_)));
    }
}
