//! HTTP/1.1 on the measured path: requests as bytes, and an incremental reader of answers that
//! keeps no body. Knows no socket and no time.

pub mod answer;
pub mod request;

pub use answer::{Answer, AnswerReader, KnownHead, LONGEST_HEAD, Malformed};
pub use request::RequestWriter;

#[cfg(test)]
mod tests;
