//! A condition of RBAC before it is known on which side it stands. Envoy writes the same logic with
//! other words for what is asked (permissions) and who asks (principals); here it is one thing.
//! Knows no policy.

use serde_json::{Value, json};

/// A condition.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Expression {
    /// Always true.
    Any,
    /// True when all are.
    All(Vec<Self>),
    /// True when one is.
    One(Vec<Self>),
    /// True when that is not.
    Not(Box<Self>),
    /// A matcher, as Envoy has it on that side.
    Matcher(Value),
}

/// The two sides of a policy of RBAC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    /// What is asked.
    Permission,
    /// Who asks.
    Principal,
}

impl Expression {
    pub(super) fn not(self) -> Self {
        Self::Not(Box::new(self))
    }

    /// Never true.
    pub(super) fn never() -> Self {
        Self::Any.not()
    }

    pub(super) fn render(&self, side: Side) -> Value {
        let (all, one, not, list) = match side {
            Side::Permission => ("and_rules", "or_rules", "not_rule", "rules"),
            Side::Principal => ("and_ids", "or_ids", "not_id", "ids"),
        };
        let each =
            |parts: &[Self]| -> Vec<Value> { parts.iter().map(|part| part.render(side)).collect() };
        match self {
            Self::Any => json!({ "any": true }),
            // Envoy refuses an empty list.
            Self::All(parts) if parts.is_empty() => Self::Any.render(side),
            Self::One(parts) if parts.is_empty() => Self::never().render(side),
            Self::All(parts) => json!({ all: { list: each(parts) } }),
            Self::One(parts) => json!({ one: { list: each(parts) } }),
            Self::Not(part) => json!({ not: part.render(side) }),
            Self::Matcher(matcher) => matcher.clone(),
        }
    }
}

/// A policy of RBAC: one of the permissions and one of the principals must be true.
pub(super) fn policy(permissions: &[Expression], principals: &[Expression]) -> Value {
    let render = |parts: &[Expression], side| -> Vec<Value> {
        parts.iter().map(|part| part.render(side)).collect()
    };
    json!({
        "permissions": render(permissions, Side::Permission),
        "principals": render(principals, Side::Principal),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_sides_say_the_same_in_their_own_words() {
        let matcher = Expression::Matcher(json!({ "header": { "name": "x" } }));
        let all = Expression::All(vec![matcher, Expression::One(vec![Expression::never()])]);
        let header = json!({ "header": { "name": "x" } });
        assert_eq!(
            all.render(Side::Permission),
            json!({ "and_rules": { "rules": [
                header, { "or_rules": { "rules": [{ "not_rule": { "any": true } }] } },
            ] } })
        );
        assert_eq!(
            all.render(Side::Principal),
            json!({ "and_ids": { "ids": [
                header, { "or_ids": { "ids": [{ "not_id": { "any": true } }] } },
            ] } })
        );
    }

    #[test]
    fn of_no_conditions_all_hold_and_none_does() {
        let any = json!({ "any": true });
        assert_eq!(Expression::All(Vec::new()).render(Side::Principal), any);
        assert_eq!(Expression::One(Vec::new()).render(Side::Principal), json!({ "not_id": any }));
    }
}
