//! Which HTTP a server speaks.

/// The versions that are spoken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Http {
    /// HTTP/1.1 and 1.0.
    #[default]
    V1,
}

impl Http {
    /// What TLS offers.
    pub(super) fn alpn(self) -> Vec<Vec<u8>> {
        match self {
            Self::V1 => vec![b"http/1.1".to_vec()],
        }
    }
}
