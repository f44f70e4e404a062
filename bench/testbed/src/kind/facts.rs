//! What a cluster says of itself, for the provenance: its nodes, its images with their digests, its
//! proxies' builds. Pure; what a document is, is seen in the document.

use std::collections::BTreeMap;

use serde_json::Value;

use super::conduct::Kept;

/// Facts by name, from what the steps said that keep something. What is no JSON has none.
#[must_use]
pub fn facts(kept: &[Kept]) -> BTreeMap<String, String> {
    let mut facts = BTreeMap::new();
    for Kept { step, output } in kept {
        let Ok(document) = serde_json::from_str::<Value>(output) else { continue };
        for item in document.pointer("/items").and_then(Value::as_array).into_iter().flatten() {
            match text(item, "/kind") {
                Some("Node") => facts.extend(node(item)),
                Some("Pod") => facts.extend(images(item)),
                _ => {}
            }
        }
        // Envoy's /server_info: build, state, options.
        if let (Some(build), Some(_)) = (text(&document, "/version"), document.pointer("/state")) {
            facts.insert(step.trim_start_matches("keep ").to_owned(), build.to_owned());
        }
    }
    facts
}

fn text<'a>(value: &'a Value, pointer: &str) -> Option<&'a str> {
    value.pointer(pointer)?.as_str()
}

/// Kernel, runtime and size.
fn node(item: &Value) -> Option<(String, String)> {
    let name = text(item, "/metadata/name")?;
    let said = |part: &str| text(item, &format!("/status/{part}")).unwrap_or("unknown").to_owned();
    let shape = format!(
        "kernel {}, {}, {}, kubelet {}, {} CPUs, {} memory",
        said("nodeInfo/kernelVersion"),
        said("nodeInfo/osImage"),
        said("nodeInfo/containerRuntimeVersion"),
        said("nodeInfo/kubeletVersion"),
        said("capacity/cpu"),
        said("capacity/memory")
    );
    Some((format!("node {name}"), shape))
}

/// The digests of all that runs in a pod, by the name under which it was asked for.
fn images(item: &Value) -> Vec<(String, String)> {
    let statuses = ["/status/containerStatuses", "/status/initContainerStatuses"]
        .iter()
        .filter_map(|list| item.pointer(list)?.as_array())
        .flatten();
    let image = |status: &Value| {
        Some((format!("image {}", text(status, "/image")?), text(status, "/imageID")?.to_owned()))
    };
    statuses.filter_map(image).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn kept(step: &str, output: &Value) -> Kept {
        Kept { step: step.to_owned(), output: output.to_string() }
    }

    #[test]
    fn nodes_images_and_builds_are_found_and_the_rest_is_passed_over() {
        let node = json!({
            "kind": "Node",
            "metadata": {"name": "worker"},
            "status": {
                "nodeInfo": {
                    "kernelVersion": "6.8.0", "osImage": "Debian 12",
                    "containerRuntimeVersion": "containerd://2.1.1", "kubeletVersion": "v1.30.13",
                },
                "capacity": {"cpu": "8", "memory": "16Gi"},
            },
        });
        let pod = json!({"kind": "Pod", "status": {
            "containerStatuses": [{"image": "a:1", "imageID": "a@sha256:01"}],
            "initContainerStatuses": [{"image": "b:2", "imageID": "b@sha256:02"}],
        }});
        let info = json!({"version": "c0ffee/1.32.6/Clean/RELEASE/BoringSSL", "state": "LIVE"});
        let found = facts(&[
            kept("keep the nodes", &json!({"kind": "List", "items": [node]})),
            kept("keep the pods", &json!({"kind": "List", "items": [pod, {"kind": "Pod"}]})),
            kept("keep Envoy's build of server-a", &info),
            Kept { step: "keep the policies".to_owned(), output: "kind: List\n".to_owned() },
        ]);
        let expected = [
            ("Envoy's build of server-a", "c0ffee/1.32.6/Clean/RELEASE/BoringSSL"),
            ("image a:1", "a@sha256:01"),
            ("image b:2", "b@sha256:02"),
            (
                "node worker",
                "kernel 6.8.0, Debian 12, containerd://2.1.1, kubelet v1.30.13, 8 CPUs, 16Gi memory",
            ),
        ];
        let expected = expected.map(|(name, fact)| (name.to_owned(), fact.to_owned()));
        assert_eq!(found, BTreeMap::from(expected));
    }
}
