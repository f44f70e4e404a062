//! Istio's authorization policies as RBAC filters, in the form and the order in which istiod writes
//! them for a sidecar: DENY before ALLOW, dry-run policies as shadow rules, one policy of RBAC for
//! each rule. Knows no listener.
//!
//! Principals are held against the certificate itself (`authenticated`). Newer releases of Istio
//! hold them against what a filter of their own has copied from it, which stock Envoy lacks.

mod rule;

use policy::Workload;
use policy::authorization::{Action, AuthorizationPolicy};
use serde_json::{Map, Value, json};

use super::expression::{self, Expression};
use super::untranslated::{Note, Object, Remarks, Untranslated};

/// What is spoken on a port, which decides what a policy can ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    /// HTTP of any version.
    Http,
    /// Anything else. As in Istio, an ALLOW rule that asks for HTTP then allows nothing, and a DENY
    /// rule is without what it asks of HTTP and denies more.
    Tcp,
}

/// Which port a policy's `ports` are held against.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Destination {
    /// This one, which is the workload's own. For listeners on some other port: what a policy asks
    /// of ports is settled while it is translated, as Istio does it for its waypoints.
    Settled(u16),
    /// The one that was called: for traffic that is captured on its way to the workload.
    Called,
}

/// Whom policies are translated for.
#[derive(Debug, Clone, Copy)]
pub struct Target<'t> {
    /// The namespace whose policies are mesh-wide.
    pub root_namespace: &'t str,
    /// The server's workload.
    pub workload: &'t Workload,
    /// Its port.
    pub destination: Destination,
    /// What is spoken there.
    pub protocol: Protocol,
}

/// Filters for one listener, in their order.
#[derive(Debug, Clone, PartialEq)]
pub struct AuthorizationFilters {
    pub(super) protocol: Protocol,
    pub(super) filters: Vec<Value>,
    /// Policies that are left out because they decide nothing here.
    pub notes: Vec<Note>,
}

impl AuthorizationFilters {
    /// No filter at all: what a workload has for which there is no policy.
    #[must_use]
    pub fn none(protocol: Protocol) -> Self {
        Self { protocol, filters: Vec::new(), notes: Vec::new() }
    }

    /// Translates the policies that are in force for the target. An error names every field that
    /// can not be told to Envoy.
    pub fn translate(
        policies: &[AuthorizationPolicy],
        target: &Target<'_>,
    ) -> Result<Self, Untranslated> {
        let mut remarks = Remarks::default();
        let (mut deny, mut allow) = (Rules::of(Action::Deny), Rules::of(Action::Allow));
        for policy in policies {
            let object = Object { origin: &policy.origin, title: &policy.title };
            if !policy.is_for(target.root_namespace, target.workload) {
                continue;
            }
            let (action, action_at) = policy.action;
            match action {
                Action::Deny => deny.add(policy, target, &mut remarks),
                Action::Allow => allow.add(policy, target, &mut remarks),
                Action::Audit => {
                    remarks.note(object, "AUDIT decides nothing, and nobody here reads its log");
                }
                Action::Custom => remarks.refuse(
                    object,
                    action_at,
                    "spec.action",
                    "CUSTOM asks a provider, and none is here",
                ),
            }
        }
        let built = [deny, allow].into_iter().filter_map(|rules| rules.filter(target.protocol));
        let (filters, notes) = remarks.finish(built.collect())?;
        Ok(Self { protocol: target.protocol, filters, notes })
    }
}

/// The policies of RBAC that come of one action.
struct Rules {
    action: Action,
    /// `None` until a policy is there: an ALLOW filter without policies denies everything.
    enforced: Option<Map<String, Value>>,
    shadow: Option<Map<String, Value>>,
}

impl Rules {
    fn of(action: Action) -> Self {
        Self { action, enforced: None, shadow: None }
    }

    fn add(&mut self, policy: &AuthorizationPolicy, target: &Target<'_>, remarks: &mut Remarks) {
        let object = Object { origin: &policy.origin, title: &policy.title };
        let into = if policy.dry_run { &mut self.shadow } else { &mut self.enforced };
        let into = into.get_or_insert_default();
        let key =
            |rule: usize| format!("ns[{}]-policy[{}]-rule[{rule}]", policy.namespace, policy.name);
        if into.contains_key(&key(0)) {
            let reason = "a policy of that name was given before; an apply would replace it";
            remarks.refuse(object, policy.action.1, "metadata.name", reason);
        }
        if policy.rules.is_empty() {
            // Istio says so expressly: an ALLOW policy without rules denies, a DENY one does not.
            let never = [Expression::never()];
            into.insert(key(0), expression::policy(&never, &never));
        }
        for (index, rule) in policy.rules.iter().enumerate() {
            if let Some(translated) = rule::translate(rule, policy, target, remarks) {
                into.insert(key(index), translated);
            }
        }
    }

    fn filter(self, protocol: Protocol) -> Option<Value> {
        if self.enforced.is_none() && self.shadow.is_none() {
            return None;
        }
        let (word, prefix) = match self.action {
            Action::Deny => ("DENY", "istio_dry_run_deny_"),
            _ => ("ALLOW", "istio_dry_run_allow_"),
        };
        let mut config = Map::new();
        if let Some(policies) = self.enforced {
            config.insert("rules".to_owned(), json!({ "action": word, "policies": policies }));
        }
        if let Some(policies) = self.shadow {
            config
                .insert("shadow_rules".to_owned(), json!({ "action": word, "policies": policies }));
            config.insert("shadow_rules_stat_prefix".to_owned(), prefix.into());
        }
        let (name, kind) = match protocol {
            Protocol::Http => {
                ("envoy.filters.http.rbac", "envoy.extensions.filters.http.rbac.v3.RBAC")
            }
            // Its `stat_prefix` is its listener's and is set there.
            Protocol::Tcp => {
                ("envoy.filters.network.rbac", "envoy.extensions.filters.network.rbac.v3.RBAC")
            }
        };
        config.insert("@type".to_owned(), format!("type.googleapis.com/{kind}").into());
        Some(json!({ "name": name, "typed_config": config }))
    }
}
