//! What KOITO costs as a whole: it is booted under QEMU's instruction counter, and its shell measures.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use super::boot::{Figures, collect};
use crate::cli::{BootOptions, Entry};
use crate::console::{Console, Event, Port};
use crate::progress::Step;
use crate::qemu::Serial;
use crate::repository::Repository;
use crate::session::Session;
use crate::system::System;

const SYSTEM: &str = "koito";
const PROMPT: &[u8] = b"koito> ";
const COMMAND: &[u8] = b"bench\r";
/// The prompt comes within that time.
const LIMIT: Duration = Duration::from_secs(60);

/// Boots KOITO, and has its shell measure.
pub fn measure(repository: &Repository) -> Result<Figures> {
    let system = System::find(repository, Some(SYSTEM))?;
    let options = BootOptions { entry: Some(Entry::Direct), ..BootOptions::default() };
    let mut session = Session::of(repository, &system, &options)?;
    session.machine.count_instructions = true;
    let step = Step::start("measuring KOITO".to_owned());
    let mut console = Console::start(&mut session.command(&Serial::Pipe))?;
    wait_for_prompt(&mut console)?;
    console.send(COMMAND)?;
    let figures = collect(&mut console, &step).context("KOITO")?;
    step.done();
    Ok(figures)
}

fn wait_for_prompt(port: &mut dyn Port) -> Result<()> {
    let deadline = Instant::now() + LIMIT;
    let mut heard = vec![];
    while !heard.windows(PROMPT.len()).any(|window| window == PROMPT) {
        match port.next(deadline) {
            Event::Output(bytes) if Instant::now() < deadline => heard.extend(bytes),
            _ => bail!("KOITO has no prompt\n{}", String::from_utf8_lossy(&heard).trim_end()),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::recorded::Recorded;
    use super::*;
    use crate::qemu::Ending;

    #[test]
    fn a_prompt_may_come_in_pieces_but_must_come() {
        let output = |text: &str| Event::Output(text.into());
        let wait = |events| wait_for_prompt(&mut Recorded(events));
        assert!(wait(vec![output("KOITO\nkoi"), output("to> ")]).is_ok());
        assert!(wait(vec![output("koito>"), Event::Ended(Ending::Quiet)]).is_err());
        assert!(wait(vec![output("KOITO"), Event::Silence]).is_err());
    }
}
