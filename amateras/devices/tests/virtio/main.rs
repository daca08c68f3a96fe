//! Virtio devices on their bus, seen from a guest.

mod block;
mod machine;
mod network;
mod pci;
mod queue;
