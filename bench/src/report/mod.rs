//! What a person reads of a run: first as data, then in one format each. Formats do not know one
//! another, nor files, nor how the figures were come by.

mod axes;
pub mod charts;
pub mod figures;
pub mod markdown;
pub mod model;
pub mod page;
mod scale;
pub mod terminal;
