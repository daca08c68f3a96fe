//! Where figures go: a line each to the early console, and to the screen if there is one.

use core::fmt::{self, Write};

use a9n_bench::measure::Measured;
use nun::{InitInfo, Resources, println};

use crate::screen::Screen;

/// The word on the command line that says that instructions are counted, not ticks.
const COUNT: &str = "count";

/// Shows figures.
pub struct Report {
    counts: bool,
    screen: Option<Screen>,
}

impl Report {
    /// Says what is to come. Figures are shown without a screen that cannot be used.
    pub fn start(init: &'static InitInfo, resources: &mut Resources) -> Self {
        let counts = init.command_line() == COUNT;
        let screen = if counts { Ok(None) } else { Screen::of(init, resources) };
        let screen = screen.unwrap_or_else(|error| {
            println!("no screen: {error}");
            None
        });
        let mut report = Self { counts, screen };
        if !counts {
            let ([major, minor, patch, _], cpus) = (init.kernel_version, init.cpus);
            let megahertz = init.ticks_per_second / 1_000_000;
            report.line(format_args!(
                "A9N {major}.{minor}.{patch}, {cpus} CPUs, ticks of a counter with {megahertz} MHz"
            ));
            let [a, b, c, d] = ["smallest", "median", "90 %", "99 %"];
            report.line(format_args!("{:<24}{a:>10}{b:>10}{c:>10}{d:>10}", "path"));
        }
        report
    }

    /// Whether instructions are counted.
    pub fn counts(&self) -> bool {
        self.counts
    }

    /// Shows a figure: under an instruction counter the number of instructions, else the
    /// distribution of ticks.
    pub fn show(&mut self, measured: &Measured) {
        let name = measured.name();
        if self.counts {
            self.line(format_args!("bench {name} {}", measured.usual));
        } else {
            let Measured { smallest, median, ninetieth, ninety_ninth, .. } = measured;
            self.line(format_args!(
                "{name:<24}{smallest:>10}{median:>10}{ninetieth:>10}{ninety_ninth:>10}"
            ));
        }
    }

    /// Says that nothing more comes.
    pub fn finish(&mut self) {
        self.line(format_args!("bench done"));
    }

    fn line(&mut self, text: fmt::Arguments<'_>) {
        println!("{text}");
        if let Some(screen) = &mut self.screen {
            // A screen takes all text: what does not fit is not seen.
            let _ = writeln!(screen, "{text}");
        }
    }
}
