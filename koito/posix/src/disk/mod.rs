//! The file server: requests on their way to it, many at a time, so that nobody waits but who asked.
//!
//! Requests go through the ring of a channel in the order in which they were made, and the file server takes
//! and answers them in that order: so what the VFS learns of is always what happened. The names of a directory
//! change by one request at a time, since each was checked against what was known before it.

mod order;

use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::vec;
use alloc::vec::Vec;
use core::pin::Pin;
use core::task::{Context, Poll, Waker};

use koito::services::{ErrorNumber, FilesAsync, FilesClient};
use koito::{Environment, Missing};
use koito_linux::Errno;
use koito_vfs::{Ask, Attributes, Finished, Request, Vfs};
use nun::channel::ClientEnd;
use nun::mapped::Mapped;
use nun::service::{CallError, Epoch, Failure};

use self::order::{Done, Place};
use crate::machine::Memory;
use crate::server::TaskKey;

/// Requests on their way at a time, if the channel has the memory: no more than its ring has room for.
const MOST_UNDER_WAY: usize = 14;
/// Of these, how many may be such that nobody waits for.
const MOST_BEHIND: usize = MOST_UNDER_WAY / 2;

/// What came of a request: an error is the result of the operation.
pub type Served = Result<Finished, Errno>;

/// Which request it is.
pub type Ticket = u64;

/// In whose name something is done that may have to wait for the file server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Acting {
    /// Of nobody who could be stopped, or of one whose call cannot be made again: the server itself waits.
    Nobody,
    /// A thread, whose call has changed nothing yet.
    Thread(TaskKey),
    /// It waits for this request.
    Awaiting(Ticket),
}

/// Who wants to know what comes of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Asker {
    Nobody,
    Server,
    Thread(TaskKey),
}

/// The answer to a request of a thread.
pub struct Answered {
    /// Which request it was.
    pub ticket: Ticket,
    /// Who asked.
    pub task: TaskKey,
    /// What came of it.
    pub served: Served,
}

/// A request that was made.
struct Made {
    ticket: Ticket,
    asker: Asker,
    request: Request,
}

/// A request on its way.
struct UnderWay {
    made: Made,
    place: Place,
    /// The instance of the file server that it was sent to, 0 if none was known.
    epoch: Epoch,
    answer: Pin<Box<dyn Future<Output = Came> + Send>>,
    /// The answer, if it came before those to earlier requests were seen.
    came: Option<Came>,
}

type Came = Result<Done, Failure<ErrorNumber>>;

impl UnderWay {
    /// Sees whether its answer is there.
    fn look(&mut self) -> bool {
        if self.came.is_none() {
            let mut context = Context::from_waker(Waker::noop());
            if let Poll::Ready(came) = self.answer.as_mut().poll(&mut context) {
                self.came = Some(came);
            }
        }
        self.came.is_some()
    }
}

/// The file server.
pub struct Disk {
    client: FilesClient,
    end: &'static ClientEnd,
    /// Parts of the shared memory that no request uses.
    free: Vec<Place>,
    made: VecDeque<Made>,
    under_way: VecDeque<UnderWay>,
    answered: VecDeque<Answered>,
    next_ticket: Ticket,
    /// The request that changes names.
    naming: Option<Ticket>,
    /// Threads that want to change names next.
    next_naming: VecDeque<(Ticket, TaskKey)>,
    /// The instance that holds our nodes.
    epoch: Epoch,
    /// The instance that took what was not synced yet.
    unsynced: Option<Epoch>,
    /// Everything is to be written back, and to last.
    flushing: bool,
    bytes: Vec<u8>,
}

impl Disk {
    /// What the manifest gives; answers the root as well, if there is a disk.
    pub fn open(environment: &Environment) -> Result<(Self, Option<(u32, Attributes)>), Missing> {
        let client = FilesClient::new(environment.service("files")?);
        let end = Box::leak(Box::new(environment.channel("files")?));
        let shared = environment.bulk(|channel| channel.to.as_deref() == Some("files"))?;
        let root = client.begin().ok().map(|it| (it.node, order::attributes(&it.status)));
        let epoch = client.session().epoch();
        let disk = Self {
            client,
            end,
            free: places(shared),
            made: VecDeque::new(),
            under_way: VecDeque::new(),
            answered: VecDeque::new(),
            next_ticket: 0,
            naming: None,
            next_naming: VecDeque::new(),
            epoch,
            unsynced: None,
            flushing: false,
            bytes: vec![0; order::MOST_BYTES],
        };
        Ok((disk, root))
    }

    /// Has a request carried out for who is `acting`. Nothing, if that is a thread that has to wait for it: it
    /// is awaiting then.
    pub fn ask(
        &mut self,
        vfs: &mut Vfs<Memory>,
        request: Request,
        acting: &mut Acting,
    ) -> Result<Option<Finished>, Errno> {
        let Acting::Thread(task) = *acting else {
            return self.ask_and_wait(vfs, request).map(Some);
        };
        let ticket = self.ticket();
        if changes_names(&request.ask) {
            if self.naming.is_some() {
                vfs.withdraw(&request);
                self.next_naming.push_back((ticket, task));
                *acting = Acting::Awaiting(ticket);
                return Ok(None);
            }
            self.naming = Some(ticket);
        }
        let is_alone = self.made.is_empty() && self.under_way.is_empty();
        self.made.push_back(Made { ticket, asker: Asker::Thread(task), request });
        if is_alone {
            // Often it is answered at once: the file server is more urgent.
            self.advance(vfs);
        } else {
            // The answers to others may change what the call has found already.
            self.send(vfs);
        }
        match self.answered.pop_back_if(|it| it.ticket == ticket) {
            Some(answered) => answered.served.map(Some),
            None => {
                *acting = Acting::Awaiting(ticket);
                Ok(None)
            }
        }
    }

    /// Carries a request out before anything else is done.
    fn ask_and_wait(&mut self, vfs: &mut Vfs<Memory>, request: Request) -> Served {
        let ticket = self.ticket();
        self.made.push_back(Made { ticket, asker: Asker::Server, request });
        loop {
            if let Some(served) = self.advance(vfs) {
                return served;
            }
            // The file server hears bells before calls: when it answers this, it has answered those before.
            let _ = self.client.node_space();
        }
    }

    /// Sees what was answered, and sends what can be sent. Answers what came of the server's own request.
    pub fn advance(&mut self, vfs: &mut Vfs<Memory>) -> Option<Served> {
        let mut own = None;
        loop {
            self.send(vfs);
            let Some(first) = self.under_way.pop_front_if(UnderWay::look) else { break };
            let UnderWay { made, place, epoch, came, .. } = first;
            let came = came.unwrap_or(Err(Failure::Call(CallError::Gone)));
            let served = self.finish(vfs, &made.request, (&place, epoch), came);
            self.free.push(place);
            if self.naming == Some(made.ticket) {
                self.naming = None;
            }
            match made.asker {
                Asker::Thread(task) => {
                    self.answered.push_back(Answered { ticket: made.ticket, task, served });
                }
                Asker::Server => own = Some(served),
                Asker::Nobody => give_back(vfs, served),
            }
        }
        own
    }

    /// Sends what can be sent.
    fn send(&mut self, vfs: &Vfs<Memory>) {
        while self.send_next(vfs) {}
    }

    /// Takes the answer to a request apart, and hands it to the VFS.
    fn finish(
        &mut self,
        vfs: &mut Vfs<Memory>,
        request: &Request,
        (place, sent_to): (&Place, Epoch),
        came: Came,
    ) -> Served {
        let epoch = self.end.epoch();
        if came.is_ok() && changes(&request.ask) {
            // One that is not known refused it.
            self.unsynced.get_or_insert(if sent_to == 0 { epoch } else { sent_to });
        }
        let mut bytes = core::mem::take(&mut self.bytes);
        let reply = place.reply(&request.ask, came, &mut bytes);
        let served = vfs.answer(request, reply);
        self.bytes = bytes;
        if epoch != 0 && core::mem::replace(&mut self.epoch, epoch) != epoch {
            for (node, holds) in vfs.held() {
                // One that is gone is an error to whoever uses it.
                let _ = self.client.hold_again(node, holds);
            }
        }
        served
    }

    /// Sends the next request, if there is room. An instance of the file server that begins gets what the last
    /// one had not done first.
    fn send_next(&mut self, vfs: &Vfs<Memory>) -> bool {
        let epoch = self.end.epoch();
        if self.under_way.front().is_some_and(|first| first.epoch != epoch) {
            return false;
        }
        let Some(place) = (if self.made.is_empty() { None } else { self.free.pop() }) else {
            return false;
        };
        let Some(made) = self.made.pop_front() else { return false };
        let since = match made.request.ask {
            Ask::Sync => self.unsynced.take().unwrap_or(self.epoch),
            _ => epoch,
        };
        let order = place.order(vfs, &made.request, since, &mut self.bytes);
        let answer = Box::pin(order.carry_out(FilesAsync::new(self.end)));
        let mut sent = UnderWay { made, place, epoch, answer, came: None };
        // Now it is sent. Who is more urgent may have answered already.
        sent.look();
        self.under_way.push_back(sent);
        true
    }

    /// The next answer that a thread waits for.
    pub fn next_answer(&mut self) -> Option<Answered> {
        self.answered.pop_front()
    }

    /// Whether nothing is to be asked, and nothing to be heard.
    #[inline]
    pub fn is_idle(&self) -> bool {
        self.made.is_empty()
            && self.under_way.is_empty()
            && self.answered.is_empty()
            && self.next_naming.is_empty()
            && !self.flushing
    }

    /// The next thread that may change names: it tries again.
    pub fn next_turn(&mut self) -> Option<Answered> {
        if self.naming.is_some() {
            return None;
        }
        let (ticket, task) = self.next_naming.pop_front()?;
        Some(Answered { ticket, task, served: Ok(Finished::Again) })
    }

    /// Sends what nobody waits for, as far as others do not have to wait for that.
    pub fn send_behind(&mut self, vfs: &mut Vfs<Memory>) {
        while self.made.is_empty() && self.under_way.len() < MOST_BEHIND {
            let request = match vfs.background() {
                None if self.flushing => match vfs.write_back() {
                    None if !vfs.is_dirty() => {
                        self.flushing = false;
                        vfs.sync_request()
                    }
                    step => step,
                },
                request => request,
            };
            let Some(request) = request else { return };
            let ticket = self.ticket();
            self.made.push_back(Made { ticket, asker: Asker::Nobody, request });
            self.send(vfs);
        }
    }

    /// Waits until the file server has answered everything.
    pub fn catch_up(&mut self, vfs: &mut Vfs<Memory>) {
        self.advance(vfs);
        while !self.made.is_empty() || !self.under_way.is_empty() {
            // It hears bells before calls.
            let _ = self.client.node_space();
            self.advance(vfs);
        }
    }

    /// Has something written back now, whoever has to wait; answers whether there was anything.
    pub fn write_some(&mut self, vfs: &mut Vfs<Memory>) -> bool {
        match vfs.write_back() {
            Some(request) => self.ask_and_wait(vfs, request).is_ok(),
            None => false,
        }
    }

    /// Has everything written back, and last. Whoever needs to know that it does calls `fsync`.
    pub const fn flush(&mut self) {
        self.flushing = true;
    }

    /// Has everything written back now, and leaves the disk in order, as far as that can be done.
    pub fn leave(&mut self, vfs: &mut Vfs<Memory>) {
        while vfs.is_dirty() {
            // Behind everything that is on its way comes a sync.
            let Some(request) = vfs.write_back().or_else(|| vfs.sync_request()) else { break };
            let _ = self.ask_and_wait(vfs, request);
        }
        // Whoever begins again mends what was not.
        let _ = self.client.leave();
    }

    /// Whether the server was told something that need not last yet.
    pub const fn is_unsynced(&self) -> bool {
        self.unsynced.is_some() && !self.flushing
    }

    const fn ticket(&mut self) -> Ticket {
        self.next_ticket += 1;
        self.next_ticket
    }
}

/// What the server made for somebody who is no more is given back.
pub fn give_back(vfs: &mut Vfs<Memory>, served: Served) {
    if let Ok(Finished::Made(name)) = served {
        vfs.unpin(name);
    }
}

/// The shared memory, in parts.
fn places(shared: Mapped) -> Vec<Place> {
    let count = (shared.bytes() / order::PLACE_BYTES).min(MOST_UNDER_WAY);
    (0..count).map(|index| Place::new(shared, index)).collect()
}

const fn changes_names(ask: &Ask) -> bool {
    matches!(
        ask,
        Ask::Create { .. }
            | Ask::Link { .. }
            | Ask::Remove { .. }
            | Ask::Rename { .. }
            | Ask::SetExtended { .. }
    )
}

/// Whether it changes something that is to be lost with nobody but this instance of the server.
const fn changes(ask: &Ask) -> bool {
    changes_names(ask) || matches!(ask, Ask::Write { .. } | Ask::Change { .. })
}
