//! A live cluster as texts, by way of kubectl: it has the credentials, and `get` is all that it is
//! asked. What the objects mean is not known here.

use std::collections::BTreeMap;
use std::io::{self, Read};
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use policy::ROOT_NAMESPACE;
use policy::schema::{KINDS, Kind};
use policy::source::Limits;
use policy::version::{Version, Versions};
use rustix::process::{Pid, Signal, kill_process_group};
use testbed::deadline::Deadline;

use crate::cli::exit::Failure;
use crate::cli::tell::tell;

/// For one kind of object, of which a large cluster has thousands.
const FOR_ONE: Duration = Duration::from_secs(60);

/// What was read of a cluster.
pub(super) struct Cluster {
    /// By what kubectl was asked for.
    pub(super) files: BTreeMap<String, String>,
    /// Of the control planes that run there, as far as their images say.
    pub(super) versions: Versions,
}

impl Cluster {
    /// Reads every kind that is checked, in all namespaces.
    pub(super) fn read(context: &str, root_namespace: Option<&str>) -> Result<Self, Failure> {
        let (mut files, mut missing) = (BTreeMap::new(), 0);
        let (mut refused, mut wrong) = (Vec::new(), Vec::new());
        for kind in KINDS.iter() {
            let resource = resource(kind);
            match get(context, &[&resource, "--all-namespaces", "--output=yaml"])? {
                Answer::Text(text) => drop(files.insert(format!("{context}/{resource}"), text)),
                // A cluster need not have both meshes.
                Answer::NoSuchKind => missing += 1,
                Answer::Refused => refused.push(resource),
                Answer::Failed(why) => wrong.push(format!("kubectl get {resource}: {why}")),
            }
            // A cluster that is not there is not there for the next kind either.
            if !wrong.is_empty() {
                return Err(Failure::Usage(wrong.join("\n")));
            }
        }
        if !refused.is_empty() {
            return Err(Failure::Usage(not_allowed(context, &refused)));
        }
        if missing == KINDS.len() {
            let message = format!(
                "context {context}: the cluster has none of the kinds that are \
                checked, neither Istio's nor Cilium's"
            );
            return Err(Failure::Usage(message));
        }
        let istio =
            version(context, "Istio", root_namespace.unwrap_or(ROOT_NAMESPACE), "app=istiod");
        let cilium = version(context, "Cilium", "kube-system", "k8s-app=cilium");
        Ok(Self { files, versions: Versions { istio, cilium } })
    }
}

/// As kubectl names a kind: in full, since others may have the same short name.
fn resource(kind: &Kind) -> String {
    let name = kind.name.to_lowercase();
    let plural = match name.strip_suffix('y') {
        Some(stem) => format!("{stem}ies"),
        None => format!("{name}s"),
    };
    format!("{plural}.{}", kind.group)
}

fn not_allowed(context: &str, resources: &[String]) -> String {
    let all: Vec<String> =
        KINDS.iter().map(|kind| format!("--resource={}", resource(kind))).collect();
    format!(
        "context {context}: reading {} is refused in all namespaces\n  help: it needs `get` and \
         `list` in every namespace, and nothing else:\n    kubectl create clusterrole \
         loadgen-validate --verb=get,list {}\n    kubectl create clusterrolebinding \
         loadgen-validate --clusterrole=loadgen-validate --user=WHO\n  to detect releases, also \
         `list` of pods in the namespaces of istiod and of Cilium; or give --istio-version and \
         --cilium-version",
        resources.join(", "),
        all.join(" ")
    )
}

/// The oldest release that runs, since that is what a policy must do with.
fn version(context: &str, product: &str, namespace: &str, selector: &str) -> Option<Version> {
    let arguments = [
        "pods",
        "--namespace",
        namespace,
        "--selector",
        selector,
        "--output=jsonpath={.items[*].spec.containers[*].image}",
    ];
    let oldest = match get(context, &arguments) {
        Ok(Answer::Text(images)) => images.split_whitespace().filter_map(of_image).min(),
        _ => None,
    };
    match oldest {
        Some(version) => tell(&format!("{product} {version} runs in {namespace}")),
        None => {
            let option = product.to_lowercase();
            tell(&format!(
                "no release of {product} was found in {namespace} by {selector}; \
                 --{option}-version says which it is"
            ));
        }
    }
    oldest
}

/// The release that an image's tag begins with, as in `docker.io/istio/pilot:1.25.5-distroless`.
fn of_image(image: &str) -> Option<Version> {
    let without_digest = image.split('@').next()?;
    // A port of the registry is before the last slash.
    let (_, tag) = without_digest.rsplit('/').next()?.split_once(':')?;
    tag.split(['-', '+']).next()?.parse().ok()
}

enum Answer {
    Text(String),
    NoSuchKind,
    Refused,
    Failed(String),
}

/// `kubectl get`, ended when it takes too long.
fn get(context: &str, arguments: &[&str]) -> Result<Answer, Failure> {
    let mut command = Command::new("kubectl");
    command.args(["get", "--context", context, "--request-timeout=30s"]).args(arguments);
    let said = run(&mut command).map_err(|error| {
        Failure::Usage(match error.kind() {
            io::ErrorKind::NotFound => "--context needs kubectl, which was not found on PATH; \
                install it, or pipe a dump: kubectl get … -A -o yaml | loadgen validate -"
                .to_owned(),
            _ => format!("kubectl get {}: {error}", arguments[0]),
        })
    })?;
    if said.succeeded {
        return Ok(match String::from_utf8(said.output) {
            Ok(text) => Answer::Text(text),
            Err(_) => Answer::Failed("what it said is no text in UTF-8".to_owned()),
        });
    }
    let errors = String::from_utf8_lossy(&said.errors);
    let errors = errors.trim();
    Ok(if errors.contains("the server doesn't have a resource type") {
        Answer::NoSuchKind
    } else if errors.contains("(Forbidden)") {
        Answer::Refused
    } else {
        Answer::Failed(errors.to_owned())
    })
}

struct Said {
    succeeded: bool,
    output: Vec<u8>,
    errors: Vec<u8>,
}

/// Runs a command that asks nothing and ends within the time for one kind.
fn run(command: &mut Command) -> io::Result<Said> {
    let deadline = Deadline::after(FOR_ONE);
    // A group of its own, so that its helpers for credentials end with it.
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .spawn()?;
    let output = read_on(child.stdout.take().expect("it is piped above"))?;
    let errors = read_on(child.stderr.take().expect("it is piped above"))?;
    let both = output.recv_timeout(deadline.left()).and_then(|output| {
        let errors = errors.recv_timeout(deadline.left())?;
        Ok((output, errors))
    });
    if both.is_err() {
        let group = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
        if let Some(group) = group {
            // That it has ended by itself is as good.
            let _ = kill_process_group(group, Signal::KILL);
        }
    }
    // Both of its outputs are closed, or it was killed.
    let succeeded = child.wait()?.success();
    let Ok((output, errors)) = both else {
        let seconds = FOR_ONE.as_secs();
        return Err(io::Error::other(format!("it was not done within {seconds} s, and was ended")));
    };
    let output = output?;
    if output.len() > Limits::MANIFESTS.bytes {
        let limit = Limits::MANIFESTS.bytes;
        return Err(io::Error::other(format!("it said more than {limit} bytes")));
    }
    Ok(Said { succeeded, output, errors: errors? })
}

/// Reads to the end on a thread of its own, since a full pipe would keep the child waiting.
fn read_on(from: impl Read + Send + 'static) -> io::Result<Receiver<io::Result<Vec<u8>>>> {
    let (to, read) = channel();
    std::thread::Builder::new().name("kubectl output".to_owned()).spawn(move || {
        let mut bytes = Vec::new();
        let most = Limits::MANIFESTS.bytes as u64 + 1;
        let result = from.take(most).read_to_end(&mut bytes).map(|_| bytes);
        // Nobody waits any more when it took too long.
        let _ = to.send(result);
    })?;
    Ok(read)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_image_says_its_release() {
        let of = |image: &str| of_image(image).map(|version| version.to_string());
        assert_eq!(of("docker.io/istio/pilot:1.25.5-distroless").as_deref(), Some("1.25.5"));
        let digest = "quay.io/cilium/cilium:v1.17.5@sha256:0123";
        assert_eq!(of(digest).as_deref(), Some("1.17.5"));
        assert_eq!(of("registry:5000/pilot:1.24.6").as_deref(), Some("1.24.6"));
        for unknown in ["registry:5000/pilot", "pilot:latest", "pilot@sha256:01", ""] {
            assert_eq!(of(unknown), None, "{unknown}");
        }
    }

    #[test]
    fn kinds_are_named_as_kubectl_does() {
        let names: Vec<String> = KINDS.iter().map(resource).collect();
        assert!(names.contains(&"authorizationpolicies.security.istio.io".to_owned()));
        assert!(names.contains(&"peerauthentications.security.istio.io".to_owned()));
        assert!(names.contains(&"ciliumclusterwidenetworkpolicies.cilium.io".to_owned()));
    }
}
