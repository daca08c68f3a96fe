//! Process Control Blocks.

use core::cell::Cell;

use a9n_hal::{CpuNumber, PhysicalAddress, Ticks, Trap};

use crate::{Dying, Node, Notification, Phase, Port, Ref, Slot, State};

/// Names a process in a [`Ref`]; its layout, [`Pcb`], depends on the machine's context.
#[derive(Debug)]
pub enum Process {}

/// Slots inside a PCB. They hold copies of what the process was configured with, so that revoking
/// one of those also takes it away from the process.
#[repr(usize)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Internal {
    /// Its address space.
    AddressSpace = 0,
    /// Its root node.
    Node = 1,
    /// The frame of its IPC buffer.
    Buffer = 2,
    /// The port to which its traps go.
    Resolver = 3,
    /// The Notification Port that wakes its `receive`.
    Notification = 4,
    /// Its extended state.
    VectorState = 5,
    /// The virtual CPU that it runs. Its address space is a guest's then.
    VirtualCpu = 6,
}

impl Internal {
    /// All of them, in order of number.
    pub const ALL: [Self; 7] = [
        Self::AddressSpace,
        Self::Node,
        Self::Buffer,
        Self::Resolver,
        Self::Notification,
        Self::VectorState,
        Self::VirtualCpu,
    ];

    /// The one with this number.
    pub fn from_number(number: u64) -> Option<Self> {
        Self::ALL.into_iter().find(|internal| *internal as u64 == number)
    }
}

/// The right to use a CPU: how urgently and for how long. It is at one place at a time, on a CPU
/// or in a PCB, and travels with calls.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct SchedulingContext {
    /// 0 (least) to 255 (most urgent).
    pub priority: u8,
    /// What is left of its quantum.
    pub remaining: Ticks,
}

/// A process. The context comes first, so the machine finds it at the PCB's own address.
#[repr(C, align(64))]
#[derive(Debug)]
pub struct Pcb<C> {
    /// Registers.
    pub context: C,
    /// What it is doing.
    pub state: Cell<State>,
    /// Mask of its root node's indices as the fast paths see it; 0 makes every kernel call take
    /// the general path.
    pub fast_mask: Cell<u64>,
    /// Where the fast paths see the slots of its root node: at the header of that. If both masks are 0 this may
    /// be its own first slot, which holds its address space and so nothing that a fast path looks for.
    pub fast_slots: Cell<Ref<Slot>>,
    /// Whose call it is serving *on that caller's scheduling context*: the Reply in this PCB.
    pub caller: Cell<Option<Ref<Process>>>,
    /// Whose scheduling context it is using while the Reply to that call lies in a slot. At most
    /// one of `caller` and `donor` is set.
    pub donor: Cell<Option<Ref<Process>>>,
    /// While it awaits a reply: who uses its scheduling context; for a Reply in a PCB, whose.
    pub partner: Cell<Option<Ref<Process>>>,
    /// While it awaits a stored reply: the slot that holds it.
    pub reply_slot: Cell<Option<Ref<Slot>>>,
    /// The page of its IPC buffer, 0 if it has none.
    pub buffer: Cell<PhysicalAddress>,
    /// Next in the queue that it is in.
    pub link_next: Cell<Option<Ref<Process>>>,
    /// Previous in the queue that it is in.
    pub link_previous: Cell<Option<Ref<Process>>>,
    /// While it is queued at a port: that port.
    pub blocked_port: Cell<Option<Ref<Port>>>,
    /// While it waits at a Notification Port: that one.
    pub blocked_notification: Cell<Option<Ref<Notification>>>,
    /// While it waits to receive: slot of its root node for the next Reply, 0 for none.
    pub reply_index: Cell<u64>,
    /// While it is queued with a message: identifier of the capability it was sent through.
    pub identifier: Cell<u64>,
    /// Its scheduling context, unless that is on a CPU or lent.
    pub scheduling: Cell<SchedulingContext>,
    /// Its root node.
    pub node: Cell<Option<Ref<Node>>>,
    /// What `fast_mask` would be if it had no vector state.
    pub vector_mask: Cell<u64>,
    /// Its own priority, as configured.
    pub priority: Cell<u8>,
    /// How long it runs before others of its priority have their turn.
    pub turn: Cell<Ticks>,
    /// The CPU that it is to run on; where it is at the moment stands in its state.
    pub affinity: Cell<CpuNumber>,
    /// Highest priority in PCB capabilities that it makes.
    pub ceiling: Cell<u8>,
    /// What stopped it, if its state says so.
    pub trap: Cell<Option<Trap>>,
    /// How far a batched mapping call that it has to repeat has come: runs, and pages of the next.
    pub batch: Cell<(u32, u32)>,
    /// CPU time used, in ticks, up to the last scheduling decision.
    pub time: Cell<Ticks>,
    /// Messages sent, but for calls and `reply_receive`s on their fast paths.
    pub messages: Cell<u64>,
    /// Next object to be destroyed, while this one is.
    pub dying_next: Cell<Option<Dying>>,
    /// Capabilities that it was configured with, by [`Internal`].
    pub slots: [Slot; Internal::ALL.len()],
}

impl<C> Pcb<C> {
    /// A stopped process with nothing, whose own slots begin at `slots`.
    pub fn new(context: C, slots: Ref<Slot>) -> Self {
        Self {
            context,
            state: Cell::new(State::new(Phase::Stopped, 0)),
            fast_mask: Cell::new(0),
            fast_slots: Cell::new(slots),
            caller: Cell::new(None),
            donor: Cell::new(None),
            partner: Cell::new(None),
            reply_slot: Cell::new(None),
            buffer: Cell::default(),
            link_next: Cell::new(None),
            link_previous: Cell::new(None),
            blocked_port: Cell::new(None),
            blocked_notification: Cell::new(None),
            reply_index: Cell::new(0),
            identifier: Cell::new(0),
            scheduling: Cell::default(),
            node: Cell::new(None),
            vector_mask: Cell::new(0),
            priority: Cell::new(0),
            turn: Cell::new(0),
            affinity: Cell::new(0),
            ceiling: Cell::new(0),
            trap: Cell::new(None),
            batch: Cell::new((0, 0)),
            time: Cell::new(0),
            messages: Cell::new(0),
            dying_next: Cell::new(None),
            slots: core::array::from_fn(|_| Slot::default()),
        }
    }

    /// One message more was sent.
    #[inline(always)]
    pub fn count_message(&self) {
        self.messages.set(self.messages.get().wrapping_add(1));
    }
}
