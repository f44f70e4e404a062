//! What is sent: one kind of request or several by weight, with values from a feed where a text has
//! places for them. Knows no socket, no time and no rate; how a request looks on the wire is the
//! transport's affair.

mod feed;
mod statuses;
mod template;

use bench::plan::Seed;
use rand::Rng;
use scenarios::load::{Answer, LoadSpec, RequestKind, RequestSpec};

pub use feed::{BadFeed, Feed};
pub use statuses::{BadStatuses, Statuses};
pub use template::{BadTemplate, Template};

/// A kind's place in its [`Mix`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct KindIndex(pub u16);

impl KindIndex {
    /// As an index.
    #[must_use]
    pub fn index(self) -> usize {
        usize::from(self.0)
    }
}

/// Which request: its place in the schedule, which decides its kind and its row of the feed, so
/// that neither depends on who sends it or when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RequestId {
    /// From 0, over all workers.
    pub index: u64,
    /// Its kind.
    pub kind: KindIndex,
}

/// One kind of request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kind {
    /// For people and files, e.g. `denied`.
    pub name: String,
    /// How often it is sent, against the others' weights.
    pub weight: u32,
    /// An HTTP method token.
    pub method: String,
    /// An absolute path with an optional query.
    pub path: Template,
    /// Name in lower case and value, `host` and what frames a message left out.
    pub headers: Vec<(String, Template)>,
    /// Empty for none.
    pub body: Body,
    /// Which statuses are an answer; any other is a failure.
    pub expected: Statuses,
    /// What policies must make of it; nothing where none is known of.
    pub answer: Option<Answer>,
}

/// A request's body.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Body {
    /// The same bytes each time; need not be text.
    Fixed(Vec<u8>),
    /// With values of the feed.
    Filled(Template),
}

impl Body {
    /// Whether it is the same each time.
    #[must_use]
    pub fn is_fixed(&self) -> bool {
        matches!(self, Self::Fixed(_)) || matches!(self, Self::Filled(text) if text.is_fixed())
    }

    /// Bytes of it, with the row's values.
    #[must_use]
    pub fn length(&self, row: Row<'_>) -> usize {
        match self {
            Self::Fixed(bytes) => bytes.len(),
            Self::Filled(template) => template.length(row),
        }
    }

    /// Appends it, with the row's values.
    pub fn write(&self, row: Row<'_>, to: &mut Vec<u8>) {
        match self {
            Self::Fixed(bytes) => to.extend_from_slice(bytes),
            Self::Filled(template) => template.write(row, to),
        }
    }
}

/// A row of the feed; no row where there is no feed.
pub type Row<'a> = &'a [String];

/// All that a drive or a trial sends.
#[derive(Debug, Clone, PartialEq)]
pub struct Mix {
    kinds: Vec<Kind>,
    feed: Feed,
    /// Weights summed up; the last is the whole.
    sums: Vec<u64>,
    seed: u64,
}

/// Why there is nothing to send.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadMix {
    /// No kind was given.
    #[error("expected at least one request")]
    Empty,
    /// More kinds than can be told apart.
    #[error("expected at most 1000 kinds of requests, found {0}")]
    TooMany(usize),
    /// Every weight is 0.
    #[error("expected a weight above 0 for at least one request")]
    Weightless,
}

impl Mix {
    /// Kinds by weight, drawn from the seed.
    pub fn new(kinds: Vec<Kind>, feed: Feed, seed: Seed) -> Result<Self, BadMix> {
        if kinds.is_empty() {
            return Err(BadMix::Empty);
        }
        if kinds.len() > 1000 {
            return Err(BadMix::TooMany(kinds.len()));
        }
        let mut whole = 0;
        let sums: Vec<u64> = kinds
            .iter()
            .map(|kind| {
                whole += u64::from(kind.weight);
                whole
            })
            .collect();
        if whole == 0 {
            return Err(BadMix::Weightless);
        }
        let seed = seed.rng("kinds of requests").next_u64();
        Ok(Self { kinds, feed, sums, seed })
    }

    /// The one request of a scenario, answered by any 2xx.
    #[must_use]
    pub fn of_scenario(request: &RequestSpec) -> Self {
        let kind = of_load(&RequestKind::only(request.clone()));
        Self { kinds: vec![kind], feed: Feed::default(), sums: vec![1], seed: 0 }
    }

    /// All kinds of a load; which one is sent when is drawn from the trial's seed.
    pub fn of_load(load: &LoadSpec, seed: u64) -> Result<Self, BadMix> {
        Self::new(load.requests.iter().map(of_load).collect(), Feed::default(), Seed(seed))
    }

    /// All kinds, in the order given.
    #[must_use]
    pub fn kinds(&self) -> &[Kind] {
        &self.kinds
    }

    /// The request at that place of the schedule. Which kind it is is drawn from the seed and the
    /// place alone.
    #[must_use]
    pub fn request(&self, index: u64) -> RequestId {
        if let [_] = self.kinds.as_slice() {
            return RequestId { index, kind: KindIndex(0) };
        }
        let whole = self.sums.last().copied().unwrap_or(1);
        // The high half of the product of a 64-bit draw and the whole: uniform, without a division.
        let drawn = (u128::from(mixed(self.seed ^ mixed(index))) * u128::from(whole)) >> 64;
        let kind = self.sums.partition_point(|sum| u128::from(*sum) <= drawn);
        RequestId { index, kind: KindIndex(u16::try_from(kind).expect("at most 1000 kinds")) }
    }

    /// A kind.
    #[must_use]
    pub fn kind(&self, kind: KindIndex) -> &Kind {
        &self.kinds[kind.index()]
    }

    /// The values for a request: row after row, from the first again behind the last.
    #[must_use]
    pub fn row(&self, request: RequestId) -> Row<'_> {
        self.feed.row(request.index)
    }
}

fn of_load(kind: &RequestKind) -> Kind {
    let RequestKind { name, weight, answer, request } = kind;
    let headers = request.headers.iter();
    let headers =
        headers.map(|(name, value)| (name.to_ascii_lowercase(), Template::fixed(value))).collect();
    Kind {
        name: name.clone(),
        weight: *weight,
        method: request.method.clone(),
        path: Template::fixed(&request.path),
        headers,
        body: Body::Fixed(request.body.clone().into_bytes()),
        expected: match answer {
            Answer::Served => Statuses::success(),
            Answer::Denied => Statuses::only(403),
        },
        answer: Some(*answer),
    }
}

/// The output function of SplitMix64 (Steele, Lea and Flood, OOPSLA 2014): a bijection on 64 bits
/// whose outputs for consecutive inputs pass as independent.
fn mixed(input: u64) -> u64 {
    let mut bits = input.wrapping_add(0x9e37_79b9_7f4a_7c15);
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ (bits >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(name: &str, weight: u32) -> Kind {
        Kind {
            name: name.to_owned(),
            weight,
            method: "GET".to_owned(),
            path: Template::fixed("/"),
            headers: Vec::new(),
            body: Body::Fixed(Vec::new()),
            expected: Statuses::success(),
            answer: None,
        }
    }

    #[test]
    fn kinds_are_sent_by_their_weights() {
        let kinds = vec![kind("a", 7), kind("never", 0), kind("b", 3)];
        let mix = Mix::new(kinds, Feed::default(), Seed(1)).expect("a mix");
        let mut counts = [0_u32; 3];
        for index in 0..100_000 {
            counts[mix.request(index).kind.index()] += 1;
        }
        assert_eq!(counts[1], 0);
        // The standard deviation of Binomial(100 000, 0.3) is 145.
        assert!(counts[2].abs_diff(30_000) < 600, "{counts:?}");
    }

    #[test]
    fn the_kind_of_a_request_depends_on_its_place_and_the_seed_alone() {
        let kinds = || vec![kind("a", 1), kind("b", 1)];
        let mix = |seed| Mix::new(kinds(), Feed::default(), Seed(seed)).expect("a mix");
        let drawn = |mix: &Mix| (0..64).map(|index| mix.request(index).kind.0).collect::<Vec<_>>();
        assert_eq!(drawn(&mix(1)), drawn(&mix(1)));
        assert_ne!(drawn(&mix(1)), drawn(&mix(2)));
    }

    #[test]
    fn a_mix_of_nothing_is_refused() {
        let none = Mix::new(vec![kind("a", 0)], Feed::default(), Seed(1));
        assert_eq!(none, Err(BadMix::Weightless));
        assert_eq!(Mix::new(vec![], Feed::default(), Seed(1)), Err(BadMix::Empty));
    }
}
