//! The ports: a cable each, with what waits in it and what went through it.

use koito::services::SwitchPort;
use koito::{Environment, Missing, Name, SupervisorAlarm};
use koito_ethernet::{Address, Cable, MOST_FRAME, MOST_PORTS, Queue, Route, Side, Switch};
use nun::channel::ServerEnd;
use nun::executor::Alarm;
use nun::service::Vec;
use nun::ticks;

/// Frames that a port may send in its turn.
const TURN: usize = 8;
/// Turns in a row. Who has more waits until whoever called was answered.
const TURNS: usize = 64;

/// All ports.
pub struct Ports {
    switch: Switch,
    ports: Vec<Port, MOST_PORTS>,
    ticks_per_millisecond: u64,
}

struct Port {
    cable: Cable,
    line: ServerEnd,
    client: Name,
    queue: Queue,
    /// Something went out there, or there is room again that it waited for.
    is_to_ring: bool,
    received: u64,
    sent: u64,
    refused: u64,
    dropped: u64,
}

impl Ports {
    /// One for each client with a channel that is long enough for a cable.
    pub fn new(environment: &Environment) -> Result<Self, Missing> {
        let mut ports = Vec::new();
        for line in environment.clients_ends() {
            let memory = environment.bulk(|channel| channel.from == Some(line.client()))?;
            let Some(cable) = Cable::new(memory, Side::Switch) else { continue };
            let client = environment.client(line.client()).cloned().unwrap_or_default();
            // There are as many as a component has channels at most.
            let _ = ports.push(Port {
                cable,
                line,
                client,
                queue: Queue::default(),
                is_to_ring: true,
                received: 0,
                sent: 0,
                refused: 0,
                dropped: 0,
            });
        }
        let ticks_per_millisecond = environment.ticks_per_millisecond.max(1);
        let now = ticks() / ticks_per_millisecond;
        Ok(Self { switch: Switch::new(ports.len(), now), ports, ticks_per_millisecond })
    }

    /// Carries what was sent where it belongs, and rings those whom it concerns.
    pub fn carry(&mut self) {
        let now = ticks() / self.ticks_per_millisecond;
        let mut turns = 0;
        while turns < TURNS && (0..self.ports.len()).fold(false, |any, it| self.turn(it, now) | any)
        {
            turns += 1;
        }
        for port in &mut self.ports {
            if core::mem::take(&mut port.is_to_ring) {
                port.line.ring();
            }
        }
        if turns == TURNS {
            SupervisorAlarm.set(ticks());
        }
    }

    /// Lets port `from` send. Whether it had something.
    fn turn(&mut self, from: usize, now: u64) -> bool {
        let mut frame = [0; MOST_FRAME];
        let mut taken = 0;
        while taken < TURN
            && let Some(port) = self.ports.get_mut(from)
            && let Some(length) = port.cable.receive(&mut frame)
        {
            taken += 1;
            let frame = frame.get(..length).unwrap_or_default();
            let route = self.switch.route(from, frame, now);
            match route {
                Ok(_) => port.received += 1,
                Err(_) => port.refused += 1,
            }
            for (index, port) in self.ports.iter_mut().enumerate() {
                let is_for = route == Ok(Route::To(index)) || route == Ok(Route::All);
                if is_for && index != from {
                    port.send(from, frame);
                }
            }
        }
        if let Some(port) = self.ports.get_mut(from) {
            port.is_to_ring |= taken > 0 && port.cable.is_waited_for();
        }
        taken > 0
    }

    /// The port of the client with this identifier.
    pub fn of(&self, client: u64) -> Option<usize> {
        self.ports.iter().position(|port| port.line.client() == client)
    }

    /// How port `index` is.
    pub fn status(&self, index: usize) -> Option<SwitchPort> {
        let Port { client, received, sent, refused, dropped, .. } = self.ports.get(index)?;
        Some(SwitchPort {
            client: client.clone(),
            address: Address::of_port(index).number(),
            received: *received,
            sent: *sent,
            refused: *refused,
            dropped: *dropped,
        })
    }
}

impl Port {
    /// A frame of port `from` goes out here, if there is room for it. Nothing goes to who was never there.
    fn send(&mut self, from: usize, frame: &[u8]) {
        if !self.cable.is_plugged() {
            return;
        }
        let admitted = self.queue.admits(from, self.cable.room());
        if admitted && self.cable.send(frame) {
            self.queue.add(from);
            self.sent += 1;
            self.is_to_ring = true;
        } else {
            self.dropped += 1;
        }
    }
}
