//! A question as people type it: who calls what, and with which request. It is read here and
//! answered elsewhere.

mod cursor;
mod parts;
mod read;

use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;

use crate::endpoint::Protocol;

pub use read::GRAMMAR;

/// Who calls.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// Pods that run as a service account.
    Account {
        /// The trust domain of its identity; none is the mesh's own.
        trust_domain: Option<String>,
        /// The namespace.
        namespace: String,
        /// The account.
        account: String,
        /// Labels of the pods, where the question has them.
        labels: Option<BTreeMap<String, String>>,
    },
    /// Somebody outside the cluster.
    Address(IpAddr),
    /// Anybody outside the cluster.
    World,
    /// Something of the cluster that is no pod, by the name of Cilium's entity.
    Entity(&'static str),
}

/// What is called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Destination {
    /// A workload.
    Workload(Subject),
    /// An address outside the cluster.
    Address(IpAddr, u16),
    /// A name outside the cluster.
    Name(String, u16),
}

/// A port of a workload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subject {
    /// The namespace.
    pub namespace: String,
    /// The name of the workload, or of a service of it.
    pub name: String,
    /// Labels of its pods, where the question has them.
    pub labels: Option<BTreeMap<String, String>>,
    /// The port.
    pub port: u16,
}

/// A call, as far as the question says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    /// Who calls.
    pub source: Source,
    /// What is called.
    pub destination: Destination,
    /// The protocol, where it is said; otherwise TCP.
    pub protocol: Option<Protocol>,
    /// Whether the caller speaks no mTLS though it could.
    pub plaintext: bool,
    /// Method and target of a request of HTTP.
    pub request: Option<(String, String)>,
    /// The `Host` header.
    pub host: Option<String>,
    /// Headers, by name in small letters.
    pub headers: BTreeMap<String, String>,
    /// Issuer and subject of a token that was verified.
    pub token: Option<(String, String)>,
    /// Claims of that token.
    pub claims: BTreeMap<String, Vec<String>>,
    /// The address of the caller, as the workload sees it.
    pub address: Option<IpAddr>,
    /// The address of the client, as headers have it.
    pub client: Option<IpAddr>,
    /// The name that TLS of the caller's own asks for.
    pub sni: Option<String>,
    /// Whether the caller speaks TLS of its own.
    pub tls: bool,
    /// A name that is asked of DNS.
    pub dns: Option<String>,
}

/// What is wrong in a question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mistake {
    /// The letter where it begins, counted from 1.
    pub column: usize,
    /// In words.
    pub expected: String,
    /// In words.
    pub found: String,
    /// What to do about it.
    pub help: Option<String>,
}

/// All that is wrong in a question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unreadable {
    /// The question.
    pub question: String,
    /// In the order of columns.
    pub mistakes: Vec<Mistake>,
}

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown: String =
            self.question.chars().map(|one| if one.is_control() { '·' } else { one }).collect();
        write!(f, "this can not be read\n  {shown}")?;
        for Mistake { column, expected, found, help } in &self.mistakes {
            write!(f, "\n  {:>column$} expected {expected}, found {found}", "^")?;
            if let Some(help) = help {
                write!(f, "\n  {:>column$} help: {help}", "")?;
            }
        }
        Ok(())
    }
}

impl std::error::Error for Unreadable {}
