//! The half of a connection that client and server share: settings, the connection's windows,
//! PING, and the bytes to write. Knows streams only by their ids.

use super::error::{ConnectionError, ErrorCode};
use super::frame::{self, LARGEST, setting};
use super::hpack;
use super::window::{Allowed, FIRST_WINDOW, Granted};

/// So many answers (to PING, to SETTINGS, to refused streams) may wait to be written. A peer that
/// asks for more without reading any is not served further, so that memory stays bounded.
const MOST_UNREAD_ANSWERS: u32 = 10_000;

#[derive(Debug, Clone)]
pub(super) struct Link {
    /// Bytes to write.
    pub(super) output: Vec<u8>,
    /// What may be sent on the connection as a whole.
    pub(super) allowed: Allowed,
    granted: Granted,
    /// Of the peer's settings.
    pub(super) max_concurrent_streams: u32,
    /// Of the peer's settings: what may be sent on a new stream.
    pub(super) stream_window: u32,
    /// Whether the peer's first frame, which is SETTINGS, was there.
    pub(super) settled: bool,
    table: PeerTable,
    unread_answers: u32,
    /// Whether we ended a stream, so that the peer may not have known when it wrote on.
    reset_any: bool,
}

/// The peer's table for our fields, which none of them uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum PeerTable {
    Full,
    /// A setting made it smaller: the next block has to say that we know (RFC 9113 §4.3.1).
    UpdateDue,
    Empty,
}

/// What new settings ask of the streams.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Settled {
    /// Whether they were the peer's first.
    pub(super) first: bool,
    /// By how much each open stream's window changes.
    pub(super) window_shift: i64,
}

impl Link {
    /// With a window for the connection that is told to the peer beside the settings.
    pub(super) fn new(settings: &[(u16, u32)], connection_window: u32) -> Self {
        let mut output = Vec::new();
        frame::settings(settings, &mut output);
        let connection_window = connection_window.clamp(FIRST_WINDOW, LARGEST);
        if connection_window > FIRST_WINDOW {
            frame::window_update(0, connection_window - FIRST_WINDOW, &mut output);
        }
        Self {
            output,
            allowed: Allowed::new(FIRST_WINDOW),
            granted: Granted::new(connection_window),
            max_concurrent_streams: u32::MAX,
            stream_window: FIRST_WINDOW,
            settled: false,
            table: PeerTable::Full,
            unread_answers: 0,
            reset_any: false,
        }
    }

    /// The peer sent that much of a body, on whatever stream.
    pub(super) fn received(&mut self, counted: u32) -> Result<(), ConnectionError> {
        const OVERRUN: ConnectionError = ConnectionError::new(
            ErrorCode::FLOW_CONTROL_ERROR,
            "more bytes than the connection's window allows",
        );
        if let Some(update) = self.granted.receive(counted).map_err(|_| OVERRUN)? {
            frame::window_update(0, update, &mut self.output);
        }
        Ok(())
    }

    /// The connection's window grew.
    pub(super) fn grow(&mut self, increment: u32) -> Result<(), ConnectionError> {
        if increment == 0 {
            return Err(ConnectionError::protocol("WINDOW_UPDATE of 0"));
        }
        self.allowed.shift(i64::from(increment)).map_err(|_| {
            ConnectionError::new(
                ErrorCode::FLOW_CONTROL_ERROR,
                "the connection's window grew past 2³¹ − 1",
            )
        })
    }

    /// Takes the peer's settings over and says so.
    pub(super) fn settings(&mut self, payload: &[u8]) -> Result<Settled, ConnectionError> {
        let before = i64::from(self.stream_window);
        for entry in payload.as_chunks::<6>().0 {
            let [id_high, id_low, a, b, c, d] = *entry;
            let id = u16::from_be_bytes([id_high, id_low]);
            self.set(id, u32::from_be_bytes([a, b, c, d]))?;
        }
        self.answered()?;
        frame::settings_ack(&mut self.output);
        let first = !std::mem::replace(&mut self.settled, true);
        Ok(Settled { first, window_shift: i64::from(self.stream_window) - before })
    }

    fn set(&mut self, id: u16, value: u32) -> Result<(), ConnectionError> {
        match id {
            setting::HEADER_TABLE_SIZE
                if value < hpack::DEFAULT_TABLE && self.table == PeerTable::Full =>
            {
                self.table = PeerTable::UpdateDue;
            }
            setting::ENABLE_PUSH if value > 1 => {
                return Err(ConnectionError::protocol("ENABLE_PUSH is neither 0 nor 1"));
            }
            setting::MAX_CONCURRENT_STREAMS => self.max_concurrent_streams = value,
            setting::INITIAL_WINDOW_SIZE if value > LARGEST => {
                return Err(ConnectionError::new(
                    ErrorCode::FLOW_CONTROL_ERROR,
                    "INITIAL_WINDOW_SIZE is above 2³¹ − 1",
                ));
            }
            setting::INITIAL_WINDOW_SIZE => self.stream_window = value,
            // Longer frames than everyone takes are never sent, so only the range is looked at.
            setting::MAX_FRAME_SIZE if !(0x4000..=0xff_ffff).contains(&value) => {
                return Err(ConnectionError::protocol("MAX_FRAME_SIZE is out of its range"));
            }
            _ => {}
        }
        Ok(())
    }

    pub(super) fn pinged(&mut self, opaque: [u8; 8]) -> Result<(), ConnectionError> {
        self.answered()?;
        frame::ping_ack(opaque, &mut self.output);
        Ok(())
    }

    /// Ends a stream because of something that the peer sent.
    pub(super) fn refuse(&mut self, stream: u32, code: ErrorCode) -> Result<(), ConnectionError> {
        self.answered()?;
        self.reset(stream, code);
        Ok(())
    }

    /// Ends a stream.
    pub(super) fn reset(&mut self, stream: u32, code: ErrorCode) {
        self.reset_any = true;
        frame::reset(stream, code, &mut self.output);
    }

    /// Part of a message came for a stream that is over. Which streams we ended is not kept; but
    /// as long as there is none, it is the peer's fault (RFC 9113 §5.1).
    pub(super) fn came_late(&self) -> Result<(), ConnectionError> {
        if self.reset_any {
            return Ok(());
        }
        Err(ConnectionError::new(ErrorCode::STREAM_CLOSED, "a message goes on after its end"))
    }

    fn answered(&mut self) -> Result<(), ConnectionError> {
        self.unread_answers += 1;
        if self.unread_answers > MOST_UNREAD_ANSWERS {
            return Err(ConnectionError::new(
                ErrorCode::ENHANCE_YOUR_CALM,
                "the peer keeps asking and does not read the answers",
            ));
        }
        Ok(())
    }

    /// Writes a field block.
    pub(super) fn headers(&mut self, stream: u32, block: &[u8], end: bool) {
        let first: &[u8] = if self.table == PeerTable::UpdateDue {
            self.table = PeerTable::Empty;
            &[hpack::EMPTY_THE_TABLE]
        } else {
            &[]
        };
        frame::headers(stream, first, block, end, &mut self.output);
    }

    /// The bytes to write, for someone who takes them away.
    pub(super) fn output(&mut self) -> &mut Vec<u8> {
        if self.output.is_empty() {
            self.unread_answers = 0;
        }
        &mut self.output
    }
}
