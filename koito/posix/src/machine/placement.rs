//! On which processor a thread runs, and how urgently.

use alloc::vec::Vec;

use nun::{Error, Pcb};

use super::objects::Body;

/// How urgently threads run, and how long at a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Urgency {
    priority: u8,
    /// Parts of [`WHOLE_TURN`].
    turn: u16,
}

/// How programs run that are not nice.
pub const USUAL: Urgency = Urgency { priority: 100, turn: WHOLE_TURN };
/// The longest turn.
const WHOLE_TURN: u16 = 1024;
/// How long a turn is by niceness, from 0 on: a fifth less with each step. Linux gives out its time by the same weights
/// (`sched_prio_to_weight`).
const TURNS: [u16; 20] = [
    WHOLE_TURN, 820, 655, 526, 423, 335, 272, 215, 172, 137, 110, 87, 70, 56, 45, 36, 29, 23, 18,
    15,
];
/// How urgent the server is, by the manifest.
pub const URGENT: u8 = 160;
/// Processors that are used, at most.
pub const MOST: usize = 16;
/// Processes of a session that are as urgent as others.
const CROWD: usize = 64;
/// A session that had more and has come down to this is like any other again.
pub const CALM: usize = CROWD / 2;
/// How much less urgent those beyond are.
const CROWDED: u8 = 20;

/// How urgent the threads of a process are that is `nice` and begins in a session of `others`. Niceness is a share of
/// the time, so who is nice comes on slowly beside others, but it does; a bomb of processes is less urgent than
/// everybody else.
pub fn urgency(nice: i32, others: usize) -> Urgency {
    let crowded = if others > CROWD { CROWDED } else { 0 };
    let turn = TURNS[nice.clamp(0, TURNS.len() as i32 - 1) as usize];
    Urgency { priority: USUAL.priority - crowded, turn }
}

/// Where one body was put.
#[derive(Clone, Copy, Debug)]
struct Place {
    cpu: u8,
    urgency: Urgency,
    /// A bit for each processor that it may run on.
    allowed: u64,
}

impl Place {
    /// The body that is here runs on processor `cpu` from now on, and so urgently.
    fn change(&mut self, body: Body, cpu: u8, urgency: Urgency) -> Result<(), Error> {
        let Urgency { priority, turn } = urgency;
        if (self.cpu, self.urgency.priority) != (cpu, priority) {
            schedule(body.pcb, cpu, priority)?;
            (self.cpu, self.urgency.priority) = (cpu, priority);
        }
        if self.urgency.turn != turn {
            body.pcb.configure_turn(turn.into())?;
            self.urgency.turn = turn;
        }
        Ok(())
    }
}

/// Where all bodies are.
#[derive(Debug, Default)]
pub struct Placement {
    cpus: usize,
    /// How many bodies are in use on each processor.
    loads: [u32; MOST],
    /// By the numbers of bodies.
    places: Vec<Place>,
}

impl Placement {
    /// One for the processors that there are, found out with a process that never runs.
    pub fn new(probe: Pcb) -> Self {
        let is_there = |cpu: &usize| schedule(probe, *cpu as u8, USUAL.priority).is_ok();
        let cpus = (0..MOST).take_while(is_there).count();
        Self { cpus, loads: [0; MOST], places: Vec::new() }
    }

    /// How many processors there are.
    pub const fn cpus(&self) -> usize {
        self.cpus
    }

    /// A bit for each.
    pub const fn all(&self) -> u64 {
        (1 << self.cpus) - 1
    }

    /// A body was made, and is the last one.
    pub fn add(&mut self, body: Body) -> Result<(), Error> {
        schedule(body.pcb, 0, USUAL.priority)?;
        self.places.push(Place { cpu: 0, urgency: USUAL, allowed: self.all() });
        Ok(())
    }

    /// A body is used from now on, on a processor that is among the `allowed` ones.
    pub fn begin(
        &mut self,
        body: Body,
        (cpu, allowed): (u8, u64),
        urgency: Urgency,
    ) -> Result<(), Error> {
        let place = &mut self.places[body.number as usize];
        place.change(body, cpu, urgency)?;
        place.allowed = allowed;
        self.loads[cpu as usize] += 1;
        Ok(())
    }

    /// A body is not used any more.
    pub fn end(&mut self, body: Body) {
        self.loads[self.cpu(body)] -= 1;
    }

    /// A body that is used may run on the `allowed` processors only.
    pub fn allow(&mut self, body: Body, allowed: u64) -> Result<(), Error> {
        let place = self.places[body.number as usize];
        if allowed & 1 << place.cpu != 0 {
            self.places[body.number as usize].allowed = allowed;
            return Ok(());
        }
        let cpu = self.least_loaded(allowed);
        self.begin(body, (cpu, allowed), place.urgency)?;
        self.loads[usize::from(place.cpu)] -= 1;
        Ok(())
    }

    /// A body that is used is as urgent as this from now on.
    pub fn urge(&mut self, body: Body, urgency: Urgency) -> Result<(), Error> {
        let place = &mut self.places[body.number as usize];
        place.change(body, place.cpu, urgency)
    }

    /// On which processor a body is.
    pub fn cpu(&self, body: Body) -> usize {
        self.places[body.number as usize].cpu.into()
    }

    /// On which it may be.
    pub fn allowed(&self, body: Body) -> u64 {
        self.places[body.number as usize].allowed
    }

    /// Which of the `allowed` processors the fewest bodies are on.
    pub fn least_loaded(&self, allowed: u64) -> u8 {
        let cpus = (0..self.cpus).filter(|cpu| allowed & 1 << cpu != 0);
        cpus.min_by_key(|cpu| self.loads[*cpu]).unwrap_or(0) as u8
    }
}

/// Has the kernel run a foreign process on a processor, with that priority.
fn schedule(pcb: Pcb, cpu: u8, priority: u8) -> Result<(), Error> {
    pcb.configure_schedule(priority.into(), cpu.into(), 1)
}
