//! The calls of a posture, and whether they and the load are what the variant's own resources make
//! of them: a claim that the reference contradicts would never be proven.

use policy::source::{Field, Map, Mistakes};

use super::request;
use super::variants::EXPECTED;
use super::words;
use crate::load::{Answer, RequestKind};
use crate::model::Model;
use crate::posture::{CallClaim, Caller, Expected};
use crate::scenario::Scenario;
use crate::variant::Proxies;

const KEYS: [&str; 5] = ["from", "method", "path", "headers", "expect"];

pub(super) fn read(
    field: &Field<'_>,
    proxies: Option<Proxies>,
    mistakes: &mut Mistakes,
) -> Option<Vec<CallClaim>> {
    let items = words::some_items(field, "a list of at least one call", mistakes)?;
    words::each(items, |item| call(&item, proxies, mistakes))
}

fn call(field: &Field<'_>, proxies: Option<Proxies>, mistakes: &mut Mistakes) -> Option<CallClaim> {
    let map = field.map(&KEYS, mistakes)?;
    let from = match map.optional("from") {
        Some(field) => caller(&field, proxies, mistakes).map(Some),
        None => Some(None),
    };
    let request = request::read(&map, mistakes);
    if let (Some(method), Some(true)) =
        (map.optional("method"), request.as_ref().map(|request| request.method == "HEAD"))
    {
        let help = "its answer has no body, which would show who answered; ask by `GET`";
        method.contradicts("a call can not be proven by `HEAD`", help, mistakes);
    }
    let expected = map.required("expect", mistakes).and_then(|f| f.choice(&EXPECTED, mistakes));
    Some(CallClaim { from: from?, request: request?, expected: expected? })
}

fn caller(field: &Field<'_>, proxies: Option<Proxies>, mistakes: &mut Mistakes) -> Option<Caller> {
    const WANTED: &str = "a namespace and a service account, such as `shop/web`";
    let text = field.text(WANTED, mistakes)?;
    let is_name = |part: &str| {
        let letter = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        !part.is_empty() && part.chars().all(letter)
    };
    let Some((namespace, account)) = text.split_once('/').filter(|(a, b)| is_name(a) && is_name(b))
    else {
        field.expected(WANTED, mistakes);
        return None;
    };
    if let Some(other) = proxies.filter(|proxies| *proxies != Proxies::Sidecars) {
        let message = format!("a caller with an identity and proxies `{}`", other.word());
        let help = "only sidecars know callers by identities; leave `from` out";
        field.contradicts(message, help, mistakes);
    }
    Some(Caller { namespace: namespace.to_owned(), account: account.to_owned() })
}

/// Holds every claim, and what the load expects, against the reference.
pub(super) fn check(map: &Map<'_>, scenario: &Scenario, mistakes: &mut Mistakes) {
    let mut ignored = Mistakes::new("");
    let items = map.optional("variants").and_then(|field| field.list("", &mut ignored));
    let kinds = map.optional("load").and_then(|field| words::child(&field, "request"));
    let mut denied: Vec<&str> = Vec::new();
    for (item, variant) in items.unwrap_or_default().iter().zip(&scenario.variants) {
        // Files that can not be read are mistakes already.
        if scenario.policy_set(variant).is_err() {
            continue;
        }
        let model = match Model::of(scenario, variant) {
            Ok(model) => model,
            Err(problem) => {
                let message = format!("its policies can not be decided: {problem}");
                let help = "nobody could say what must be proven; write them otherwise";
                item.contradicts(message, help, mistakes);
                continue;
            }
        };
        calls(item, &variant.posture.calls, &model, mistakes);
        for kind in &scenario.load.requests {
            let Some(field) = &kinds else { continue };
            match (model.request(&kind.request), kind.answer) {
                (Ok(judged), Answer::Served) if judged.expected == Expected::Refused => {
                    let RequestKind { name, request, .. } = kind;
                    let (method, path) = (&request.method, &request.path);
                    let message = format!(
                        "`{name}`, {method} {path}, is refused in the variant `{}`: {}",
                        variant.name, judged.why
                    );
                    let help = "let it through, or write `expect: denied`";
                    field.contradicts(message, help, mistakes);
                }
                (Ok(judged), Answer::Denied) if judged.expected == Expected::Refused => {
                    denied.push(&kind.name);
                }
                (Ok(_), _) => {}
                (Err(problem), _) => {
                    item.contradicts(problem, "leave that policy out", mistakes);
                }
            }
        }
    }
    never_denied(scenario, &denied, kinds.as_ref(), mistakes);
}

/// A denial that no variant gives would never be measured.
fn never_denied(
    scenario: &Scenario,
    denied: &[&str],
    field: Option<&Field<'_>>,
    mistakes: &mut Mistakes,
) {
    let Some(field) = field else { return };
    for kind in &scenario.load.requests {
        if kind.answer == Answer::Denied && !denied.contains(&kind.name.as_str()) {
            let message = format!("no variant's policies refuse `{}`", kind.name);
            let help = "take `expect: denied` out, or add a policy that refuses it";
            field.contradicts(message, help, mistakes);
        }
    }
}

fn calls(variant: &Field<'_>, claims: &[CallClaim], model: &Model, mistakes: &mut Mistakes) {
    let list = words::child(variant, "posture").and_then(|posture| words::child(&posture, "calls"));
    let items = list.and_then(|field| field.list("", &mut Mistakes::new("")));
    for (item, claim) in items.unwrap_or_default().iter().zip(claims) {
        held(item, claim, model, mistakes);
    }
}

/// A claim against what the policies come to.
pub(super) fn held(field: &Field<'_>, claim: &CallClaim, model: &Model, mistakes: &mut Mistakes) {
    match model.call(claim) {
        Ok(judged) if judged.expected != claim.expected => {
            let message =
                format!("expected that {claim}, and by its policies it is not: {}", judged.why);
            field.contradicts(message, "change the claim or the policies", mistakes);
        }
        Ok(_) => {}
        Err(problem) => field.contradicts(problem, "leave that policy out", mistakes),
    }
}
