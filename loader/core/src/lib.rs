//! Portable half of A9NLoader.
