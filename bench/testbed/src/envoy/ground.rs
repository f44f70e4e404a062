//! Where a testbed's processes stand: all on the loopback, each listener on a port of its own, or in
//! pods. What they are told is not known here.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use super::pods::{self, Pods};
use super::processes::Post;
use crate::child::Program;
use crate::tether::Tether;

/// The layouts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Layout {
    /// Explicit ports on the loopback.
    Ports,
    /// Network namespaces for client, node and server; this process is in the client's.
    Pods,
}

impl Layout {
    /// Where the client calls from.
    pub(super) fn client(self) -> IpAddr {
        match self {
            Self::Ports => Ipv4Addr::LOCALHOST.into(),
            Self::Pods => pods::CLIENT.into(),
        }
    }

    /// For the provenance.
    pub(super) fn in_words(self) -> &'static str {
        match self {
            Self::Ports => "ports: explicit ports on the loopback, no capture",
            Self::Pods => {
                "pods: network namespaces for client, node and server, joined by veth pairs; \
                 connections are captured by iptables, and a sidecar's own are told by a mark"
            }
        }
    }

    /// What that means for figures.
    pub(super) fn meaning(self) -> &'static str {
        match self {
            Self::Ports => {
                "Traffic goes to explicit ports on the loopback: no capture, no network, no control \
                 plane."
            }
            Self::Pods => {
                "Client, node and server have network namespaces of their own, joined by veth pairs, \
                 and their connections are captured as in a pod: no network card, no control plane."
            }
        }
    }
}

/// A layout, laid out.
pub(super) struct Ground {
    /// Starts what stands in this process's own namespace.
    tether: Tether,
    further: Option<Further>,
}

/// Namespaces besides this process's own, and what starts processes in them.
struct Further {
    server: Tether,
    node: Tether,
    /// After those who stand in them.
    pods: Arc<Pods>,
}

impl Ground {
    /// Lays it out. The error says what can not be done.
    pub(super) fn lay(layout: Layout, program: Program) -> Result<Self, String> {
        let thread = |error: std::io::Error| format!("start a thread for children: {error}");
        let further = match layout {
            Layout::Ports => None,
            Layout::Pods => {
                let pods = Pods::make()?;
                let server = Tether::within(program.clone(), &pods.server).map_err(thread)?;
                let node = Tether::within(program.clone(), &pods.node).map_err(thread)?;
                Some(Further { server, node, pods: Arc::new(pods) })
            }
        };
        let tether = Tether::new(program).map_err(thread)?;
        Ok(Self { tether, further })
    }

    pub(super) fn layout(&self) -> Layout {
        if self.further.is_some() { Layout::Pods } else { Layout::Ports }
    }

    /// What starts a proxy where it stands.
    pub(super) fn tether(&self, post: Post) -> &Tether {
        match (&self.further, post) {
            (None, _) | (Some(_), Post::Client) => &self.tether,
            (Some(further), Post::Server) => &further.server,
            (Some(further), Post::Node) => &further.node,
        }
    }

    pub(super) fn pods(&self) -> Option<&Arc<Pods>> {
        self.further.as_ref().map(|further| &further.pods)
    }
}
