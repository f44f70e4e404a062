//! The `variants` part of the file. It checks that each variant agrees with itself, and does not
//! know how a variant is compared.

use policy::source::{Field, Map, Mistakes};

use super::words::{self, Taken};
use super::{calls, memory};
use crate::posture::{Expected, Posture};
use crate::variant::{Planted, Proxies, Variant, VariantName};

const KEYS: [&str; 6] = ["name", "title", "proxies", "policies", "posture", "planted"];

const POSTURE_KEYS: [&str; 6] = [
    "plaintext",
    "mesh-identity",
    "foreign-ca",
    "foreign-trust-domain",
    "measured-path-has-identity",
    "calls",
];

const PROXIES: [(&str, Proxies); 3] =
    [("none", Proxies::None), ("sidecars", Proxies::Sidecars), ("node", Proxies::Node)];

pub(super) const EXPECTED: [(&str, Expected); 2] =
    [("accepted", Expected::Accepted), ("refused", Expected::Refused)];

pub(super) fn read(field: &Field<'_>, mistakes: &mut Mistakes) -> Option<Vec<Variant>> {
    let items = words::some_items(field, "a list of at least one variant", mistakes)?;
    let mut taken = Taken::default();
    words::each(items, |item| variant(&item, &mut taken, mistakes))
}

fn variant(field: &Field<'_>, taken: &mut Taken, mistakes: &mut Mistakes) -> Option<Variant> {
    let map = field.map(&KEYS, mistakes)?;
    let name = map.required("name", mistakes).and_then(|field| {
        let name = words::name(&field, mistakes)?;
        taken.take(&name, "variant", &field, mistakes);
        Some(VariantName(name))
    });
    let title = map.required("title", mistakes).and_then(|f| words::title(&f, mistakes));
    let proxies = map.required("proxies", mistakes).and_then(|f| f.choice(&PROXIES, mistakes));
    let policies = match map.optional("policies") {
        Some(field) => policies(&field, proxies, mistakes),
        None => Some(Vec::new()),
    };
    let posture = map.required("posture", mistakes).and_then(|f| posture(&f, proxies, mistakes));
    let planted = match map.optional("planted") {
        Some(field) => planted(&field, proxies, mistakes).map(Some),
        None => Some(None),
    };
    Some(Variant {
        name: name?,
        title: title?,
        proxies: proxies?,
        policies: policies?,
        posture: posture?,
        planted: planted?,
    })
}

pub(super) fn policies(
    field: &Field<'_>,
    proxies: Option<Proxies>,
    mistakes: &mut Mistakes,
) -> Option<Vec<String>> {
    let items = field.list("a list of policy files", mistakes)?;
    if proxies == Some(Proxies::None) && !items.is_empty() {
        let help = "without proxies nothing reads them; leave them out, or use sidecars";
        field.contradicts("policies with proxies `none`", help, mistakes);
    }
    let mut taken = Taken::default();
    words::each(items, |item| {
        let path = policy_path(&item, mistakes)?;
        taken.take(&path, "policy file", &item, mistakes);
        Some(path)
    })
}

/// A path that stays in the scenario's folder on every system.
fn policy_path(field: &Field<'_>, mistakes: &mut Mistakes) -> Option<String> {
    const EXPECTED: &str =
        "a YAML file inside the scenario's folder, such as `policies/istio/x.yaml`";
    let path = field.text(EXPECTED, mistakes)?;
    let inside = !path.contains(['\\', ':', '\0'])
        && path.split('/').all(|part| !matches!(part, "" | "." | ".."));
    let yaml = [".yaml", ".yml"].iter().any(|end| path.ends_with(end));
    if inside && yaml {
        return Some(path.to_owned());
    }
    if path.split(['/', '\\']).any(|part| part == "..") {
        let help = "a scenario is copied as a whole; copy the file into its folder".to_owned();
        field.expected_with_help(EXPECTED, help, mistakes);
    } else {
        field.expected(EXPECTED, mistakes);
    }
    None
}

/// The well-formed policy paths of each variant and each rung, whatever else is wrong with it.
pub(super) fn policy_files<'n>(map: &Map<'n>) -> Vec<Vec<(String, Field<'n>)>> {
    let mut ignored = Mistakes::new("");
    let items = map.optional("variants").and_then(|field| field.list("", &mut ignored));
    let mut files = Vec::new();
    for item in items.unwrap_or_default().into_iter().chain(memory::rung_items(map)) {
        let entries = item.entries("", &mut ignored).unwrap_or_default();
        let policies = entries.into_iter().find(|(entry, _)| entry.key == "policies");
        let paths = policies.and_then(|(_, field)| field.list("", &mut ignored));
        let mut of_variant: Vec<(String, Field<'n>)> = Vec::new();
        for field in paths.unwrap_or_default() {
            if let Some(path) = policy_path(&field, &mut ignored)
                && !of_variant.iter().any(|(known, _)| *known == path)
            {
                of_variant.push((path, field));
            }
        }
        files.push(of_variant);
    }
    files
}

fn posture(
    field: &Field<'_>,
    proxies: Option<Proxies>,
    mistakes: &mut Mistakes,
) -> Option<Posture> {
    let map = field.map(&POSTURE_KEYS, mistakes)?;
    let plaintext = map.required("plaintext", mistakes).and_then(|f| f.choice(&EXPECTED, mistakes));
    let mesh_identity = mtls_probe(&map, "mesh-identity", proxies, mistakes);
    let foreign_ca = mtls_probe(&map, "foreign-ca", proxies, mistakes);
    let foreign_trust_domain = mtls_probe(&map, "foreign-trust-domain", proxies, mistakes);
    let has_identity = map
        .required("measured-path-has-identity", mistakes)
        .and_then(|field| field.boolean(mistakes));
    let calls = match map.optional("calls") {
        Some(field) => calls::read(&field, proxies, mistakes),
        None => Some(Vec::new()),
    };
    let posture = Posture {
        calls: calls?,
        plaintext: plaintext?,
        mesh_identity: mesh_identity?,
        foreign_ca: foreign_ca?,
        foreign_trust_domain: foreign_trust_domain?,
        measured_path_has_identity: has_identity?,
    };
    match proxies {
        Some(Proxies::None | Proxies::Node) => check_bare(&map, &posture, mistakes),
        Some(Proxies::Sidecars) => check_sidecars(&map, &posture, mistakes),
        None => {}
    }
    Some(posture)
}

/// The outer option is whether it could be read, the inner one whether it is claimed.
fn mtls_probe(
    map: &Map<'_>,
    name: &str,
    proxies: Option<Proxies>,
    mistakes: &mut Mistakes,
) -> Option<Option<Expected>> {
    if let Some(field) = map.optional(name) {
        return field.choice(&EXPECTED, mistakes).map(Some);
    }
    if proxies == Some(Proxies::Sidecars) {
        let help = "with sidecars every probe is made, so each needs an expectation";
        map.required_because(name, Some(help), mistakes);
        return None;
    }
    Some(None)
}

fn check_bare(map: &Map<'_>, posture: &Posture, mistakes: &mut Mistakes) {
    let mut refuse = |name: &str, message: &str| {
        if let Some(field) = map.optional(name) {
            let help =
                "what listens speaks plain HTTP; use `proxies: sidecars` or change the claim";
            field.contradicts(message, help, mistakes);
        }
    };
    if posture.plaintext == Expected::Refused {
        refuse("plaintext", "plaintext can be refused by sidecars only");
    }
    if posture.measured_path_has_identity {
        let message = "the measured path has no peer identity without sidecars";
        refuse("measured-path-has-identity", message);
    }
    let probes = [
        ("mesh-identity", posture.mesh_identity),
        ("foreign-ca", posture.foreign_ca),
        ("foreign-trust-domain", posture.foreign_trust_domain),
    ];
    for (name, expected) in probes {
        if expected == Some(Expected::Accepted) {
            refuse(name, "no mTLS call is accepted without sidecars");
        }
    }
}

fn check_sidecars(map: &Map<'_>, posture: &Posture, mistakes: &mut Mistakes) {
    let Some(field) = map.optional("measured-path-has-identity") else {
        return;
    };
    if posture.measured_path_has_identity && posture.mesh_identity == Some(Expected::Refused) {
        let message = "the measured path has an identity, and `mesh-identity` is refused";
        let help = "the path's own certificate is one of the mesh; change one of the two";
        field.contradicts(message, help, mistakes);
    }
    if !posture.measured_path_has_identity && posture.plaintext == Expected::Refused {
        let message = "the measured path is plaintext, and `plaintext` is refused";
        let help = "no request would be answered; change one of the two";
        field.contradicts(message, help, mistakes);
    }
}

fn planted(
    field: &Field<'_>,
    proxies: Option<Proxies>,
    mistakes: &mut Mistakes,
) -> Option<Planted> {
    let map = field.map(&["delay", "share", "stall", "every"], mistakes)?;
    match (map.optional("delay"), map.optional("stall")) {
        (Some(delay), None) => planted_delay(&map, &delay, proxies, mistakes),
        (None, Some(stall)) => planted_stall(&map, &stall, mistakes),
        (None, None) => {
            let help = "write `{delay: 1ms, share: 100}` or `{stall: 200ms, every: 2s}`";
            field.contradicts("expected a `delay` or a `stall`, found neither", help, mistakes);
            None
        }
        (Some(_), Some(_)) => {
            let help = "plant one fault in one variant and the other in another";
            field.contradicts("expected a `delay` or a `stall`, found both", help, mistakes);
            None
        }
    }
}

fn planted_delay(
    map: &Map<'_>,
    field: &Field<'_>,
    proxies: Option<Proxies>,
    mistakes: &mut Mistakes,
) -> Option<Planted> {
    if let Some(other) = proxies.filter(|proxies| *proxies != Proxies::Sidecars) {
        let help = "the server's sidecar holds the requests back; use `proxies: sidecars`";
        let message = format!("a planted delay with proxies `{}`", other.word());
        field.contradicts(message, help, mistakes);
    }
    if let Some(every) = map.optional("every") {
        every.contradicts("`every` belongs to a stall", "a delay has a `share`", mistakes);
    }
    let delay = words::some_duration(field, mistakes);
    let share = map.required("share", mistakes).and_then(|field| {
        let share = words::percent(&field, mistakes)?;
        if share.percent() <= 0.0 {
            field.expected("a percentage above 0", mistakes);
            return None;
        }
        Some(share)
    });
    Some(Planted::Delay { delay: delay?, share: share? })
}

fn planted_stall(map: &Map<'_>, field: &Field<'_>, mistakes: &mut Mistakes) -> Option<Planted> {
    if let Some(share) = map.optional("share") {
        share.contradicts("`share` belongs to a delay", "a stall has an `every`", mistakes);
    }
    let length = words::some_duration(field, mistakes);
    let every =
        map.required("every", mistakes).and_then(|field| words::some_duration(&field, mistakes));
    let (length, every) = (length?, every?);
    if length >= every {
        let message = "the stall lasts as long as its period or longer";
        field.contradicts(message, "nothing would ever be answered; shorten it", mistakes);
    }
    Some(Planted::Stall { length, every })
}
