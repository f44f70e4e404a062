//! Checks of kinds whose fields are not all known here and that can undo policies: Envoy filters,
//! gateways, virtual services, Cilium's local redirects.

use super::Findings;
use crate::finding::{Severity, Span};
use crate::inventory::{Head, Inventory, Other};
use crate::judge::affected::{Affected, affected};
use crate::source::{Node, Position, Scalar, Value};
use crate::version::Versions;

/// What each of them says.
pub(super) fn together(inventory: &Inventory, versions: Versions, out: &mut Findings) {
    for Other { head, spec } in &inventory.others {
        match head.kind.as_str() {
            "EnvoyFilter" => filter(head, spec, out),
            "Gateway" => passthrough(head, spec, out),
            "VirtualService" => foreign_host(head, spec, out),
            "CiliumLocalRedirectPolicy" => redirect(head, spec, versions, out),
            _ => {}
        }
    }
    relaxed_names(inventory, out);
}

/// Names and fields of Envoy on which policies rest, and what each of them does.
const ON_WHICH_POLICIES_REST: [(&str, &str); 9] = [
    ("filters.http.rbac", "decides on authorization policies"),
    ("filters.network.rbac", "decides on authorization policies"),
    ("filters.http.jwt_authn", "verifies tokens"),
    ("istio_authn", "hands identities to authorization policies"),
    ("forward_client_cert_details", "says whose word on a caller's certificate is believed"),
    ("normalize_path", "brings paths into the form that policies expect"),
    ("merge_slashes", "brings paths into the form that policies expect"),
    ("path_with_escaped_slashes_action", "brings paths into the form that policies expect"),
    ("require_client_certificate", "demands mTLS of callers"),
];

fn filter(of: &Head, spec: &Node, out: &mut Findings) {
    let mut found: Vec<(&str, &str, Span)> = Vec::new();
    search(spec, &mut |text, span| {
        for (name, what) in ON_WHICH_POLICIES_REST {
            if text.contains(name) && !found.iter().any(|(known, ..)| *known == name) {
                found.push((name, what, span));
            }
        }
    });
    for (name, what, span) in found {
        out.add("AP031", of, span, format!("it touches `{name}`, which {what}"));
    }
}

/// Every key and text of a value.
fn search(node: &Node, see: &mut dyn FnMut(&str, Span)) {
    match &node.value {
        Value::Scalar(Scalar { text, .. }) => see(text, node.into()),
        Value::List(items) => items.iter().for_each(|item| search(item, see)),
        Value::Map(entries) => {
            for entry in entries {
                let at = entry.key_at;
                let until = Position { column: at.column + entry.key.chars().count(), ..at };
                see(&entry.key, Span { at, until });
                search(&entry.value, see);
            }
        }
        Value::Refused => {}
    }
}

/// A server of a gateway: the gateway's labels and port, its hosts, and how it speaks TLS.
struct Server<'g> {
    of: &'g Head,
    /// Which gateway's pods and which port it is for.
    place: String,
    hosts: Vec<&'g Node>,
    mode: Option<&'g Node>,
    /// The whole of `tls`, as text.
    tls: String,
}

fn servers<'g>(of: &'g Head, spec: &'g Node) -> impl Iterator<Item = Server<'g>> {
    let labels = spec.member("selector").map(crate::manifest::written).unwrap_or_default();
    let servers = spec.member("servers").map(Node::items).unwrap_or_default();
    servers.iter().map(move |server| Server {
        of,
        place: format!(
            "{labels} {}",
            server.path("port.number").map(crate::manifest::written).unwrap_or_default()
        ),
        hosts: server.member("hosts").map(Node::items).unwrap_or_default().iter().collect(),
        mode: server.path("tls.mode"),
        tls: server.member("tls").map(crate::manifest::written).unwrap_or_default(),
    })
}

fn passthrough(of: &Head, spec: &Node, out: &mut Findings) {
    for server in servers(of, spec) {
        let auto = server.mode.filter(|mode| mode.text() == Some("AUTO_PASSTHROUGH"));
        let Some(mode) = auto else { continue };
        // Between clusters of one mesh it is the documented way, for the mesh's own names.
        let local = server
            .hosts
            .iter()
            .all(|host| host.text().is_some_and(|host| host.ends_with(".local")));
        let message = "whoever names a service in SNI reaches it, past the gateway's own rules";
        let finding = out.add("AP035", of, mode.into(), message.to_owned());
        if local {
            finding.severity = Severity::Low;
        }
    }
}

/// A host without the namespaces that it is for.
fn bare(host: &Node) -> &str {
    let text = host.text().unwrap_or_default();
    text.split_once('/').map_or(text, |(_, host)| host)
}

/// Servers that ask less under `*.x` than others do under `y.x`.
fn relaxed_names(inventory: &Inventory, out: &mut Findings) {
    let all: Vec<Server<'_>> = inventory
        .others
        .iter()
        .filter(|other| other.head.kind == "Gateway")
        .flat_map(|other| servers(&other.head, &other.spec))
        .filter(|server| server.mode.is_some())
        .collect();
    let mut by_place: std::collections::BTreeMap<&str, Vec<&Server<'_>>> = Default::default();
    for server in
        all.iter().filter(|server| server.hosts.iter().any(|host| bare(host).starts_with('*')))
    {
        by_place.entry(&server.place).or_default().push(server);
    }
    for narrow in &all {
        let beside = by_place.get(narrow.place.as_str()).map(Vec::as_slice).unwrap_or_default();
        for host in narrow.hosts.iter().filter(|host| !bare(host).starts_with('*')) {
            let under = |wide: &&Node| {
                bare(wide).strip_prefix('*').is_some_and(|suffix| bare(host).ends_with(suffix))
            };
            let wide =
                beside.iter().find(|wide| wide.tls != narrow.tls && wide.hosts.iter().any(under));
            if let Some(wide) = wide {
                let message = format!(
                    "a connection for {} can ask for `{}` as well, with what is asked there",
                    wide.of.title(),
                    bare(host)
                );
                out.add("AP034", narrow.of, (*host).into(), message);
            }
        }
    }
}

/// A virtual service for callers of the whole mesh, of a host of another namespace.
fn foreign_host(of: &Head, spec: &Node, out: &mut Findings) {
    let list = |name: &str| spec.member(name).map(Node::items).unwrap_or_default();
    let texts = |name: &str| list(name).iter().filter_map(Node::text);
    let for_mesh = list("gateways").is_empty() || texts("gateways").any(|name| name == "mesh");
    let kept_to_itself = !list("exportTo").is_empty() && texts("exportTo").all(|name| name == ".");
    if !for_mesh || kept_to_itself {
        return;
    }
    for host in list("hosts") {
        let text = host.text().unwrap_or_default();
        let Some((_, namespace)) =
            text.strip_suffix(".svc.cluster.local").and_then(|name| name.rsplit_once('.'))
        else {
            continue;
        };
        if namespace != of.namespace {
            let message =
                format!("callers of `{text}` anywhere are led by namespace {}", of.namespace);
            out.add("AP030", of, host.into(), message);
        }
    }
}

fn redirect(of: &Head, spec: &Node, versions: Versions, out: &mut Findings) {
    let Some(matcher) = spec.path("redirectFrontend.addressMatcher") else { return };
    match affected("CN042", versions) {
        Affected::Yes(which) => {
            let message = format!("it takes over the address for every namespace ({which})");
            out.add("CN042", of, matcher.into(), message);
        }
        Affected::No => {}
        Affected::Unknown => out.open("CN042", "Cilium's release is not given"),
    }
}
