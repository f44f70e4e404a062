//! The rules that a listener's next connection meets, which can be replaced while it is served. Knows
//! no connection.

use std::sync::{Arc, PoisonError, RwLock};

use super::check::Check;
use super::rules::Rules;

/// Rules that are in force until others are; none where all is let through.
#[derive(Debug, Default)]
pub(crate) struct InForce(RwLock<Option<Arc<Check>>>);

impl InForce {
    /// Makes them ready. The error names the pattern that is none.
    pub(crate) fn new(rules: Option<&Rules>) -> Result<Self, String> {
        let in_force = Self::default();
        in_force.set(rules)?;
        Ok(in_force)
    }

    /// Puts these in the place of those that there are.
    pub(crate) fn set(&self, rules: Option<&Rules>) -> Result<(), String> {
        let check = rules.map(Check::new).transpose()?.map(Arc::new);
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = check;
        Ok(())
    }

    /// What a connection that begins now is asked by, to its end.
    pub(crate) fn check(&self) -> Option<Arc<Check>> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
