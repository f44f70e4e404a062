//! Identities of a mesh that has had other names: what istiod makes of the principals in policies
//! when a trust domain has aliases.

use crate::authorization::{AuthorizationPolicy, Match, Text, Values};

/// What policies call the mesh's own domain, whatever it is called.
const OWN: &str = "cluster.local";

impl AuthorizationPolicy {
    /// The policy as it is enforced in a mesh of these trust domains, its own first.
    #[must_use]
    pub fn in_trust_domains(&self, domains: &[String]) -> Self {
        let mut policy = self.clone();
        for rule in &mut policy.rules {
            for source in rule.from.iter_mut().flatten() {
                expand(&mut source.principals, domains);
            }
            for condition in &mut rule.when {
                if condition.key == "source.principal" {
                    expand(&mut condition.matches, domains);
                }
            }
        }
        policy
    }
}

fn expand(matches: &mut Match, domains: &[String]) {
    for values in [&mut matches.values, &mut matches.not_values] {
        let each = |value: &Text| {
            let span = value.span;
            of_every_domain(&value.text, domains).into_iter().map(move |text| Text { text, span })
        };
        *values = values.iter().flat_map(each).collect::<Values>();
    }
}

/// A principal of the mesh with each of its domains in turn; any other is left alone.
fn of_every_domain(principal: &str, domains: &[String]) -> Vec<String> {
    let parts: Vec<&str> = principal.split('/').collect();
    let [domain, rest @ ..] = parts.as_slice() else { return vec![principal.to_owned()] };
    let own = *domain == OWN || domains.iter().any(|known| is_alike(domain, known));
    if rest.len() != 4 || *domain == "*" || !own {
        return vec![principal.to_owned()];
    }
    let mut all: Vec<String> = Vec::new();
    for known in domains {
        // A suffix that fits already is left as it is written.
        let fits = domain.strip_prefix('*').is_some_and(|suffix| known.ends_with(suffix));
        let one = if fits { principal.to_owned() } else { format!("{known}/{}", rest.join("/")) };
        if !all.contains(&one) {
            all.push(one);
        }
    }
    all
}

/// Whether two names are the same, or one is a prefix or a suffix that the other fits.
fn is_alike(one: &str, other: &str) -> bool {
    let fits = |pattern: &str, name: &str| {
        let suffix = pattern.strip_prefix('*').is_some_and(|suffix| name.ends_with(suffix));
        suffix || pattern.strip_suffix('*').is_some_and(|prefix| name.starts_with(prefix))
    };
    one == other || fits(one, other) || fits(other, one)
}
