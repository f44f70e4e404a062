//! Which HTTP a server speaks.

/// The versions that are spoken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Http {
    /// HTTP/1.1 and 1.0.
    V1,
    /// HTTP/2: under TLS by ALPN, in plain text by prior knowledge.
    V2,
    /// Whichever the client begins with.
    #[default]
    Auto,
}

impl Http {
    /// What TLS offers.
    pub(super) fn alpn(self) -> Vec<Vec<u8>> {
        let names: &[&[u8]] = match self {
            Self::V1 => &[b"http/1.1"],
            Self::V2 => &[b"h2"],
            Self::Auto => &[b"h2", b"http/1.1"],
        };
        names.iter().map(|name| name.to_vec()).collect()
    }
}
