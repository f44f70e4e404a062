//! Clusters of kind as a testbed: what is called, in which order, with which manifests, and what a
//! machine lacks for it. The plan is pure; it is conducted through [`Commands`], and [`Tools`] are the
//! only ones that start anything.

mod call;
mod conduct;
mod facts;
mod objects;
mod pins;
mod plan;
mod secret;
mod step;
mod text;
pub mod tools;
mod values;
mod workloads;
mod yaml;

pub use call::{Call, Commands, Said, Tools, Unwell, Why};
pub use conduct::{Conductor, Happened, Kept, Made, Standing, TakenBack};
pub use facts::facts;
pub use pins::{Pins, Release};
pub use plan::{Cluster, ClusterRun, PlanError, Round};
pub use secret::secret;
pub use step::{Done, Input, Says, Step, Undo};
pub use text::{render, render_down, render_up, shell};
pub use workloads::{NAMESPACE, OUTSIDE, Side};

/// What a cluster looks like; `kind-configs/` has a file for each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// One control plane, two workers.
    Small,
    /// One control plane, ten workers.
    Article,
    /// As small, without kind's own network.
    Cilium,
}

impl Shape {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Small, Self::Article, Self::Cilium];

    /// Its file in this repository.
    #[must_use]
    pub fn path(self) -> &'static str {
        match self {
            Self::Small => "kind-configs/small.yaml",
            Self::Article => "kind-configs/article.yaml",
            Self::Cilium => "kind-configs/cilium.yaml",
        }
    }

    /// Its configuration, as it came with the program.
    #[must_use]
    pub fn config(self) -> &'static str {
        match self {
            Self::Small => include_str!("../../../../kind-configs/small.yaml"),
            Self::Article => include_str!("../../../../kind-configs/article.yaml"),
            Self::Cilium => include_str!("../../../../kind-configs/cilium.yaml"),
        }
    }
}

#[cfg(test)]
mod tests;
