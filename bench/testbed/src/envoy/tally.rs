//! What Envoy's counters say of one variant's path: the work that was done, and by which mechanism
//! a call was refused. Counters come as text; who asked for them is not known here.

use std::collections::BTreeMap;

use bench::seams::HopWork;

use super::bootstrap::counters::{Counter, negotiated, response_flags};
use crate::prove::Means;

/// Counters by name.
pub(super) type Counts = BTreeMap<String, u64>;

/// Reads `name: value` lines; what is no counter, as histograms and texts, is left out.
pub(super) fn read(stats: &str) -> Counts {
    stats
        .lines()
        .filter_map(|line| line.rsplit_once(": "))
        .filter_map(|(name, value)| Some((name.to_owned(), value.trim().parse().ok()?)))
        .collect()
}

/// What was added since an earlier reading.
pub(super) fn since(before: &Counts, now: &Counts) -> Counts {
    now.iter()
        .map(|(name, value)| {
            let earlier = before.get(name).copied().unwrap_or_default();
            (name.clone(), value.saturating_sub(earlier))
        })
        .filter(|(_, added)| *added > 0)
        .collect()
}

/// What became of the listeners that it was told from a file.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Listeners {
    /// The version that it has taken last.
    pub(super) version: String,
    /// How often it refused or could not read what it was told.
    pub(super) refused: u64,
    /// Listeners and filter chains that are being made or on their way out.
    pub(super) leftovers: u64,
}

impl Listeners {
    /// Of the counters of its listener manager.
    pub(super) fn read(stats: &str) -> Self {
        let texts = || stats.lines().filter_map(|line| line.split_once(": "));
        let counts = read(stats);
        let sum = |names: &[&str]| {
            let of = |name: &&str| counts.get(&format!("listener_manager.{name}")).copied();
            names.iter().filter_map(of).sum()
        };
        let version = texts().find(|(name, _)| *name == "listener_manager.lds.version_text");
        Self {
            version: version
                .map(|(_, text)| text.trim().trim_matches('"'))
                .unwrap_or_default()
                .into(),
            refused: sum(&["lds.update_rejected", "lds.update_failure"]),
            leftovers: sum(&[
                "total_listeners_warming",
                "total_listeners_draining",
                "total_filter_chains_draining",
            ]),
        }
    }
}

fn count(counts: &Counts, counter: Counter, prefix: &str) -> u64 {
    counts.get(&counter.name(prefix)).copied().unwrap_or_default()
}

/// What one proxy did at the listener with that prefix.
pub(super) fn hop(at: &str, counts: &Counts, prefix: &str) -> HopWork {
    let count = |counter| count(counts, counter, prefix);
    let answers =
        [("2xx", Counter::Answers2xx), ("4xx", Counter::Answers4xx), ("5xx", Counter::Answers5xx)];
    let some = |(name, count): (&str, u64)| (count > 0).then(|| (name.to_owned(), count));
    HopWork {
        at: at.to_owned(),
        requests: count(Counter::Requests),
        answers: answers.into_iter().filter_map(|(name, of)| some((name, count(of)))).collect(),
        sent_again: count(Counter::Retries),
        flags: response_flags(prefix)
            .filter_map(|(flag, name)| some((flag, counts.get(&name).copied().unwrap_or(0))))
            .collect(),
    }
}

/// Adds what the same hops did later.
pub(super) fn add(hops: &mut Vec<HopWork>, later: impl IntoIterator<Item = HopWork>) {
    if hops.is_empty() {
        hops.extend(later);
        return;
    }
    for (hop, later) in hops.iter_mut().zip(later) {
        hop.requests += later.requests;
        hop.sent_again += later.sent_again;
        for (counts, more) in [(&mut hop.answers, later.answers), (&mut hop.flags, later.flags)] {
            for (name, count) in more {
                *counts.entry(name).or_default() += count;
            }
        }
    }
}

/// Requests that rules let through and those that they refused. Envoy counts the former for each
/// filter, so they are those that were not refused.
pub(super) fn ruled(counts: &Counts, prefix: &str) -> (u64, u64) {
    let denied = count(counts, Counter::RbacDenied, prefix);
    (count(counts, Counter::Requests, prefix).saturating_sub(denied), denied)
}

/// Handshakes with callers: full ones and resumed ones.
pub(super) fn handshakes(counts: &Counts, prefix: &str) -> (u64, u64) {
    let resumed = count(counts, Counter::SessionsReused, prefix);
    (count(counts, Counter::Handshakes, prefix).saturating_sub(resumed), resumed)
}

/// Version, cipher and group of the handshakes that were counted, e.g. `TLSv1.3
/// TLS_AES_128_GCM_SHA256 X25519`; several of one kind with `|`. `None` without a handshake.
pub(super) fn tls(counts: &Counts, prefix: &str) -> Option<String> {
    let kinds = negotiated(prefix).map(|start| {
        let names: Vec<&str> =
            counts.keys().filter_map(|name| name.strip_prefix(start.as_str())).collect();
        names.join("|")
    });
    kinds.iter().all(|names| !names.is_empty()).then(|| kinds.join(" "))
}

/// By which counters the proxy before the server refused one call; an error when that is missing which
/// counts the means by which it must.
pub(super) fn refused_by(counts: &Counts, prefix: &str, means: Means) -> Result<String, String> {
    let expected = match means {
        // A connection that no chain is for.
        Means::TlsOnly => Counter::NoFilterChain,
        // A handshake is a malformed request there.
        Means::NoTls => Counter::Answers4xx,
        Means::Certificate => Counter::UnknownCertificates,
        Means::Identity => Counter::UnknownIds,
        Means::Rule => Counter::RbacDenied,
    };
    let looked_at = [
        Counter::NoFilterChain,
        Counter::UnknownCertificates,
        Counter::NoCertificates,
        Counter::UnknownIds,
        Counter::TlsErrors,
        Counter::Answers4xx,
        Counter::Answers5xx,
        Counter::RbacDenied,
    ];
    let start = [format!("listener.{prefix}."), format!("http.{prefix}.")];
    let told: Vec<String> = looked_at
        .into_iter()
        .filter_map(|counter| {
            let name = counter.name(prefix);
            let added = counts.get(&name)?;
            let short = start.iter().find_map(|start| name.strip_prefix(start.as_str()));
            Some(format!("{} {added}", short.unwrap_or(&name)))
        })
        .collect();
    let told = if told.is_empty() { "no refusal".to_owned() } else { told.join(", ") };
    if count(counts, expected, prefix) > 0 { Ok(told) } else { Err(told) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_becomes_of_listeners_is_read_from_their_manager_s_counters() {
        let stats = "listener_manager.lds.update_failure: 0\nlistener_manager.lds.update_rejected: 2\n\
                     listener_manager.lds.version_text: \"7\"\n\
                     listener_manager.total_filter_chains_draining: 1\n\
                     listener_manager.total_listeners_active: 1\n\
                     listener_manager.total_listeners_draining: 0\n\
                     listener_manager.lds.update_duration: No recorded values\n";
        let expected = Listeners { version: "7".to_owned(), refused: 2, leftovers: 1 };
        assert_eq!(Listeners::read(stats), expected);
        assert_eq!(Listeners::read(""), Listeners::default());
    }

    const STATS: &str = "\
cluster.inbound_strict.upstream_cx_total: 3
http.inbound_strict.downstream_rq_2xx: 7
http.inbound_strict.downstream_rq_total: 8
listener.inbound_strict.no_filter_chain_match: 1
listener.inbound_strict.ssl.ciphers.TLS_AES_128_GCM_SHA256: 4
listener.inbound_strict.ssl.curves.X25519: 4
listener.inbound_strict.ssl.handshake: 4
listener.inbound_strict.ssl.session_reused: 1
listener.inbound_strict.ssl.versions.TLSv1.3: 4
server.version: some text
http.inbound_strict.downstream_cx_length_ms: P0(nan,1) P25(nan,1)
";

    #[test]
    fn counters_are_read_and_what_is_none_is_left_out() {
        let counts = read(STATS);
        assert_eq!(counts.len(), 9);
        assert_eq!(handshakes(&counts, "inbound_strict"), (3, 1));
        assert_eq!(
            tls(&counts, "inbound_strict").as_deref(),
            Some("TLSv1.3 TLS_AES_128_GCM_SHA256 X25519")
        );
        assert_eq!(tls(&counts, "inbound_other"), None);
    }

    #[test]
    fn only_what_was_added_counts() {
        let (before, now) = (read("a: 1\nb: 2\n"), read("a: 1\nb: 5\nc: 1\n"));
        assert_eq!(since(&before, &now), Counts::from([("b".into(), 3), ("c".into(), 1)]));
    }

    #[test]
    fn work_of_the_same_hop_adds_up() {
        let counts = read(STATS);
        let mut hops = Vec::new();
        for _ in 0..2 {
            add(&mut hops, [hop("server sidecar", &counts, "inbound_strict")]);
        }
        assert_eq!((hops.len(), hops[0].requests), (1, 16));
        assert_eq!(hops[0].answers, BTreeMap::from([("2xx".to_owned(), 14)]));
    }

    #[test]
    fn who_is_not_refused_by_a_rule_is_let_through() {
        let counts =
            read("http.a.downstream_rq_total: 8\nhttp.a.rbac.denied: 3\nhttp.a.rbac.allowed: 10\n");
        assert_eq!(ruled(&counts, "a"), (5, 3));
        assert_eq!(refused_by(&counts, "a", Means::Rule), Ok("rbac.denied 3".to_owned()));
        // A foreign caller that only a rule kept out came through the handshake.
        assert!(refused_by(&counts, "a", Means::Certificate).is_err());
    }

    #[test]
    fn a_refusal_by_another_mechanism_is_none_that_was_expected() {
        let counts = read(STATS);
        let plain = refused_by(&counts, "inbound_strict", Means::TlsOnly);
        assert_eq!(plain, Ok("no_filter_chain_match 1".to_owned()));
        let foreign = refused_by(&counts, "inbound_strict", Means::Certificate);
        assert_eq!(foreign, Err("no_filter_chain_match 1".to_owned()));
        let other = refused_by(&counts, "inbound_other", Means::NoTls);
        assert_eq!(other, Err("no refusal".to_owned()));
    }
}
