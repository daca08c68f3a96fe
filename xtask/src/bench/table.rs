//! Figures beside what they are measured against.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use serde::Deserialize;

use super::boot::Figures;

/// Columns of the table.
const COLUMNS: usize = 6;
/// Ends the name of a figure that says how many expensive instructions a path executes; of the
/// central path, one way.
pub const EXPENSIVE: &str = ".expensive";
/// Ends the name of the figure for both ways.
pub const BOTH_WAYS: &str = ".expensive.round_trip";

/// The references, in the order of the table.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct References {
    path: Vec<Reference>,
}

/// What a path is measured against.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Reference {
    /// The path's name, as the bench program prints it.
    name: String,
    /// What it counts.
    what: String,
    /// The best other kernel, and its figure.
    peer: Option<Peer>,
    /// What we want to reach.
    goal: Option<u64>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Peer {
    name: String,
    figure: u64,
}

impl References {
    /// Reads them from their file.
    pub fn read(path: &Path) -> Result<Self> {
        let text = fs::read_to_string(path)
            .with_context(|| format!("cannot read the references {}", path.display()))?;
        toml::from_str(&text).with_context(|| format!("in {}", path.display()))
    }

    /// Paths that no figure is of.
    pub fn missing(&self, figures: &Figures) -> Vec<String> {
        let names = self.path.iter().map(|reference| &reference.name);
        names.filter(|name| !figures.contains_key(*name)).cloned().collect()
    }

    /// Figures that no entry says the meaning of.
    pub fn unknown(&self, figures: &Figures) -> Vec<String> {
        let has_entry = |name: &str| self.path.iter().any(|reference| reference.name == name);
        let is_known =
            |name: &str| has_entry(name) || name.strip_suffix(EXPENSIVE).is_some_and(has_entry);
        figures.keys().filter(|name| !is_known(name)).cloned().collect()
    }

    /// The table for the manual: what each figure counts, and what it is.
    pub fn manual(&self, figures: &Figures) -> String {
        let mut text = String::from(
            "| path | what it counts | ours | expensive | best peer | goal |\n\
             |---|---|--:|--:|---|---|\n",
        );
        for reference in &self.path {
            let Reference { name, what, .. } = reference;
            let [ours, expensive, peer, goal, verdict] = reference.cells(figures);
            let goal = if goal.is_empty() { goal } else { format!("{goal} {verdict}") };
            let row = [format!("`{name}`"), what.clone(), ours, expensive, peer, goal];
            text += &format!("| {} |\n", row.join(" | "));
        }
        text
    }

    /// The table of all figures: those with a reference first, in its order.
    pub fn table(&self, figures: &Figures) -> String {
        let head = ["path", "ours", "expensive", "best peer", "goal", ""].map(str::to_owned);
        let mut rows = vec![head];
        for reference in &self.path {
            let [ours, expensive, peer, goal, verdict] = reference.cells(figures);
            rows.push([reference.name.clone(), ours, expensive, peer, goal, verdict]);
        }
        for name in self.unknown(figures) {
            let mut row = <[String; COLUMNS]>::default();
            row[1] = figures[&name].to_string();
            row[0] = name;
            rows.push(row);
        }
        layout(&rows)
    }
}

impl Reference {
    /// The figure, the number of expensive instructions, the peer's, the goal, and how it compares.
    fn cells(&self, figures: &Figures) -> [String; 5] {
        let ours = figures.get(&self.name).copied();
        let whole = figures.get(&format!("{}{BOTH_WAYS}", self.name));
        let expensive = whole.or_else(|| figures.get(&format!("{}{EXPENSIVE}", self.name)));
        let peer = self.peer.as_ref();
        [
            ours.map_or_else(|| "-".to_owned(), |ours| ours.to_string()),
            expensive.map(u64::to_string).unwrap_or_default(),
            peer.map(|peer| format!("{} {}", peer.name, peer.figure)).unwrap_or_default(),
            self.goal.map(|goal| goal.to_string()).unwrap_or_default(),
            self.verdict(ours).to_owned(),
        ]
    }

    /// How a figure compares: with the goal, else with the peer.
    fn verdict(&self, ours: Option<u64>) -> &'static str {
        let Some(ours) = ours else { return "not measured" };
        match (self.goal, &self.peer) {
            (Some(goal), _) if ours <= goal => "reached",
            (Some(_), _) => "not reached",
            (None, Some(peer)) if ours < peer.figure => "better",
            (None, Some(_)) => "not better",
            (None, None) => "",
        }
    }
}

/// What got faster than recorded, or is new.
pub fn gains(figures: &Figures, recorded: &Figures) -> Vec<String> {
    figures
        .iter()
        .filter_map(|(name, now)| match recorded.get(name) {
            None => Some(format!("{name}: {now}, not recorded")),
            Some(was) if now < was => Some(format!("{name}: {was} -> {now}")),
            Some(_) => None,
        })
        .collect()
}

/// What part of a recorded figure one may be slower: long paths differ by an instruction or two with
/// where things happen to lie. Of a path of fewer instructions each counts.
const TOLERANCE: u64 = 256;
/// The same of figures of the whole KOITO, whose disk answers when it likes.
const TOLERANCE_OF_KOITO: u64 = 32;
const OF_KOITO: &str = "koito.";

/// What got slower than recorded, or is not measured any more.
pub fn losses(figures: &Figures, recorded: &Figures) -> Vec<String> {
    recorded
        .iter()
        .filter_map(|(name, was)| match figures.get(name) {
            None => Some(format!("{name}: recorded {was}, not measured any more")),
            Some(now) if *now > was + was / tolerance(name) => {
                Some(format!("{name}: {was} -> {now}"))
            }
            Some(_) => None,
        })
        .collect()
}

fn tolerance(name: &str) -> u64 {
    if name.starts_with(OF_KOITO) { TOLERANCE_OF_KOITO } else { TOLERANCE }
}

/// Columns as wide as their widest cell; figures to the right.
fn layout(rows: &[[String; COLUMNS]]) -> String {
    let width = |column: usize| {
        rows.iter().map(|row| row[column].chars().count()).max().unwrap_or_default()
    };
    let [name, ours, expensive, peer, goal] = [width(0), width(1), width(2), width(3), width(4)];
    rows.iter()
        .map(|[a, b, c, d, e, f]| {
            let line =
                format!("{a:<name$}  {b:>ours$}  {c:>expensive$}  {d:<peer$}  {e:>goal$}  {f}");
            line.trim_end().to_owned() + "\n"
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn figures(list: &[(&str, u64)]) -> Figures {
        list.iter().map(|(name, value)| ((*name).to_owned(), *value)).collect()
    }

    #[test]
    fn slower_and_vanished_paths_are_complaints() {
        let recorded = figures(&[("a", 10), ("b", 20), ("c", 30)]);
        let now = figures(&[("a", 10), ("b", 19), ("c", 1), ("d", 5)]);
        assert!(losses(&now, &recorded).is_empty());
        assert_eq!(losses(&figures(&[("a", 11), ("b", 20)]), &recorded).len(), 2);
        let long = figures(&[("long", 2560)]);
        assert!(losses(&figures(&[("long", 2570)]), &long).is_empty());
        assert_eq!(losses(&figures(&[("long", 2571)]), &long).len(), 1);
        let whole = figures(&[("koito.boot", 2560)]);
        assert!(losses(&figures(&[("koito.boot", 2640)]), &whole).is_empty());
        assert_eq!(losses(&figures(&[("koito.boot", 2641)]), &whole).len(), 1);
        assert_eq!(gains(&now, &recorded), ["b: 20 -> 19", "c: 30 -> 1", "d: 5, not recorded"]);
    }

    #[test]
    fn the_table_shows_peer_goal_and_verdict() {
        let references: References = toml::from_str(
            "[[path]]\nname = \"yield\"\nwhat = \"to nobody\"\n\
             peer = { name = \"seL4\", figure = 287 }\ngoal = 90\n\
             [[path]]\nname = \"wake\"\nwhat = \"\"\npeer = { name = \"seL4\", figure = 541 }\n\
             [[path]]\nname = \"null\"\nwhat = \"\"\ngoal = 45\n\
             [[path]]\nname = \"absent\"\nwhat = \"\"\n",
        )
        .unwrap();
        let list =
            [("extra", 7), ("yield", 80), ("yield.expensive", 4), ("wake", 541), ("null", 46)];
        let figures = figures(&list);
        let expected = "path    ours  expensive  best peer  goal\n\
                        yield     80          4  seL4 287     90  reached\n\
                        wake     541             seL4 541         not better\n\
                        null      46                          45  not reached\n\
                        absent     -                              not measured\n\
                        extra      7\n";
        assert_eq!(references.table(&figures), expected);
        assert_eq!(references.missing(&figures), ["absent"]);
        assert_eq!(references.unknown(&figures), ["extra"]);
        let manual = references.manual(&figures);
        assert!(manual.contains("\n| `yield` | to nobody | 80 | 4 | seL4 287 | 90 reached |\n"));
    }

    #[test]
    fn the_references_can_be_read() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(super::super::REFERENCES);
        assert!(!References::read(&path).unwrap().path.is_empty());
    }
}
