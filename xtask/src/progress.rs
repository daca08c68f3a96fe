//! Progress of long steps: a spinner on a terminal, plain lines elsewhere.

use std::io::{IsTerminal, stderr};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

use crate::console::Cleaner;

/// A step shorter than this leaves no line behind.
const WORTH_A_LINE: Duration = Duration::from_secs(1);
/// How often a step that nobody watches on a terminal says that it still works.
const HEARTBEAT: Duration = Duration::from_secs(15);

/// One long step. It disappears from the screen when dropped.
pub struct Step {
    title: String,
    started: Instant,
    bar: Option<ProgressBar>,
    heartbeats: AtomicU32,
}

impl Step {
    /// Announces a step, for instance `building the kernel`.
    pub fn start(title: impl Into<String>) -> Self {
        let title = title.into();
        let bar = if stderr().is_terminal() {
            let bar = ProgressBar::new_spinner();
            if let Ok(style) =
                ProgressStyle::with_template("{spinner} {prefix} ({elapsed})  {wide_msg}")
            {
                bar.set_style(style);
            }
            bar.set_prefix(title.clone());
            bar.enable_steady_tick(Duration::from_millis(100));
            Some(bar)
        } else {
            None
        };
        Self { title, started: Instant::now(), bar, heartbeats: AtomicU32::new(0) }
    }

    /// Shows what the step is busy with, as far as the line has room.
    pub fn detail(&self, line: &str) {
        if let Some(bar) = &self.bar {
            let text = Cleaner::default().clean(line.as_bytes());
            bar.set_message(String::from_utf8_lossy(&text).trim().to_owned());
        }
    }

    /// To be called now and then while the step works; where there is no spinner, a line says
    /// so every few seconds.
    pub fn still_working(&self) {
        let due = HEARTBEAT * (self.heartbeats.load(Ordering::Relaxed) + 1);
        if self.bar.is_none() && self.elapsed() >= due {
            self.heartbeats.fetch_add(1, Ordering::Relaxed);
            eprintln!("  {} ... {} s", self.title, self.elapsed().as_secs());
        }
    }

    /// Prints text that stays, above the spinner.
    pub fn say(&self, text: &str) {
        if text.trim().is_empty() {
            return;
        }
        match &self.bar {
            Some(bar) => bar.suspend(|| eprint!("{text}")),
            None => eprint!("{text}"),
        }
    }

    /// Time since the step began.
    pub fn elapsed(&self) -> Duration {
        self.started.elapsed()
    }

    /// Ends the step well; a line remains if it took long.
    pub fn done(self) {
        let elapsed = self.elapsed();
        let line = format!("{} ({:.1} s)", self.title, elapsed.as_secs_f64());
        drop(self);
        if elapsed >= WORTH_A_LINE {
            eprintln!("  {line}");
        }
    }
}

impl Drop for Step {
    fn drop(&mut self) {
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
    }
}
