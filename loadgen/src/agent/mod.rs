//! A generator that is made of several processes, on this machine or on others. One trial is dealt
//! over N agents; each sends its share with the same engine, from one agreed instant, and brings
//! back what it recorded, which the coordinator adds up without loss.
//!
//! ```text
//! coordinator (bench::Generator)                        agent (`loadgen agent`)
//!   fleet ─► channel ══ TLS, both sides prove who they are ══ channel ─► session ─► engine
//!   hello ────────────────────────────────────────────► versions agree?
//!   trial (order: load, endpoint, share) ─────────────► limits ─► connections are opened
//!                                          ◄──────────── ready
//!   clock × 24  (offset ± half a round trip) ◄────────► its clock
//!   start (an instant of its clock) ──────────────────► started
//!                                          ◄──────────── record (full histograms)
//! ```
//!
//! Instead of a trial, questions may be put to an agent, each of which it asks once from where it
//! stands ([`asker`]): so a posture is proven from more than one place.
//!
//! A message is a JSON document on a line of its own, read strictly and limited in length
//! ([`message`]). A connection is for one trial: nobody waits for a peer that is gone. Must not know
//! scenarios, testbeds and variants beyond their names.

pub mod asker;
pub mod channel;
pub mod coordinator;
pub mod credentials;
pub mod elsewhere;
pub mod fleet;
pub mod limits;
pub mod message;
pub mod offset;
pub mod session;
