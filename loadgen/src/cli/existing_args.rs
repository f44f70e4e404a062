//! What was typed of a cluster that somebody else has made: which one, where in it, and with which
//! image. What happens there is decided in `existing`.

use clap::Args;
use testbed::kind::{NAMESPACE, Target};

/// The namespace beside it has eight letters more, and a label has at most 63.
const LONGEST: usize = 55;

/// Such a cluster; for `--testbed cluster` alone.
#[derive(Debug, Clone, Default, PartialEq, Eq, Args)]
pub struct ExistingArgs {
    /// With --testbed cluster: which cluster, by its context in the kubeconfig; the current one is
    /// never taken unless it is named
    #[arg(long, value_name = "C")]
    pub context: Option<String>,
    /// With --testbed cluster: where generators and origins stand; a namespace that loadgen has made
    /// and marked, or that is not there yet [default: loadgen-bench]
    #[arg(long, value_name = "N")]
    pub namespace: Option<String>,
    /// With --testbed cluster: the image of this repository's Dockerfile, as the cluster pulls it
    #[arg(long, value_name = "IMAGE")]
    pub image: Option<String>,
}

impl ExistingArgs {
    /// What was given of it.
    #[must_use]
    pub fn given(&self) -> Vec<&'static str> {
        let all = [
            ("--context", &self.context),
            ("--namespace", &self.namespace),
            ("--image", &self.image),
        ];
        all.into_iter().filter(|(_, value)| value.is_some()).map(|(name, _)| name).collect()
    }

    /// Where a run happens, or everything that is missing or wrong.
    pub fn target(&self) -> Result<Target, String> {
        let mut mistakes = Vec::new();
        let mut word = |given: &Option<String>, missing: &str, name: &str| {
            let text = given.clone().unwrap_or_default();
            if given.is_none() {
                mistakes.push(missing.to_owned());
            } else if text.is_empty() || text.starts_with('-') || text.contains(char::is_whitespace)
            {
                mistakes.push(format!("{name} `{text}`: expected a word"));
            }
            text
        };
        let context = word(
            &self.context,
            "--context is missing: a cluster is named, and the current context is never taken by itself; `kubectl config get-contexts` lists them",
            "--context",
        );
        let image = word(
            &self.image,
            "--image is missing: the cluster's nodes pull the image of this repository's Dockerfile from somewhere, e.g. registry.example/loadgen:1",
            "--image",
        );
        let namespace = self.namespace.clone().unwrap_or_else(|| NAMESPACE.to_owned());
        mistakes.extend(no_namespace(&namespace));
        if mistakes.is_empty() {
            Ok(Target { context, namespace, image })
        } else {
            Err(mistakes.join("\n"))
        }
    }
}

/// Why a text is no name of a namespace of ours.
pub(super) fn no_namespace(name: &str) -> Option<String> {
    let inner = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    let ends = |byte: Option<u8>| byte.is_some_and(|byte| inner(byte) && byte != b'-');
    let bytes = name.as_bytes();
    let label = ends(bytes.first().copied()) && ends(bytes.last().copied());
    if !label || !bytes.iter().all(|byte| inner(*byte)) || bytes.len() > LONGEST {
        return Some(format!(
            "--namespace `{name}`: expected at most {LONGEST} lower-case letters, digits and `-`"
        ));
    }
    let others = ["kube-", "istio-", "cilium"];
    let theirs = name == "default" || others.iter().any(|other| name.starts_with(other));
    theirs.then(|| format!("--namespace {name}: it is somebody else's, and loadgen makes its own"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn args(context: &str, namespace: &str, image: &str) -> ExistingArgs {
        let [context, namespace, image] = [context, namespace, image].map(|it| Some(it.to_owned()));
        ExistingArgs { context, namespace, image }
    }

    #[test]
    fn all_that_is_missing_is_told_at_once_and_nothing_is_taken_by_itself() {
        let said = ExistingArgs::default().target().unwrap_err();
        assert!(said.contains("--context is missing") && said.contains("--image is missing"));
        let named = args("c", "bench-7", "registry.example/loadgen:1");
        assert_eq!(named.target().unwrap().namespace, "bench-7");
        assert_eq!(named.given(), ["--context", "--namespace", "--image"]);
        let unnamed = ExistingArgs { namespace: None, ..named };
        assert_eq!(unnamed.target().unwrap().namespace, "loadgen-bench");
    }

    #[test]
    fn what_is_no_word_and_whose_namespace_it_is_not_is_refused() {
        for (args, expected) in [
            (args("", "n", "i"), "--context ``"),
            (args("--kubeconfig=x", "n", "i"), "--context `--kubeconfig=x`"),
            (args("c", "n", "a b"), "--image `a b`"),
            (args("c", "Bench", "i"), "lower-case"),
            (args("c", "-n", "i"), "lower-case"),
            (args("c", &"n".repeat(56), "i"), "at most 55"),
            (args("c", "kube-system", "i"), "somebody else's"),
            (args("c", "istio-system", "i"), "somebody else's"),
            (args("c", "default", "i"), "somebody else's"),
        ] {
            let said = args.target().unwrap_err();
            assert!(said.contains(expected), "{expected}: {said}");
        }
    }
}
