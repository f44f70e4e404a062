//! The tables that HPACK's indices point into (RFC 7541 §2.3 and appendix A). Knows names and
//! values as bytes, not how they are written.

use std::collections::VecDeque;

use super::Malformed;

/// Entries of the static table; its indices begin with 1.
pub(super) const STATIC: [(&str, &str); 61] = [
    (":authority", ""),
    (":method", "GET"),
    (":method", "POST"),
    (":path", "/"),
    (":path", "/index.html"),
    (":scheme", "http"),
    (":scheme", "https"),
    (":status", "200"),
    (":status", "204"),
    (":status", "206"),
    (":status", "304"),
    (":status", "400"),
    (":status", "404"),
    (":status", "500"),
    ("accept-charset", ""),
    ("accept-encoding", "gzip, deflate"),
    ("accept-language", ""),
    ("accept-ranges", ""),
    ("accept", ""),
    ("access-control-allow-origin", ""),
    ("age", ""),
    ("allow", ""),
    ("authorization", ""),
    ("cache-control", ""),
    ("content-disposition", ""),
    ("content-encoding", ""),
    ("content-language", ""),
    ("content-length", ""),
    ("content-location", ""),
    ("content-range", ""),
    ("content-type", ""),
    ("cookie", ""),
    ("date", ""),
    ("etag", ""),
    ("expect", ""),
    ("expires", ""),
    ("from", ""),
    ("host", ""),
    ("if-match", ""),
    ("if-modified-since", ""),
    ("if-none-match", ""),
    ("if-range", ""),
    ("if-unmodified-since", ""),
    ("last-modified", ""),
    ("link", ""),
    ("location", ""),
    ("max-forwards", ""),
    ("proxy-authenticate", ""),
    ("proxy-authorization", ""),
    ("range", ""),
    ("referer", ""),
    ("refresh", ""),
    ("retry-after", ""),
    ("server", ""),
    ("set-cookie", ""),
    ("strict-transport-security", ""),
    ("transfer-encoding", ""),
    ("user-agent", ""),
    ("vary", ""),
    ("via", ""),
    ("www-authenticate", ""),
];

/// What an entry counts for besides its bytes (RFC 7541 §4.1).
const OVERHEAD: usize = 32;

/// Fields that were seen and can be named by index.
#[derive(Debug, Clone)]
pub(super) struct Table {
    /// Names and values one after the other, those of entries that are gone among them: they are
    /// cleared away together, so that an insertion allocates nothing.
    bytes: Vec<u8>,
    /// The newest first.
    entries: VecDeque<Entry>,
    size: usize,
    capacity: usize,
    /// What `capacity` may be set to.
    limit: usize,
    version: u64,
}

#[derive(Debug, Clone, Copy)]
struct Entry {
    from: usize,
    name: usize,
    value: usize,
}

impl Entry {
    fn size(self) -> usize {
        self.name + self.value + OVERHEAD
    }
}

impl Table {
    /// An empty table that may grow to `limit`, in the measure of RFC 7541 §4.1.
    pub(super) fn new(limit: usize) -> Self {
        Self {
            bytes: Vec::new(),
            entries: VecDeque::new(),
            size: 0,
            capacity: limit,
            limit,
            version: 0,
        }
    }

    /// Changes whenever the table does: as long as it is the same, a block that was read once
    /// means the same again and changes nothing.
    pub(super) fn version(&self) -> u64 {
        self.version
    }

    /// The field at an index of the joint address space.
    pub(super) fn field(&self, index: usize) -> Result<(&[u8], &[u8]), Malformed> {
        let from_zero = index.checked_sub(1).ok_or(Malformed)?;
        if let Some((name, value)) = STATIC.get(from_zero) {
            return Ok((name.as_bytes(), value.as_bytes()));
        }
        let entry = self.entries.get(from_zero - STATIC.len()).ok_or(Malformed)?;
        let (name, rest) = self.bytes[entry.from..].split_at(entry.name);
        Ok((name, &rest[..entry.value]))
    }

    /// Sets the capacity, as a size update says. More than the limit is malformed.
    pub(super) fn resize(&mut self, capacity: usize) -> Result<(), Malformed> {
        if capacity > self.limit {
            return Err(Malformed);
        }
        if capacity != self.capacity {
            self.version += 1;
        }
        self.capacity = capacity;
        self.evict_to(capacity);
        Ok(())
    }

    /// Puts a field first. One that is larger than the table only empties it.
    pub(super) fn insert(&mut self, name: &[u8], value: &[u8]) {
        let size = name.len() + value.len() + OVERHEAD;
        self.evict_to(self.capacity.saturating_sub(size));
        if size > self.capacity {
            return;
        }
        if self.bytes.len() + size > 2 * self.limit {
            self.clear_away();
        }
        let entry = Entry { from: self.bytes.len(), name: name.len(), value: value.len() };
        self.bytes.extend_from_slice(name);
        self.bytes.extend_from_slice(value);
        self.entries.push_front(entry);
        self.size += size;
        self.version += 1;
    }

    fn evict_to(&mut self, size: usize) {
        while self.size > size {
            let oldest = self.entries.pop_back().expect("a size above 0 is that of entries");
            self.size -= oldest.size();
            self.version += 1;
        }
    }

    /// Drops the bytes of entries that are gone.
    fn clear_away(&mut self) {
        let living = self.entries.back().map_or(self.bytes.len(), |oldest| oldest.from);
        self.bytes.drain(..living);
        for entry in &mut self.entries {
            entry.from -= living;
        }
    }
}
