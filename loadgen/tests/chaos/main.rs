//! The engine against peers that misbehave, over real sockets: whatever they do, every planned
//! request is accounted for by the right name, the others are unharmed, and the loop ends. No test
//! here asks how long anything took.

#![expect(clippy::panic, reason = "a test says what it waited for")]

mod http1;
mod http2;
mod restart;
mod rig;
mod routes;
mod tls;
