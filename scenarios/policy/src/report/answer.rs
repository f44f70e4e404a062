//! Answers and explanations, for people and as one document for programs.

use std::fmt::Write as _;

use serde::Serialize;
use serde_json::json;

use crate::answer::{Answer, ByCilium, ByIstio, Explanation, Mtls, Verdict};
use crate::endpoint::Decision;

/// How far what is said stands from the left, behind its heading.
const INDENT: usize = 12;

/// Lines below headings.
#[derive(Default)]
struct Page {
    text: String,
}

impl Page {
    fn line(&mut self, heading: &str, line: &str) {
        writeln!(self.text, "{heading:<INDENT$}{line}").expect("a string takes all");
    }

    fn more(&mut self, line: &str) {
        self.line("", line);
    }
}

fn word(allowed: Option<bool>) -> &'static str {
    match allowed {
        Some(true) => "allowed",
        Some(false) => "denied",
        None => "not decidable",
    }
}

/// An answer for people.
#[must_use]
pub fn answer(answer: &Answer) -> String {
    let mut page = Page::default();
    page.line("question", &answer.question);
    for read_as in &answer.read_as {
        page.more(read_as);
    }
    if let Some(istio) = &answer.istio {
        by_istio(&mut page, istio);
    }
    let ways = [("egress of", &answer.cilium_egress), ("ingress of", &answer.cilium_ingress)];
    let mut heading = "Cilium";
    for (way, by) in ways {
        if let Some(ByCilium { endpoint, decision }) = by {
            let said = by_cilium(decision);
            page.line(heading, &format!("{way} {endpoint}: {said}"));
            heading = "";
        }
    }
    if answer.cilium_egress.is_none()
        && answer.cilium_ingress.is_none()
        && answer.missing.is_empty()
    {
        page.line("Cilium", "nothing of it is among the files, or it has no say in this call");
    }
    page.line("together", word(answer.allowed));
    for missing in &answer.missing {
        page.more(&format!("not decidable: needs {missing}"));
    }
    for note in &answer.notes {
        page.line("note", note);
    }
    page.text
}

fn by_istio(page: &mut Page, istio: &ByIstio) {
    let said = match &istio.verdict {
        Verdict::AllowedBy { rule } => format!("by {rule}"),
        Verdict::AllowedByDefault => "no ALLOW policy is about the workload".to_owned(),
        Verdict::NotEnforced { why } | Verdict::Refused { why } => why.clone(),
        Verdict::DeniedBy { rule } => format!("by {rule}"),
        Verdict::DeniedByDefault { policy } => {
            format!("there is {} ({}), and no rule allows it", policy.policy, policy.place)
        }
        Verdict::NotDecidable { missing } => {
            let missing: Vec<&str> = missing.iter().map(String::as_str).collect();
            format!("needs {}", missing.join(", "))
        }
    };
    page.line("Istio", &format!("{}: {said}", word(istio.verdict.allowed())));
    if let Some(mtls) = &istio.mtls {
        page.more(&mode(mtls));
        page.more(&format!("in front of the port: {}", istio.captured));
        let caller = istio.principal.as_deref().unwrap_or("without identity");
        page.more(&format!("the caller is {caller}: {}", istio.principal_because));
    }
}

fn mode(mtls: &Mtls) -> String {
    let by = match (mtls.level, &mtls.policy) {
        ("port", Some(policy)) => format!("by its own entry in {policy}"),
        ("workload", Some(policy)) => format!("by the workload's {policy}"),
        (level, Some(policy)) => format!("by the {level}'s {policy}"),
        (_, None) => "no policy sets a mode: Istio's default".to_owned(),
    };
    format!("mTLS {}: {by}", mtls.mode)
}

fn by_cilium(decision: &Decision) -> String {
    let said = match decision {
        Decision::AllowedBy { rule, authentication: None } => format!("by {rule}"),
        Decision::AllowedBy { rule, authentication: Some(mode) } => {
            format!("by {rule}, once authentication ({mode}) has succeeded")
        }
        Decision::AllowedByDefault => "no policy makes this direction one of denial".to_owned(),
        Decision::NotEnforced { why } => (*why).to_owned(),
        Decision::DeniedBy { rule } => format!("by {rule}"),
        Decision::DeniedByContent { rule } => {
            format!("what is said is not among what {rule} and its like let through")
        }
        Decision::DeniedByDefault { policy: Some(policy) } => {
            format!("default deny by {policy}, and no rule allows it")
        }
        Decision::DeniedByDefault { policy: None } => {
            "`enable-policy` is `always` in cilium-config, and no rule allows it".to_owned()
        }
        Decision::NotDecidable { missing } => {
            let missing: Vec<&str> = missing.iter().map(String::as_str).collect();
            format!("needs {}", missing.join(", "))
        }
    };
    format!("{}: {said}", word(decision.allowed()))
}

/// An explanation for people.
#[must_use]
pub fn explanation(of: &Explanation) -> String {
    let mut page = Page::default();
    page.line("workload", &of.subject);
    page.more(&of.read_as);
    istio(&mut page, of);
    let mut heading = "Cilium";
    for way in &of.cilium {
        let state = match way.default_deny {
            Some(true) => "default deny",
            Some(false) => "no default deny",
            None => "default deny can not be told",
        };
        page.line(heading, &format!("{}: {state}: {}", way.direction, way.because));
        heading = "";
        for policy in &way.policies {
            page.more(&format!("  {policy}"));
        }
    }
    if of.cilium.is_empty() {
        page.line("Cilium", "nothing of it is among the files");
    }
    for inert in &of.inert {
        page.more(inert);
    }
    if let Some(encryption) = of.encryption {
        page.more(&format!("traffic between nodes is encrypted by {encryption}"));
    }
    for note in &of.notes {
        page.line("note", note);
    }
    page.text
}

fn istio(page: &mut Page, of: &Explanation) {
    let Some(mtls) = &of.mtls else {
        page.line("Istio", &format!("in front of the port: {}", of.captured));
        return;
    };
    page.line("Istio", &mode(mtls));
    for overruled in &of.overruled {
        let (title, document, why) = (&overruled.title, &overruled.document, &overruled.why);
        page.more(&format!("  not {title} ({document}): {why}"));
    }
    page.more(&format!("in front of the port: {}", of.captured));
    for token in &of.tokens {
        page.more(&format!("tokens are verified by {token}"));
    }
    for policy in &of.authorization {
        let noun = if policy.rules == 1 { "rule" } else { "rules" };
        let tried = if policy.dry_run { ", tried only" } else { "" };
        page.more(&format!(
            "{} {} ({}), {} {noun}{tried}",
            policy.action, policy.title, policy.document, policy.rules
        ));
    }
    page.more(&format!("what no policy denies is {}", of.otherwise));
    page.more(&format!("paths are normalised by {}", of.path_normalization));
}

/// An answer or an explanation as one document.
#[must_use]
pub fn document(name: &str, value: &impl Serialize) -> String {
    let document = json!({ "schema_version": 1, name: value });
    format!("{document:#}\n")
}
