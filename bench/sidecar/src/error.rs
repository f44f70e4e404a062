//! Why a subject could not start. Once it serves, single connections fail by themselves and the
//! process goes on.

use std::io;

/// Why a subject could not start.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Standard input could not be read.
    #[error("the setup can not be read from standard input: {0}")]
    SetupUnread(io::Error),
    /// Standard input ended, or held too much, before the end of the first line.
    #[error("no complete setup line on standard input")]
    NoSetup,
    /// The line is not the setup of this role.
    #[error("the setup line can not be understood: {0}")]
    Setup(serde_json::Error),
    /// A setup that makes no sense, e.g. a core that does not exist.
    #[error("the setup can not be used: {0}")]
    Unusable(String),
    /// Certificates or keys that can not be used.
    #[error(transparent)]
    Tls(#[from] identity::ConfigError),
    /// No core to run on.
    #[error("can not pin to cores {cores:?}: {source}")]
    Pin {
        /// Those asked for.
        cores: Vec<usize>,
        /// Why.
        source: io::Error,
    },
    /// No thread for the control channel.
    #[error("can not start the control thread: {0}")]
    Control(io::Error),
    /// No runtime.
    #[error("can not start the runtime: {0}")]
    Runtime(io::Error),
    /// No listener.
    #[error("can not listen for route {route}: {source}")]
    Listen {
        /// Which one.
        route: String,
        /// Why.
        source: io::Error,
    },
    /// Nobody reads standard output.
    #[error("can not write to standard output: {0}")]
    Output(io::Error),
}
