//! Modules of a Linux kernel, in the order in which they can be loaded.

use std::collections::BTreeMap;

use anyhow::{Context, Result};

use crate::userland::Tree;

/// What ends the name of a module's file.
const SUFFIX: &str = ".ko";
/// In the module itself: the names of those that it needs, with commas.
const NEEDS: &[u8] = b"\0depends=";

/// The modules called `wanted` that are files of `tree`, and all that they need, those that others need
/// first. What is not a file is part of the kernel itself.
pub fn ordered<'a>(tree: &'a Tree, wanted: &[&str]) -> Result<Vec<&'a [u8]>> {
    let files: BTreeMap<String, &[u8]> = tree
        .files()
        .filter_map(|(path, contents)| {
            let name = path.file_name()?.to_str()?.strip_suffix(SUFFIX)?;
            Some((spelt(name), contents))
        })
        .collect();
    let (mut order, mut seen) = (vec![], vec![]);
    for name in wanted {
        add(&files, &spelt(name), &mut seen, &mut order)?;
    }
    Ok(order)
}

/// Adds a module behind what it needs.
fn add<'a>(
    files: &BTreeMap<String, &'a [u8]>,
    name: &str,
    seen: &mut Vec<String>,
    order: &mut Vec<&'a [u8]>,
) -> Result<()> {
    let Some(contents) = files.get(name).copied() else { return Ok(()) };
    if seen.iter().any(|other| other == name) {
        return Ok(());
    }
    seen.push(name.to_owned());
    let needs = needs(contents).with_context(|| format!("{name}{SUFFIX} is no module"))?;
    for other in needs.split(',').filter(|other| !other.is_empty()) {
        add(files, &spelt(other), seen, order)?;
    }
    order.push(contents);
    Ok(())
}

fn needs(module: &[u8]) -> Option<&str> {
    let start = module.windows(NEEDS.len()).position(|bytes| bytes == NEEDS)? + NEEDS.len();
    let rest = &module[start..];
    str::from_utf8(&rest[..rest.iter().position(|byte| *byte == 0)?]).ok()
}

/// A name as it is known: files and needs mix the two characters.
fn spelt(name: &str) -> String {
    name.replace('-', "_")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_needed_comes_first_and_once() {
        let mut tree = Tree::default();
        for (name, needs) in [("a-x", "b,c_y"), ("b", "c-y"), ("c_y", ""), ("d", "")] {
            let contents = format!("{name}\0depends={needs}\0license=");
            let path = format!("lib/modules/{name}.ko");
            tree.add_file(path.as_ref(), contents.into_bytes(), 0o644);
        }
        let order = |wanted: &[&str]| -> Vec<String> {
            let modules = ordered(&tree, wanted).unwrap();
            let name = |it: &[u8]| it.split(|byte| *byte == 0).next().unwrap().to_vec();
            modules.into_iter().map(|it| String::from_utf8(name(it)).unwrap()).collect()
        };
        assert_eq!(order(&["a_x", "b"]), ["c_y", "b", "a-x"]);
        assert_eq!(order(&["built_in", "d"]), ["d"], "what is no file is there already");
        tree.add_file("lib/e.ko".as_ref(), b"no module".to_vec(), 0o644);
        assert!(ordered(&tree, &["e"]).is_err());
    }
}
