//! The devices of a guest that are served on the spot: its second console, its random numbers, its network
//! card.

use core::iter;

use amateras_devices::virtio::{Console, Entropy, Kind};
use koito::SupervisorAlarm;
use koito::services::TEXT_BYTES;
use nun::executor::Alarm;
use nun::heapless::Deque;
use nun::ticks;

use crate::desk::{State, TYPED};

/// Requests that are served at once. A queue holds fewer; who makes more meanwhile waits for the next turn.
const MOST_REQUESTS: usize = 512;
/// Most random bytes of an answer.
pub const MOST_RANDOM: usize = 64;
/// Most bytes that are typed at once.
const MOST_TYPED: usize = 64;

impl State<'_> {
    /// Serves what drivers of the guest's notified of.
    pub fn serve_devices(&mut self) {
        let mut served = 0;
        while served < MOST_REQUESTS && (self.serve_console() || self.serve_entropy()) {
            served += 1;
        }
        let is_more = self.serve_network() || served == MOST_REQUESTS;
        if is_more && let Some(now) = self.vm.take_alarm_at(ticks()) {
            SupervisorAlarm.set(now);
        }
        if let Some((kind, how)) = self.vm.take_complaint() {
            self.log.line(format_args!("the guest's driver of {kind}: {how}"));
        }
    }

    /// Types as much as the guest's second console takes.
    pub fn feed_console(&mut self) {
        let mut bytes = [0; MOST_TYPED];
        loop {
            let ready = front(&self.typed, &mut bytes);
            let taken = self.vm.with_device(Kind::Console, |transport, memory| {
                Console::input(transport, memory, ready)
            });
            let Some(taken @ 1..) = taken else { return };
            for _ in 0..taken {
                self.typed.pop_front();
            }
        }
    }

    /// Shows a piece of what the guest wrote to its second console. Whether there was one.
    fn serve_console(&mut self) -> bool {
        let mut bytes = [0; 4096];
        let written = self.vm.with_device(Kind::Console, |transport, memory| {
            Console::output(transport, memory, &mut bytes)
        });
        let Some(Some(count)) = written else { return false };
        for text in bytes.get(..count).unwrap_or_default().chunks(TEXT_BYTES) {
            self.put(text);
        }
        true
    }

    /// Moves frames. Whether there may be more.
    fn serve_network(&mut self) -> bool {
        let Some(network) = &mut self.network else { return false };
        let served = self
            .vm
            .with_device(Kind::Network, |transport, memory| network.serve(transport, memory));
        served == Some(true)
    }

    /// Answers a request for random numbers. Whether there was one. Where KOITO has none, the guest gets
    /// none.
    fn serve_entropy(&mut self) -> bool {
        let stock = &mut self.random;
        let served = self.vm.with_device(Kind::Entropy, |transport, memory| {
            Entropy::serve::<MOST_RANDOM>(transport, memory, |bytes| {
                let mut filled = 0;
                for (to, byte) in bytes.iter_mut().zip(iter::from_fn(|| stock.pop())) {
                    *to = byte;
                    filled += 1;
                }
                filled
            })
        });
        self.stock_up();
        served == Some(true)
    }

    /// Has random numbers ready, as nobody can be asked while the devices are locked.
    pub fn stock_up(&mut self) {
        while self.random.capacity() - self.random.len() >= size_of::<[u64; 4]>()
            && let Ok((a, b, c, d)) = self.entropy.random()
        {
            self.random.extend([a, b, c, d].map(u64::to_le_bytes).into_iter().flatten());
        }
    }
}

/// Copies the first of what was typed.
fn front<'b>(typed: &Deque<u8, TYPED>, bytes: &'b mut [u8]) -> &'b [u8] {
    let mut count = 0;
    for (to, byte) in bytes.iter_mut().zip(typed) {
        *to = *byte;
        count += 1;
    }
    bytes.get(..count).unwrap_or_default()
}
