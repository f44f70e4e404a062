//! How Cilium's agents are set up, which decides whether policies are enforced at all. Its
//! ConfigMap holds texts only.

use std::collections::BTreeMap;

use super::Head;
use crate::authorization::Text;
use crate::source::{Node, Scalar, Value};

/// The ConfigMap that agents read.
pub(super) const NAME: &str = "cilium-config";

/// The name of a cluster that is given none.
const CLUSTER: &str = "default";

/// When policies are enforced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Enforcement {
    /// Where a policy selects the endpoint.
    Default,
    /// Everywhere, so that without a policy all is denied.
    Always,
    /// Nowhere.
    Never,
}

/// `cilium-config`.
#[derive(Debug, Clone)]
pub struct AgentConfig {
    /// Where it was read.
    pub head: Head,
    /// All settings by name.
    pub settings: BTreeMap<String, Text>,
}

impl AgentConfig {
    pub(super) fn read(head: Head, root: &Node) -> Self {
        let data = root.member("data").map(Node::entries).unwrap_or_default();
        let written = |node: &Node| match &node.value {
            Value::Scalar(Scalar { text, .. }) => {
                Some(Text { text: text.clone(), span: node.into() })
            }
            _ => None,
        };
        let settings =
            data.iter().filter_map(|entry| Some((entry.key.clone(), written(&entry.value)?)));
        Self { settings: settings.collect(), head }
    }

    /// A setting, unless it is not given.
    #[must_use]
    pub fn setting(&self, name: &str) -> Option<&Text> {
        self.settings.get(name)
    }

    /// Whether a setting is `true`, or what it is when it is not given.
    #[must_use]
    pub fn is_on(&self, name: &str, otherwise: bool) -> bool {
        self.setting(name).map_or(otherwise, |setting| setting.text.eq_ignore_ascii_case("true"))
    }

    /// `enable-policy`
    #[must_use]
    pub fn enforcement(&self) -> Enforcement {
        match self.setting("enable-policy").map(|setting| setting.text.to_lowercase()).as_deref() {
            Some("always") => Enforcement::Always,
            Some("never") => Enforcement::Never,
            _ => Enforcement::Default,
        }
    }

    /// Whether verdicts of layers 3 and 4 are noted only (`policy-audit-mode`).
    #[must_use]
    pub fn audits(&self) -> bool {
        self.is_on("policy-audit-mode", false)
    }

    /// Whether rules of HTTP and DNS are enforced (`enable-l7-proxy`).
    #[must_use]
    pub fn has_l7_proxy(&self) -> bool {
        self.is_on("enable-l7-proxy", true)
    }

    /// Whether a pod's own node may always call it (`allow-localhost`).
    #[must_use]
    pub fn allows_own_node(&self) -> bool {
        self.setting("allow-localhost").is_none_or(|setting| setting.text != "policy")
    }

    /// How traffic between nodes is encrypted, where it is.
    #[must_use]
    pub fn encryption(&self) -> Option<&'static str> {
        if self.is_on("enable-wireguard", false) {
            Some("WireGuard")
        } else if self.is_on("enable-ipsec", false) {
            Some("IPsec")
        } else {
            None
        }
    }

    /// The name of the cluster, which is a label of each of its pods.
    #[must_use]
    pub fn cluster_name(of: Option<&Self>) -> &str {
        of.and_then(|agent| agent.setting("cluster-name")).map_or(CLUSTER, |name| &name.text)
    }
}
