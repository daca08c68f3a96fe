//! What the two programs of the bench have in common: how a path is measured, and what they tell
//! each other.
#![no_std]

pub mod machine;
pub mod measure;
pub mod parts;
pub mod roles;
pub mod spin;
