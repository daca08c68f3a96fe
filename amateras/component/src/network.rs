//! The guest's network card: a port of KOITO's switch.
//!
//! Frames go between the guest's queues and the memory that is shared with the switch. What the switch has no
//! room for stays with the guest, and what the guest has no room for with the switch, which drops what comes
//! behind it. A switch that dies is no failure: frames wait for its next instance. One that is stopped is a
//! cable without an end, which the guest is told.

use amateras_devices::GuestMemory;
use amateras_devices::virtio::{Description, FRAME_BYTES, Link, Network as Card, Transport};
use koito::services::SwitchClient;
use koito::{Environment, Missing};
use koito_ethernet::{Address, Cable, MOST_FRAME, SLOTS, Side};
use nun::channel::ClientEnd;

/// What the service is called.
const SERVICE: &str = "switch";

const _: () = assert!(FRAME_BYTES == MOST_FRAME, "the card sends what a cable carries");

/// A port that is the guest's.
pub struct Network {
    /// The address that it was given.
    pub address: Address,
    cable: Cable,
    line: ClientEnd,
}

impl Network {
    /// The one that the manifest gives, if there is one, and a switch.
    pub fn find(environment: &Environment) -> Result<Option<Self>, Missing> {
        let Ok(port) = environment.service(SERVICE) else { return Ok(None) };
        let Ok(number @ 1..) = SwitchClient::new(port).address() else { return Ok(None) };
        let memory = environment.bulk(|channel| channel.to.as_deref() == Some(SERVICE))?;
        let Some(cable) = Cable::new(memory, Side::Client) else { return Ok(None) };
        let line = environment.channel(SERVICE)?;
        Ok(Some(Self { address: Address::from_number(number), cable, line }))
    }

    /// What the guest sees of it.
    pub fn description(&self) -> Description {
        Card::description(self.address.0, self.link())
    }

    /// Moves what there is to move, as many frames as a cable carries in each direction. Whether there may be
    /// more.
    pub fn serve(&mut self, transport: &mut Transport, memory: &mut dyn GuestMemory) -> bool {
        Card::set_link(transport, self.link());
        self.send(transport, memory) | self.receive(transport, memory)
    }

    fn send(&mut self, transport: &mut Transport, memory: &mut dyn GuestMemory) -> bool {
        let mut frame = [0; MOST_FRAME];
        let mut sent = 0;
        while sent < SLOTS
            && (self.cable.room() > 0 || self.cable.wait_for_room())
            && let Some(length) = Card::take(transport, memory, &mut frame)
        {
            // What is no frame was for nobody.
            self.cable.send(frame.get(..length).unwrap_or_default());
            sent += 1;
        }
        if sent > 0 {
            self.line.ring();
        }
        sent == SLOTS
    }

    fn receive(&mut self, transport: &mut Transport, memory: &mut dyn GuestMemory) -> bool {
        Card::heed(transport);
        let mut received = 0;
        while received < SLOTS
            && self.cable.has_frame()
            && Card::give(transport, memory, |frame| self.cable.receive(frame).unwrap_or(0))
        {
            received += 1;
        }
        received == SLOTS
    }

    fn link(&self) -> Link {
        if self.line.is_gone() { Link::Down } else { Link::Up }
    }
}
