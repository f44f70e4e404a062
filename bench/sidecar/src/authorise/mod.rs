//! Which requests a proxy lets through: resources become rules, and rules a check that is made for
//! every request without allocation. Shares no code with the reference in `policy::decide`, against
//! which a test holds it.

mod check;
mod cilium;
mod in_force;
mod istio;
mod path;
mod refusal;
mod rules;

pub use check::{Answer, Caller, Check, Facts};
pub use cilium::of_cilium;
pub(crate) use in_force::InForce;
pub use istio::of_istio;
pub use refusal::NotEnforced;
pub use rules::{Like, Part, Pattern, Rule, Rules, Test};
