//! Ranges of addresses, and which of them holds which. It does not know what a range is for.

use std::net::IpAddr;

/// A range of addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Range {
    /// The first address, from the most significant bit on.
    first: u128,
    /// How many bits are fixed.
    bits: u32,
    v4: bool,
}

impl Range {
    /// `10.0.0.0/8`, or an address alone.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (address, bits) = match text.split_once('/') {
            Some((address, bits)) => (address, Some(bits.parse::<u32>().ok()?)),
            None => (text, None),
        };
        let (number, width, v4) = match address.parse().ok()? {
            IpAddr::V4(address) => (u128::from(u32::from(address)) << 96, 32, true),
            IpAddr::V6(address) => (u128::from(address), 128, false),
        };
        let bits = bits.unwrap_or(width);
        let mask = u128::MAX.checked_shl(128 - bits.min(128)).unwrap_or(0);
        (bits <= width).then_some(Self { first: number & mask, bits, v4 })
    }

    /// How many bits are fixed: the more, the narrower.
    pub(crate) fn bits(self) -> u32 {
        self.bits
    }

    /// Whether every address of the other is in this one.
    pub(crate) fn holds(self, other: Self) -> bool {
        let mask = u128::MAX.checked_shl(128 - self.bits).unwrap_or(0);
        self.v4 == other.v4 && self.bits <= other.bits && other.first & mask == self.first
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn holds(wide: &str, narrow: &str) -> bool {
        Range::parse(wide).unwrap().holds(Range::parse(narrow).unwrap())
    }

    #[test]
    fn a_range_holds_what_is_in_it_and_itself() {
        assert!(holds("0.0.0.0/0", "169.254.169.254"));
        assert!(holds("10.0.0.0/8", "10.1.0.0/16"));
        assert!(holds("10.1.2.3/8", "10.0.0.0/8"), "bits beyond the length count for nothing");
        assert!(holds("::/0", "fd00:ec2::254/128"));
        assert!(!holds("10.1.0.0/16", "10.0.0.0/8"));
        assert!(!holds("0.0.0.0/0", "::1"));
        assert!(!holds("10.0.0.0/9", "10.128.0.0/16"));
    }

    #[test]
    fn what_is_no_range_is_none() {
        for text in ["", "10.0.0.0/33", "10.0.0/8", "::/129", "10.0.0.0/", "a"] {
            assert_eq!(Range::parse(text), None, "{text}");
        }
    }
}
