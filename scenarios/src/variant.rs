//! The things compared, and which differences are asked for. Knows no measured value.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::posture::Posture;
use crate::units::Percent;

/// The name of a variant, e.g. `strict`; with a mesh version `strict@istio-1.25`, and with a
/// suffix the second of an A/A pair, `sidecar-plaintext#2`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct VariantName(pub String);

impl VariantName {
    /// As written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The second of an A/A pair: the same thing under another name.
    #[must_use]
    pub fn twin(&self) -> Self {
        Self(format!("{}#2", self.0))
    }

    /// The variant that this one is or repeats: the name without the `#2` of a twin.
    #[must_use]
    pub fn original(&self) -> Self {
        Self(self.0.strip_suffix("#2").unwrap_or(&self.0).to_owned())
    }

    /// The same variant in one version of its proxies, e.g. `strict@envoy-1.40.0`.
    #[must_use]
    pub fn in_version(&self, id: &str) -> Self {
        Self(format!("{}@{id}", self.plain()))
    }

    /// The version that it names, e.g. `envoy-1.40.0`; `None` where it leaves that open.
    #[must_use]
    pub fn version(&self) -> Option<&str> {
        let (_, id) = self.0.split_once('@')?;
        Some(id.strip_suffix("#2").unwrap_or(id))
    }

    /// As the scenario has it, without version and twin's suffix.
    #[must_use]
    pub fn plain(&self) -> &str {
        self.0.split(['@', '#']).next().unwrap_or(&self.0)
    }
}

impl std::fmt::Display for VariantName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// The testbeds that a scenario can name.
pub const TESTBEDS: [&str; 4] = ["embedded", "envoy", "kind", "cluster"];

/// Those of them that run a released mesh, and so need to be told which.
pub const TESTBEDS_WITH_MESH: [&str; 2] = ["kind", "cluster"];

/// The quantiles that a claim can be about.
pub const QUANTILES: [&str; 4] = ["p50", "p90", "p99", "p999"];

/// Which proxies stand in the measured path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Proxies {
    /// Generator → origin.
    None,
    /// Generator → client sidecar → server sidecar → origin.
    Sidecars,
    /// Generator → the node's proxy → origin, as Cilium has it.
    Node,
}

impl Proxies {
    /// As in a scenario file.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Sidecars => "sidecars",
            Self::Node => "node",
        }
    }
}

/// A fault of known size, planted so that the harness can be checked against the truth.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Planted {
    /// The server sidecar holds this share of the requests back for this long.
    Delay {
        /// Added time.
        #[serde(rename = "delay_us", serialize_with = "micros")]
        delay: Duration,
        /// Share of requests held back, spread evenly over them.
        share: Percent,
    },
    /// The origin answers nothing during the first `length` of every `every`.
    Stall {
        /// How long nothing is answered.
        #[serde(rename = "length_us", serialize_with = "micros")]
        length: Duration,
        /// From the start of one stall to the start of the next.
        #[serde(rename = "every_us", serialize_with = "micros")]
        every: Duration,
    },
}

fn micros<S: serde::Serializer>(value: &Duration, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_f64(value.as_secs_f64() * 1e6)
}

/// One of the things compared.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Variant {
    /// Unique in the scenario.
    pub name: VariantName,
    /// A few words for tables and charts.
    pub title: String,
    /// What stands in the path.
    pub proxies: Proxies,
    /// Resource files in force, relative to the scenario's folder.
    pub policies: Vec<String>,
    /// What must be proven.
    pub posture: Posture,
    /// A known fault, for scenarios that check the harness itself.
    pub planted: Option<Planted>,
}

/// A question with a name: candidate − baseline.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ComparisonSpec {
    /// Unique in the scenario, e.g. `mtls-overhead`.
    pub name: String,
    /// A few words for tables and charts.
    pub title: String,
    /// What is measured against the baseline.
    pub candidate: VariantName,
    /// The reference.
    pub baseline: VariantName,
}

/// Which mesh a version belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Product {
    /// <https://istio.io>
    Istio,
    /// <https://cilium.io>
    Cilium,
}

/// One released version of a mesh; a newer one is another line of the scenario file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct MeshVersion {
    /// As used in `strict@istio-1.25`.
    pub id: String,
    /// Istio or Cilium.
    pub product: Product,
    /// The full patch version, e.g. `1.25.5`.
    pub version: String,
}

/// What a testbed runs of a scenario.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TestbedScope {
    /// Variants that exist there, in the scenario's order.
    pub variants: Vec<VariantName>,
    /// Mesh versions that each variant with sidecars is run on; empty where the testbed has no
    /// mesh of its own.
    pub meshes: Vec<String>,
}

/// Testbed name → what it runs.
pub type Scopes = BTreeMap<String, TestbedScope>;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_read_as_it_is_put_together() {
        let plain = VariantName("strict".to_owned());
        let one = plain.in_version("envoy-1.40.0");
        assert_eq!(one.as_str(), "strict@envoy-1.40.0");
        assert_eq!((one.plain(), one.version()), ("strict", Some("envoy-1.40.0")));
        assert_eq!(one.twin().version(), Some("envoy-1.40.0"));
        assert_eq!((plain.twin().plain(), plain.twin().version()), ("strict", None));
        assert_eq!(one.twin().original(), one);
    }
}
