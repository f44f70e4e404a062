//! Flow control (RFC 9113 §5.2, §6.9): how much may be sent, and how much may be received. Knows
//! numbers, no stream and no frame.

use super::frame::LARGEST;

/// A window until a setting says otherwise, and the connection's always at first.
pub(super) const FIRST_WINDOW: u32 = 65_535;

/// What the peer lets us send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Allowed(i64);

/// A window grew past 2³¹ − 1.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Overflow;

impl Allowed {
    pub(super) fn new(size: u32) -> Self {
        Self(i64::from(size))
    }

    /// How many bytes may be sent now. A setting can take back more than is left; then none may.
    pub(super) fn bytes(self) -> usize {
        usize::try_from(self.0).unwrap_or(0)
    }

    pub(super) fn spend(&mut self, bytes: usize) {
        self.0 -= i64::try_from(bytes).expect("a payload is at most 16 384 bytes");
    }

    /// By an update or by a setting.
    pub(super) fn shift(&mut self, by: i64) -> Result<(), Overflow> {
        self.0 += by;
        if self.0 > i64::from(LARGEST) { Err(Overflow) } else { Ok(()) }
    }
}

/// What we let the peer send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Granted {
    size: u32,
    /// Less than nothing where the peer did not know the size yet.
    left: i64,
    least: i64,
}

/// The peer sent more than it was let.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Overrun;

impl Granted {
    pub(super) fn new(size: u32) -> Self {
        Self { size, left: i64::from(size), least: 0 }
    }

    /// For a peer that may not know the size yet, and may take the first one for it.
    pub(super) fn not_known_yet(size: u32) -> Self {
        let least = i64::from(size) - i64::from(FIRST_WINDOW);
        Self { least: least.min(0), ..Self::new(size) }
    }

    /// Takes received bytes off. Returns an update to send once half of the window is used, so
    /// that updates are rare and the peer seldom has to wait for one.
    pub(super) fn receive(&mut self, bytes: u32) -> Result<Option<u32>, Overrun> {
        self.left -= i64::from(bytes);
        if self.left < self.least {
            return Err(Overrun);
        }
        let size = i64::from(self.size);
        if self.left >= size / 2 && self.left > 0 || bytes == 0 {
            return Ok(None);
        }
        let update = u32::try_from(size - self.left).expect("a window is less than 2³¹");
        self.left = size;
        Ok(Some(update))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_update_comes_at_half_and_fills_the_window() {
        let mut granted = Granted::new(100);
        assert_eq!(granted.receive(50), Ok(None));
        assert_eq!(granted.receive(1), Ok(Some(51)));
        assert_eq!(granted.receive(100), Ok(Some(100)));
        assert_eq!(granted.receive(101), Err(Overrun));
    }

    #[test]
    fn the_smallest_window_is_refilled_too() {
        let mut granted = Granted::new(1);
        assert_eq!(granted.receive(0), Ok(None));
        assert_eq!(granted.receive(1), Ok(Some(1)));
    }

    #[test]
    fn a_peer_that_does_not_know_the_size_may_send_what_it_was_at_first() {
        let mut granted = Granted::not_known_yet(100);
        assert_eq!(granted.receive(FIRST_WINDOW), Ok(Some(FIRST_WINDOW)));
        assert_eq!(granted.receive(FIRST_WINDOW + 1), Err(Overrun));
        assert_eq!(Granted::not_known_yet(70_000).receive(70_001), Err(Overrun));
    }

    #[test]
    fn a_setting_may_leave_less_than_nothing() {
        let mut allowed = Allowed::new(10);
        allowed.spend(10);
        assert_eq!(allowed.shift(-10), Ok(()));
        assert_eq!(allowed.bytes(), 0);
        assert_eq!(allowed.shift(11), Ok(()));
        assert_eq!(allowed.bytes(), 1);
        assert_eq!(allowed.shift(i64::from(LARGEST)), Err(Overflow));
    }
}
