//! The `load` part of the file. It knows no schedule, and not what a request may look like.

use policy::source::{Field, Map, Mistakes, Value};

use super::request::{self, REQUEST_KEYS};
use super::words::{self, Taken};
use crate::load::{Answer, Arrivals, LoadSpec, RequestKind};
use crate::units::RatePerSecond;

const KEYS: [&str; 8] = [
    "arrivals",
    "rate",
    "connections",
    "max-in-flight",
    "timeout",
    "warm-up",
    "duration",
    "request",
];

const ARRIVALS: [(&str, Arrivals); 2] =
    [("constant", Arrivals::Constant), ("poisson", Arrivals::Poisson)];

const ANSWERS: [(&str, Answer); 2] = [("served", Answer::Served), ("denied", Answer::Denied)];

/// The keys of one kind of several.
const KIND_KEYS: [&str; 7] = ["name", "weight", "expect", "method", "path", "headers", "body"];

pub(super) fn read(field: &Field<'_>, mistakes: &mut Mistakes) -> Option<LoadSpec> {
    let map = field.map(&KEYS, mistakes)?;
    let arrivals = map.required("arrivals", mistakes).and_then(|f| f.choice(&ARRIVALS, mistakes));
    let rate = map.required("rate", mistakes).and_then(|f| rate(&f, mistakes));
    let connections =
        map.required("connections", mistakes).and_then(|f| f.integer(1..=10_000, mistakes));
    let max_in_flight =
        map.required("max-in-flight", mistakes).and_then(|f| f.integer(1..=1_000_000, mistakes));
    let timeout =
        map.required("timeout", mistakes).and_then(|f| words::some_duration(&f, mistakes));
    let warm_up = map.required("warm-up", mistakes).and_then(|f| words::duration(&f, mistakes));
    let duration =
        map.required("duration", mistakes).and_then(|f| words::some_duration(&f, mistakes));
    let requests = map.required("request", mistakes).and_then(|f| requests(&f, mistakes));
    let load = LoadSpec {
        arrivals: arrivals?,
        rate: rate?,
        connections: connections?,
        max_in_flight: max_in_flight?,
        timeout: timeout?,
        warm_up: warm_up?,
        duration: duration?,
        requests: requests?,
    };
    check(&map, &load, mistakes);
    Some(load)
}

fn check(map: &Map<'_>, load: &LoadSpec, mistakes: &mut Mistakes) {
    if let Some(field) = map.optional("max-in-flight")
        && load.max_in_flight < load.connections
    {
        let message = format!(
            "max-in-flight {} is less than connections {}",
            load.max_in_flight, load.connections
        );
        let help = "some connections would never be used; raise it, or open fewer connections";
        field.contradicts(message, help, mistakes);
    }
    if let Some(field) = map.optional("duration")
        && load.rate.requests_in(load.duration) == 0
    {
        let rate = load.rate.per_second();
        let message = format!("the window holds no request at {rate} requests a second");
        field.contradicts(message, "make it longer, or raise the rate", mistakes);
    }
}

fn rate(field: &Field<'_>, mistakes: &mut Mistakes) -> Option<RatePerSecond> {
    const EXPECTED: &str = "a rate from 0.1 to 1000000 requests a second";
    match RatePerSecond::new(field.number(EXPECTED, mistakes)?) {
        Ok(rate) => Some(rate),
        Err(error) => {
            field.expected(error.expected, mistakes);
            None
        }
    }
}

/// One request, or a list of kinds by weight.
fn requests(field: &Field<'_>, mistakes: &mut Mistakes) -> Option<Vec<RequestKind>> {
    if !matches!(field.node.value, Value::List(_)) {
        let map = field.map(&REQUEST_KEYS, mistakes)?;
        return Some(vec![RequestKind::only(request::read(&map, mistakes)?)]);
    }
    let items = words::some_items(field, "a request, or a list of them", mistakes)?;
    let mut taken = Taken::default();
    let kinds = words::each(items, |item| kind(&item, &mut taken, mistakes))?;
    if kinds.first().is_some_and(|first| first.answer == Answer::Denied) {
        let help = "put one that is served first: the load is called by it";
        field.contradicts("the first kind of request is to be denied", help, mistakes);
    }
    Some(kinds)
}

fn kind(field: &Field<'_>, taken: &mut Taken, mistakes: &mut Mistakes) -> Option<RequestKind> {
    let map = field.map(&KIND_KEYS, mistakes)?;
    let name = map.required("name", mistakes).and_then(|field| {
        let name = words::name(&field, mistakes)?;
        taken.take(&name, "kind of request", &field, mistakes);
        Some(name)
    });
    let weight = map.required("weight", mistakes).and_then(|f| f.integer(1..=1_000_000, mistakes));
    let answer = match map.optional("expect") {
        Some(field) => field.choice(&ANSWERS, mistakes),
        None => Some(Answer::Served),
    };
    let request = request::read(&map, mistakes);
    Some(RequestKind { name: name?, weight: weight?, answer: answer?, request: request? })
}
