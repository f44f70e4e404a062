//! Known holes of releases, as data: which releases have them, and which resources they matter to.
//! It finds; what a finding counts for, others say.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use crate::authorization::AuthorizationPolicy;
use crate::catalogue::check;
use crate::cilium::{Direction, Entry, Opens, PortRule, Spec};
use crate::finding::{Finding, Severity};
use crate::manifest::Manifest;
use crate::schema::Product;
use crate::version::{Version, Versions};

/// A known hole, as a row of the table has it.
struct Cve {
    id: &'static str,
    product: Product,
    /// Releases from the first up to and without the last; an open end has no bound.
    affected: Vec<(Option<Version>, Option<Version>)>,
    condition: &'static str,
    severity: Severity,
    what: &'static str,
    source: &'static str,
}

static CVES: LazyLock<Vec<Cve>> = LazyLock::new(|| {
    let lines = include_str!("../data/cves.tsv").lines().filter(|line| !line.starts_with('#'));
    lines.map(row).collect()
});

/// # Panics
///
/// When a line is not as the table's comment says; a test reads each of them.
fn row(line: &'static str) -> Cve {
    let columns: Vec<&str> = line.split('\t').collect();
    let columns = <[&str; 7]>::try_from(columns).expect("a row of seven columns");
    let [id, product, affected, condition, severity, what, source] = columns;
    let bound =
        |text: &str| (!text.is_empty()).then(|| text.parse().expect("a release of the table"));
    let range = |text: &str| {
        let (from, before) = text.split_once("..").expect("a range of the table");
        (bound(from), bound(before))
    };
    let named = Severity::ALL.into_iter().find(|known| known.word() == severity);
    Cve {
        id,
        product: if product == "istio" { Product::Istio } else { Product::Cilium },
        affected: affected.split(' ').map(range).collect(),
        condition,
        severity: named.expect("a severity of the table"),
        what,
        source,
    }
}

impl Cve {
    fn affects(&self, version: Version) -> bool {
        self.affected.iter().any(|(from, before)| {
            from.is_none_or(|from| version >= from) && before.is_none_or(|before| version < before)
        })
    }

    /// The releases that repaired it.
    fn repaired(&self) -> String {
        let before = self.affected.iter().filter_map(|(_, before)| *before);
        before.map(|version| version.to_string()).collect::<Vec<_>>().join(", ")
    }
}

/// What one object meets: the holes of the release, and those that would depend on a release that
/// is not given.
#[derive(Debug, Default)]
pub(crate) struct Met {
    pub(crate) findings: Vec<Finding>,
    pub(crate) undecided: BTreeSet<Product>,
}

pub(crate) fn met(of: &Manifest, versions: Versions) -> Met {
    let mut all = Met::default();
    if CVES.iter().all(|cve| hole_is_closed(cve, versions)) {
        return all;
    }
    let conditions = conditions(of);
    for cve in CVES.iter().filter(|cve| conditions.contains(cve.condition)) {
        match cve.product.version(versions) {
            None => drop(all.undecided.insert(cve.product)),
            Some(version) if cve.affects(version) => {
                let Cve { id, what, source, .. } = cve;
                let (product, repaired) = (cve.product.name(), cve.repaired());
                let message = format!(
                    "{id} of {product} {version}, repaired in {repaired}: {what} ({source})"
                );
                let finding =
                    Finding::new(check("GN004"), of.origin.path.clone(), of.span, message);
                let severity = cve.severity;
                all.findings.push(Finding { object: of.title(), severity, ..finding });
            }
            Some(_) => {}
        }
    }
    all
}

fn hole_is_closed(cve: &Cve, versions: Versions) -> bool {
    cve.product.version(versions).is_some_and(|version| !cve.affects(version))
}

/// One finding for each hole, at the first object that meets its condition: what is to be done is
/// done once, for all of them.
pub(crate) fn once_each(findings: Vec<Finding>) -> Vec<Finding> {
    let mut places: BTreeMap<String, (usize, usize)> = BTreeMap::new();
    let mut kept: Vec<Finding> = Vec::new();
    for finding in findings {
        if finding.check.id != "GN004" {
            kept.push(finding);
            continue;
        }
        match places.get_mut(&finding.message) {
            Some((_, others)) => *others += 1,
            None => {
                places.insert(finding.message.clone(), (kept.len(), 0));
                kept.push(finding);
            }
        }
    }
    for (place, others) in places.into_values().filter(|(_, others)| *others > 0) {
        let noun = if others == 1 { "object" } else { "objects" };
        kept[place].message.push_str(&format!("; {others} more {noun} as well"));
    }
    kept
}

/// Which conditions of the table an object meets.
fn conditions(of: &Manifest) -> BTreeSet<&'static str> {
    let mut met = BTreeSet::new();
    match of.kind.name {
        "AuthorizationPolicy" => {
            if let Some(policy) = AuthorizationPolicy::read(of) {
                authorization(&policy, &mut met);
            }
        }
        "CiliumNetworkPolicy" | "CiliumClusterwideNetworkPolicy" => {
            for spec in &of.specs {
                network(&Spec::read(spec), &mut met);
            }
        }
        _ => {}
    }
    met
}

fn authorization(policy: &AuthorizationPolicy, met: &mut BTreeSet<&'static str>) {
    for rule in &policy.rules {
        for operation in rule.to.iter().flatten() {
            if !operation.paths.is_empty() {
                met.insert("paths");
            }
            if !operation.hosts.is_empty() {
                met.insert("hosts");
            }
        }
    }
}

fn network(spec: &Spec, met: &mut BTreeSet<&'static str>) {
    let has_http = |rule: &PortRule| rule.http.is_some();
    for entry in &spec.entries {
        if entry.direction == Direction::Ingress {
            met.insert("ingress");
        }
        if entry.ports.iter().any(has_http) {
            met.insert("http");
        }
        if opens_istiod(entry) {
            met.insert("istiod-plaintext");
        }
    }
}

/// Whether istiod's plaintext XDS or its debug port is opened, by number or in a range.
fn opens_istiod(entry: &Entry) -> bool {
    let opens = |port| matches!(entry.opens(port), Some(Opens::Named(_) | Opens::Range(_)));
    !entry.deny && entry.direction == Direction::Egress && [15010, 15014].into_iter().any(opens)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_row_can_be_read_and_its_condition_be_met() {
        let known = ["paths", "hosts", "ingress", "http", "istiod-plaintext"];
        for cve in CVES.iter() {
            assert!(known.contains(&cve.condition), "{}", cve.id);
            assert!(cve.source.starts_with("https://") && !cve.repaired().is_empty(), "{}", cve.id);
        }
    }

    #[test]
    fn releases_are_affected_up_to_the_one_that_repaired_it() {
        let cve = CVES.iter().find(|cve| cve.id == "CVE-2024-28248").unwrap();
        for (version, affected) in [
            ("1.13.8", false),
            ("1.13.9", true),
            ("1.13.13", false),
            ("1.14.7", true),
            ("1.15.1", true),
            ("1.15.2", false),
            ("1.17.0", false),
        ] {
            assert_eq!(cve.affects(version.parse().unwrap()), affected, "{version}");
        }
    }
}
