//! Virtio devices on their bus, seen from a guest.

mod block;
mod machine;
mod pci;
mod queue;
