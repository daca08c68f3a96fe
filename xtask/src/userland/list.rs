//! The list of what a Linux userland consists of, a file that users edit.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use serde::de::Error;
use serde::{Deserialize, Deserializer};

/// Contents of a `userland.toml`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct List {
    /// Size of the image in MiB.
    pub mebibytes: u32,
    /// Debian packages; what they depend on comes along.
    pub packages: Vec<String>,
    /// Packages that are left out although something depends on them.
    #[serde(default)]
    pub without: Vec<String>,
    /// Files and folders of packages that are left out, as paths from the root.
    #[serde(default)]
    pub leave_out: Vec<String>,
    /// Symbolic links, path to target. Debian's maintainer scripts would make some of them.
    #[serde(default)]
    pub links: BTreeMap<String, String>,
    /// Folder with links to all that busybox can do.
    pub busybox: Option<String>,
    /// Files and folders that are not as everything else of ours is: the superuser's, for all to read.
    #[serde(default)]
    pub owned: BTreeMap<String, Owned>,
}

/// Whose a file is, and who may do what with it.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub struct Owned {
    /// Number of the user.
    pub user: u64,
    /// Number of the group.
    pub group: u64,
    /// Permissions, in octal.
    #[serde(deserialize_with = "octal")]
    pub mode: u32,
}

fn octal<'de, D: Deserializer<'de>>(source: D) -> Result<u32, D::Error> {
    let text = String::deserialize(source)?;
    u32::from_str_radix(&text, 8).map_err(D::Error::custom)
}

impl List {
    /// Reads a list.
    pub fn read(path: &Path) -> Result<Self> {
        let text = fs::read_to_string(path)
            .with_context(|| format!("cannot read the list of packages {}", path.display()))?;
        Self::parse(&text).with_context(|| format!("in {}", path.display()))
    }

    /// The same list with what another has beside.
    #[must_use]
    pub fn with(mut self, other: Self) -> Self {
        self.mebibytes = self.mebibytes.max(other.mebibytes);
        self.packages.extend(other.packages);
        self.without.extend(other.without);
        self.leave_out.extend(other.leave_out);
        self.links.extend(other.links);
        self.busybox = self.busybox.or(other.busybox);
        self
    }

    fn parse(text: &str) -> Result<Self> {
        let list: Self = toml::from_str(text)?;
        for name in &list.packages {
            let fine = |byte: u8| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte);
            ensure!(name.bytes().all(fine) && !name.starts_with('-'), "{name:?} is no package");
        }
        let paths = list.leave_out.iter().chain(list.links.keys()).chain(&list.busybox);
        for path in paths.chain(list.owned.keys()) {
            ensure!(!path.starts_with('/'), "{path:?} begins at the root anyway, without a slash");
        }
        Ok(list)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_lie_over_each_other() {
        let list = |size, name| {
            let text = format!("mebibytes = {size}\npackages = [\"{name}\"]\nbusybox = \"{name}\"");
            List::parse(&text).unwrap()
        };
        let both = list(64, "one").with(list(32, "two"));
        assert_eq!((both.mebibytes, both.busybox.as_deref()), (64, Some("one")));
        assert_eq!(both.packages, ["one", "two"]);
    }

    #[test]
    fn a_list_needs_packages_and_a_size() {
        let list = List::parse("mebibytes = 64\npackages = [\"bash-static\"]").unwrap();
        assert_eq!((list.mebibytes, list.packages.len()), (64, 1));
        assert!(List::parse("packages = []").is_err());
    }

    #[test]
    fn an_option_of_apt_is_no_package() {
        assert!(List::parse("mebibytes = 64\npackages = [\"--purge\"]").is_err());
        assert!(List::parse("mebibytes = 64\npackages = [\"a b\"]").is_err());
    }

    #[test]
    fn paths_begin_at_the_root_without_saying_so() {
        let text = "mebibytes = 64\npackages = []\nleave-out = [\"/usr/share/doc\"]";
        assert!(List::parse(text).is_err());
    }

    #[test]
    fn permissions_are_octal() {
        let list = |mode: &str| {
            let owned = format!("a = {{ user = 1, group = 2, mode = \"{mode}\" }}");
            List::parse(&format!("mebibytes = 64\npackages = []\n[owned]\n{owned}"))
        };
        assert_eq!(list("640").unwrap().owned["a"], Owned { user: 1, group: 2, mode: 0o640 });
        assert!(list("rw").is_err());
    }
}
