//! What is entered is what was typed, and what the screen shows is what is in the line.

use std::string::{String, ToString};
use std::vec::Vec;

use proptest::prelude::*;

use super::*;

/// A terminal with one line that understands what the editor sends.
#[derive(Default)]
struct Screen {
    cells: Vec<char>,
    column: usize,
    sequence: Option<String>,
}

impl Write for Screen {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for character in text.chars() {
            match (&mut self.sequence, character) {
                (None, '\x1b') => self.sequence = Some(String::new()),
                (None, printable) => {
                    assert!(!printable.is_control());
                    self.cells.resize(self.cells.len().max(self.column + 1), ' ');
                    self.cells[self.column] = printable;
                    self.column += 1;
                }
                (Some(sequence), 'A'..='Z') => {
                    let number = sequence.trim_start_matches('[').parse().unwrap_or(1);
                    match character {
                        'C' => self.column += number,
                        'D' => self.column -= number,
                        'K' => self.cells.truncate(self.column),
                        other => panic!("unknown sequence {other}"),
                    }
                    self.sequence = None;
                }
                (Some(sequence), character) => sequence.push(character),
            }
        }
        Ok(())
    }
}

fn type_all(editor: &mut Editor, keys: &str) -> (Vec<Event>, Screen) {
    let mut screen = Screen::default();
    let mut events = Vec::new();
    for byte in keys.bytes() {
        let event = editor.take(byte, &mut screen).unwrap();
        if event != Event::Editing {
            events.push(event);
            screen = Screen::default();
        }
    }
    (events, screen)
}

fn entered(keys: &str) -> Vec<String> {
    let (events, _) = type_all(&mut Editor::new(), keys);
    let text = |event: Event| match event {
        Event::Entered(line) => line.to_string(),
        other => panic!("{other:?}"),
    };
    events.into_iter().map(text).collect()
}

#[test]
fn a_line_is_edited_in_all_places() {
    assert_eq!(entered("list\r"), ["list"]);
    assert_eq!(entered("lst\x1b[D\x1b[Di\r"), ["list"]);
    assert_eq!(entered("xlisy\x7ft\x1b[H\x1b[3~\r"), ["list"]);
    assert_eq!(entered("st\x01li\x05!\x08\r"), ["list"]);
    assert_eq!(entered("list all\x1b[D\x1b[D\x1b[D\x1b[D\x0b\r"), ["list"]);
    assert_eq!(entered("no list\x1bOH\x1b[C\x1b[C\x1b[C\x15\r"), ["list"]);
    assert_eq!(entered("list\x1b[[A\x1b[1~a\x1b[4~!\r"), ["alist!"]);
}

#[test]
fn both_ends_of_line_enter_once() {
    assert_eq!(entered("a\r\nb\nc\r"), ["a", "b", "c"]);
}

#[test]
fn the_history_goes_back_and_forth() {
    let up = "\x1b[A";
    let down = "\x1b[B";
    assert_eq!(entered(&["one\r", "two\r", up, up, "\r"].concat())[2], "one");
    assert_eq!(entered(&["one\r", "two\r", up, up, up, down, "\r"].concat())[2], "two");
    assert_eq!(entered(&["one\r", "dra", up, down, "ft\r"].concat())[1], "draft");
    assert_eq!(entered(&["one\r", "one\r", "\r", up, up, "\r"].concat())[3], "one");
    let many: String = (0..20).map(|number| std::format!("{number}\r")).collect();
    assert_eq!(entered(&(many + &up.repeat(30) + "\r"))[20], "4", "the oldest of sixteen");
}

#[test]
fn control_keys_end_it() {
    let (events, _) = type_all(&mut Editor::new(), "abc\x03\x04");
    assert_eq!(events, [Event::Cancelled, Event::Closed]);
    let mut editor = Editor::new();
    let (events, _) = type_all(&mut editor, "abc\x1b[D\x0c");
    assert_eq!(events, [Event::Clear]);
    let mut screen = Screen::default();
    editor.show(&mut screen).unwrap();
    assert_eq!((screen.cells.iter().collect::<String>().as_str(), screen.column), ("abc", 2));
}

#[test]
fn a_full_line_takes_no_more() {
    let keys = "x".repeat(LINE_BYTES + 5) + "\r";
    assert_eq!(entered(&keys), ["x".repeat(LINE_BYTES)]);
}

fn any_key() -> impl Strategy<Value = &'static str> {
    prop::sample::select(std::vec![
        "a", "b", " ", "\x1b[D", "\x1b[C", "\x1b[A", "\x1b[B", "\x1b[H", "\x1b[F", "\x1b[3~",
        "\x7f", "\x01", "\x05", "\x0b", "\x15", "\x1b", "[", "\x1b[9~", "\x00",
    ])
}

proptest! {
    #[test]
    fn the_screen_shows_the_line(keys in prop::collection::vec(any_key(), 0..60)) {
        let mut editor = Editor::new();
        type_all(&mut editor, "one\rtwo and more\r");
        let (events, screen) = type_all(&mut editor, &keys.concat());
        prop_assert!(events.is_empty());
        prop_assert_eq!(screen.cells.iter().collect::<String>(), editor.line());
        prop_assert_eq!(screen.column, editor.cursor);
    }
}
