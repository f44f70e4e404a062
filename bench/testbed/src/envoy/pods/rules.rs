//! Which connections are brought to which proxy, as tables for `iptables-restore`. Pure; how
//! namespaces are joined is not known here.
//!
//! The tables have the effect of those that Istio loads into a pod, with two differences. A sidecar's
//! own connections are told by a mark and not by its user id, since a second user id is not to be
//! had everywhere. And ports may be left out, as Istio's annotations leave them out, or go to
//! sidecars of another version.

use std::collections::BTreeMap;
use std::fmt::Write as _;

/// What sidecars put on their own connections, so that they are not captured again.
pub(in crate::envoy) const MARK: u32 = 1337;

/// Ports of the server's workload, by what captures connections to them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(in crate::envoy) struct Captured {
    /// By the build of their sidecars.
    pub(in crate::envoy) by_sidecars: BTreeMap<usize, Vec<u16>>,
    /// By the build of their node's proxy.
    pub(in crate::envoy) by_node: BTreeMap<usize, Vec<u16>>,
    /// Those that no sidecar is for: the ones of the node's proxy, and those without proxies.
    pub(in crate::envoy) past_sidecars: Vec<u16>,
}

/// Where the sidecars of the client listen for what it sends.
pub(super) fn outbound_port(build: usize) -> u16 {
    port(15_001, build)
}

/// Where the sidecars of the server listen for what comes to it.
pub(super) fn inbound_port(build: usize) -> u16 {
    port(15_006, build)
}

/// Where the node's proxies listen for what passes.
pub(super) fn node_port(build: usize) -> u16 {
    port(15_012, build)
}

/// Istio's, or beside it for further builds.
fn port(first: u16, build: usize) -> u16 {
    let further = u16::try_from(build).expect("few Envoys are installed");
    first + 100 * further
}

impl Captured {
    /// The client's pod: all that it sends goes to its sidecar.
    pub(super) fn in_client(&self) -> String {
        let mut rules = vec![
            format!("OUTPUT -m mark --mark {MARK} -j RETURN"),
            "OUTPUT -o lo -j RETURN".to_owned(),
        ];
        rules.extend(self.of_sidecars("OUTPUT", outbound_port));
        table(&rules)
    }

    /// The server's pod: all that comes to it goes to its sidecar.
    pub(super) fn in_server(&self) -> String {
        let rules: Vec<String> = self.of_sidecars("PREROUTING", inbound_port).collect();
        table(&rules)
    }

    /// The node: what passes to ports for which its proxy has rules goes there.
    pub(super) fn in_node(&self) -> String {
        let rules: Vec<String> = self
            .by_node
            .iter()
            .flat_map(|(build, ports)| {
                ports.iter().map(|port| to("PREROUTING", Some(*port), node_port(*build)))
            })
            .collect();
        table(&rules)
    }

    /// The first build has what no rule before is about.
    fn of_sidecars(
        &self,
        chain: &'static str,
        at: fn(usize) -> u16,
    ) -> impl Iterator<Item = String> {
        let past = self
            .past_sidecars
            .iter()
            .map(move |port| format!("{chain} -p tcp --dport {port} -j RETURN"));
        let further = self.by_sidecars.iter().skip(1).flat_map(move |(build, ports)| {
            ports.iter().map(move |port| to(chain, Some(*port), at(*build)))
        });
        let first = self.by_sidecars.keys().next().map(|build| to(chain, None, at(*build)));
        past.chain(further).chain(first)
    }
}

fn to(chain: &str, port: Option<u16>, proxy: u16) -> String {
    let port = port.map(|port| format!(" --dport {port}")).unwrap_or_default();
    format!("{chain} -p tcp{port} -j REDIRECT --to-ports {proxy}")
}

fn table(rules: &[String]) -> String {
    let mut text = "*nat\n".to_owned();
    for chain in ["PREROUTING", "INPUT", "OUTPUT", "POSTROUTING"] {
        let _ = writeln!(text, ":{chain} ACCEPT [0:0]");
    }
    for rule in rules {
        let _ = writeln!(text, "-A {rule}");
    }
    text.push_str("COMMIT\n");
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    const CHAINS: &str = ":PREROUTING ACCEPT [0:0]\n:INPUT ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n\
                          :POSTROUTING ACCEPT [0:0]\n";

    fn captured() -> Captured {
        Captured {
            by_sidecars: BTreeMap::from([(0, vec![4001]), (2, vec![4002])]),
            by_node: BTreeMap::from([(0, vec![4003])]),
            past_sidecars: vec![4003, 4004],
        }
    }

    #[test]
    fn a_pod_sends_all_to_its_sidecar_but_what_that_sends_itself_and_what_is_left_out() {
        let expected = "-A OUTPUT -m mark --mark 1337 -j RETURN\n\
                        -A OUTPUT -o lo -j RETURN\n\
                        -A OUTPUT -p tcp --dport 4003 -j RETURN\n\
                        -A OUTPUT -p tcp --dport 4004 -j RETURN\n\
                        -A OUTPUT -p tcp --dport 4002 -j REDIRECT --to-ports 15201\n\
                        -A OUTPUT -p tcp -j REDIRECT --to-ports 15001\n";
        assert_eq!(captured().in_client(), format!("*nat\n{CHAINS}{expected}COMMIT\n"));
    }

    #[test]
    fn whatever_comes_to_a_pod_meets_its_sidecar_unless_it_is_left_out() {
        let expected = "-A PREROUTING -p tcp --dport 4003 -j RETURN\n\
                        -A PREROUTING -p tcp --dport 4004 -j RETURN\n\
                        -A PREROUTING -p tcp --dport 4002 -j REDIRECT --to-ports 15206\n\
                        -A PREROUTING -p tcp -j REDIRECT --to-ports 15006\n";
        assert_eq!(captured().in_server(), format!("*nat\n{CHAINS}{expected}COMMIT\n"));
    }

    #[test]
    fn a_node_captures_what_its_proxy_has_rules_for_and_nothing_else() {
        let expected = "-A PREROUTING -p tcp --dport 4003 -j REDIRECT --to-ports 15012\n";
        assert_eq!(captured().in_node(), format!("*nat\n{CHAINS}{expected}COMMIT\n"));
        assert_eq!(Captured::default().in_node(), format!("*nat\n{CHAINS}COMMIT\n"));
    }
}
