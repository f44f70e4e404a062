//! The `memory` part of the file: the policies that running sidecars are given, and when a difference
//! of memory matters. It does not know how memory is read.

use policy::source::{Field, Map, Mistakes};

use super::words::{self, Taken};
use super::{calls, variants};
use crate::memory::{MemoryMargin, MemorySpec, OWN_STATES, Rung};
use crate::model::Model;
use crate::posture::Expected;
use crate::scenario::Scenario;
use crate::variant::{Proxies, TESTBEDS_WITH_MESH};

const RUNG_KEYS: [&str; 4] = ["name", "title", "policies", "calls"];

pub(super) fn read(field: &Field<'_>, mistakes: &mut Mistakes) -> Option<MemorySpec> {
    let map = field.map(&["settle", "margin", "rungs"], mistakes)?;
    let settle = map.required("settle", mistakes).and_then(|f| words::some_duration(&f, mistakes));
    let margin = map.required("margin", mistakes).and_then(|f| margin(&f, mistakes));
    let rungs = map.required("rungs", mistakes).and_then(|f| rungs(&f, mistakes));
    Some(MemorySpec { settle: settle?, margin: margin?, rungs: rungs? })
}

fn margin(field: &Field<'_>, mistakes: &mut Mistakes) -> Option<MemoryMargin> {
    let map = field.map(&["percent", "at-least"], mistakes)?;
    let percent = map.required("percent", mistakes).and_then(|f| words::percent(&f, mistakes));
    let at_least = map.required("at-least", mistakes).and_then(|f| words::bytes(&f, mistakes));
    let (percent, at_least_bytes) = (percent?, at_least?);
    if percent.percent() <= 0.0 && at_least_bytes == 0 {
        let help = "no interval fits into a margin of nothing; give one of the two a size";
        field.contradicts("the margin is nothing", help, mistakes);
    }
    Some(MemoryMargin { percent, at_least_bytes })
}

fn rungs(field: &Field<'_>, mistakes: &mut Mistakes) -> Option<Vec<Rung>> {
    let items = words::some_items(field, "a list of at least one rung", mistakes)?;
    let mut taken = Taken::default();
    words::each(items, |item| rung(&item, &mut taken, mistakes))
}

fn rung(field: &Field<'_>, taken: &mut Taken, mistakes: &mut Mistakes) -> Option<Rung> {
    let sidecars = Some(Proxies::Sidecars);
    let map = field.map(&RUNG_KEYS, mistakes)?;
    let name = map.required("name", mistakes).and_then(|field| {
        let name = words::name(&field, mistakes)?;
        if OWN_STATES.contains(&name.as_str()) {
            let message = format!("`{name}` is a state that every scenario about memory has");
            field.contradicts(message, "give the rung another name", mistakes);
        }
        taken.take(&name, "rung", &field, mistakes);
        Some(name)
    });
    let title = map.required("title", mistakes).and_then(|f| words::title(&f, mistakes));
    let policies = map.required("policies", mistakes).and_then(|field| {
        let policies = variants::policies(&field, sidecars, mistakes)?;
        if policies.is_empty() {
            field.expected("at least one policy file", mistakes);
        }
        Some(policies)
    });
    let calls = map.required("calls", mistakes).and_then(|field| {
        let calls = calls::read(&field, sidecars, mistakes)?;
        if calls.iter().all(|claim| claim.expected == Expected::Accepted) {
            let help =
                "nothing else shows that the policies are in force, and later that they are gone";
            field.contradicts("no call is refused", help, mistakes);
        }
        Some(calls)
    });
    Some(Rung { name: name?, title: title?, policies: policies?, calls: calls? })
}

/// The rungs of a file, whatever else is wrong with them.
pub(super) fn rung_items<'n>(map: &Map<'n>) -> Vec<Field<'n>> {
    let memory = map.optional("memory");
    let rungs = memory.and_then(|field| words::child(&field, "rungs"));
    let items = rungs.and_then(|field| field.list("", &mut Mistakes::new("")));
    items.unwrap_or_default()
}

/// Memory is read of sidecars, where they can be given policies while they run; and what is claimed
/// of a rung is what the policies come to.
pub(super) fn check(map: &Map<'_>, scenario: &Scenario, mistakes: &mut Mistakes) {
    let (Some(memory), Some(field)) = (&scenario.memory, map.optional("memory")) else { return };
    for name in TESTBEDS_WITH_MESH.iter().filter(|name| scenario.testbeds.contains_key(**name)) {
        let message = format!("memory is not read on the testbed `{name}`");
        let help = "leave it out of `testbeds`; memory is read on `embedded` and `envoy`";
        field.contradicts(message, help, mistakes);
    }
    for variant in &scenario.variants {
        if variant.proxies != Proxies::Sidecars {
            let message = format!("the variant `{}` has no sidecars to read", variant.name);
            field.contradicts(message, "use `proxies: sidecars`, or leave it out", mistakes);
            continue;
        }
        if let Ok(model) = Model::of(scenario, variant) {
            hold(&field, &memory.bare(variant).posture.calls, &model, mistakes);
        }
        for (item, rung) in rung_items(map).iter().zip(&memory.rungs) {
            match Model::of(scenario, &rung.on(variant)) {
                Ok(model) => {
                    let list = words::child(item, "calls");
                    let items = list.and_then(|field| field.list("", &mut Mistakes::new("")));
                    let claims = items.unwrap_or_default().into_iter().zip(&rung.calls);
                    for (item, claim) in claims {
                        hold(&item, std::slice::from_ref(claim), &model, mistakes);
                    }
                    passes(item, scenario, &model, mistakes);
                }
                Err(problem) => {
                    let message = format!("its policies can not be decided: {problem}");
                    let help = "nobody could say what must be proven; write them otherwise";
                    item.contradicts(message, help, mistakes);
                }
            }
        }
    }
}

/// What the load asks first is how a rung's callers are told apart, so it has to pass.
fn passes(field: &Field<'_>, scenario: &Scenario, model: &Model, mistakes: &mut Mistakes) {
    let request = scenario.load.request();
    if let Ok(judged) = model.request(request)
        && judged.expected == Expected::Refused
    {
        let message =
            format!("{} {} of the load is refused: {}", request.method, request.path, judged.why);
        field.contradicts(message, "let it through on every rung", mistakes);
    }
}

fn hold(
    field: &Field<'_>,
    claims: &[crate::posture::CallClaim],
    model: &Model,
    mistakes: &mut Mistakes,
) {
    for claim in claims {
        calls::held(field, claim, model, mistakes);
    }
}
