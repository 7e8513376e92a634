//! pollable-map 0.2 for crates that ask for 0.1, whose maps take a key that was removed for one
//! that is still there.

pub use released::*;
