//! Requests on their way: handed in, and picked up by whoever made them.

use core::cell::RefCell;

use koito::services::DiskError;
use nun::executor::until;
use nun::service::Vec;
use nun_driver::DmaBuffer;
use nun_driver::virtio::virtio_drivers::Error;
use nun_driver::virtio::{BlockDevice, Completion, Request, Ticket};

/// Most requests that somebody waits for.
const MOST: usize = 16;

/// The disk, and who waits for what.
pub struct Desk(RefCell<State>);

struct State {
    disk: BlockDevice,
    /// What the disk has, with the order that it belongs to. Tickets are used again, orders are not.
    under_way: Vec<(Ticket, u64), MOST>,
    done: Vec<(u64, Completion), MOST>,
    next: u64,
}

/// A request that somebody waits for. Who does not wait any more needs no answer.
struct Order<'a> {
    desk: &'a Desk,
    number: u64,
}

impl Desk {
    /// For `disk`.
    pub const fn new(disk: BlockDevice) -> Self {
        Self(RefCell::new(State { disk, under_way: Vec::new(), done: Vec::new(), next: 0 }))
    }

    /// Notes what the disk has done.
    pub fn attend(&self) {
        let state = &mut *self.0.borrow_mut();
        // A device that answers what it was not asked is reset, by a new instance.
        while let Some(completion) = state.disk.poll().expect("the device keeps to its protocol") {
            let is_it = |(ticket, _): &(Ticket, u64)| *ticket == completion.ticket;
            if let Some(index) = state.under_way.iter().position(is_it) {
                let (_, number) = state.under_way.swap_remove(index);
                // There are no more than can be under way.
                let _ = state.done.push((number, completion));
            }
        }
    }

    /// Carries out a request; the answer is its buffer, if it had one.
    pub async fn carry_out(&self, request: Request) -> Result<Option<DmaBuffer>, DiskError> {
        let mut request = Some(request);
        let order = until(|| self.hand_in(&mut request)).await?;
        let Completion { result, buffer, .. } = until(|| self.pick_up(order.number)).await;
        result.map(|()| buffer).map_err(|_| DiskError::Failed)
    }

    /// Takes the request, unless the disk has too many at the moment.
    fn hand_in(&self, request: &mut Option<Request>) -> Option<Result<Order<'_>, DiskError>> {
        let state = &mut *self.0.borrow_mut();
        if state.under_way.len() + state.done.len() >= MOST {
            return None;
        }
        match state.disk.submit(request.take()?) {
            Ok(ticket) => {
                state.next += 1;
                // There is room, as was just seen.
                let _ = state.under_way.push((ticket, state.next));
                Some(Ok(Order { desk: self, number: state.next }))
            }
            Err((Error::QueueFull, refused)) => {
                *request = Some(refused);
                None
            }
            Err((Error::InvalidParam, _)) => Some(Err(DiskError::OutOfRange)),
            Err(_) => Some(Err(DiskError::Failed)),
        }
    }

    fn pick_up(&self, number: u64) -> Option<Completion> {
        let done = &mut self.0.borrow_mut().done;
        let index = done.iter().position(|(of, _)| *of == number)?;
        Some(done.swap_remove(index).1)
    }
}

impl Drop for Order<'_> {
    fn drop(&mut self) {
        let state = &mut *self.desk.0.borrow_mut();
        state.under_way.retain(|(_, number)| *number != self.number);
        state.done.retain(|(number, _)| *number != self.number);
    }
}
