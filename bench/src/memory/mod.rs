//! Memory of sidecars, state by state: what was read, and what it comes to. Knows rows of figures; reads
//! no process, and renders nothing.

mod analysis;
mod claims;
mod record;

pub use analysis::{Step, conclude, steps};
pub(crate) use claims::beside;
pub use record::{
    Held, Looks, Measure, MemoryDifference, MemoryKind, MemoryLevel, MemoryMarginRecord,
    MemoryReading, MemoryRecord, MemoryVerdict, StateRecord,
};
