//! Channels: memory that a client and a server share, made once, whoever of them lives.

use koito::Channel;
use koito::conventions::signal;
use koito_manifest::{MOST_CHANNELS, MOST_COMPONENTS, Manifest, Vec};
use nun::channel::GONE_OFFSET;
use nun::{Error, Frame, NotificationPort, Resources};

use crate::events::Events;
use crate::part::{End, Part, sender};

/// Most channels of a system.
const MOST: usize = MOST_COMPONENTS * 2;

/// A channel.
struct Link {
    client: usize,
    server: usize,
    frame: Frame,
    memory_bits: u8,
    /// The service.
    to: &'static str,
    /// Rings at the server's end.
    to_server: NotificationPort,
    /// Rings at the client's end.
    to_client: NotificationPort,
}

/// All channels of a system.
#[derive(Default)]
pub struct Links(Vec<Link, MOST>);

impl Links {
    /// Makes those that `manifest` describes between `parts`.
    pub fn new(
        resources: &mut Resources,
        events: &mut Events,
        manifest: &Manifest<'static>,
        parts: &[Part],
    ) -> Result<Self, Error> {
        let mut links = Self(Vec::new());
        // Channels of the same component have numbers in their order here.
        let mut used = [0; MOST_COMPONENTS];
        for (client, channel, server) in manifest.channels() {
            let Ok(frame) = resources.make(channel.memory_bits) else {
                let name = parts[client].component.name;
                events.say(format_args!("there is no memory for a channel of {name}"));
                continue;
            };
            let mut bell = |component: usize| {
                let index = used[component];
                used[component] += 1;
                parts[component].make_bell(resources, signal::channel(index))
            };
            let (to_client, to_server) = (bell(client)?, bell(server)?);
            let to = parts[server].component.offers.unwrap_or_default();
            let memory_bits = channel.memory_bits;
            let link = Link { client, server, frame, memory_bits, to, to_server, to_client };
            links.0.push(link).map_err(|_| nun::EXHAUSTED)?;
        }
        Ok(links)
    }

    /// The ends of component `index`.
    pub fn ends(&self, index: usize) -> Vec<End, MOST_CHANNELS> {
        let end = |link: &Link| {
            let (bell, to, from) = if link.client == index {
                (link.to_server, Some(link.to.chars().collect()), None)
            } else if link.server == index {
                (link.to_client, None, Some(sender::join(link.client, 0)))
            } else {
                return None;
            };
            let channel = Channel { to, from, memory_bits: link.memory_bits };
            Some(End { frame: link.frame, bell, channel })
        };
        self.0.iter().filter_map(end).collect()
    }

    /// Tells the clients of component `index` whether there will be a server.
    pub fn tell_clients(
        &self,
        resources: &mut Resources,
        index: usize,
        gone: bool,
    ) -> Result<(), Error> {
        for link in self.0.iter().filter(|link| link.server == index) {
            resources.with_mapped(link.frame, |memory| memory.write(GONE_OFFSET, gone.into()))?;
            link.to_client.notify()?;
        }
        Ok(())
    }
}
