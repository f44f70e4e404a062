//! Files to a report: documents are taken apart, held against the fields of their kinds, and
//! checked. It reads no file itself and shows nothing.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};

use serde::Serialize;

use crate::PolicySet;
use crate::authorization::AuthorizationPolicy;
use crate::catalogue::check;
use crate::check::{self as checks, Findings, Known, Outline};
use crate::cilium;
use crate::cve;
use crate::destination_rule::DestinationRule;
use crate::finding::{Finding, Severity, Span};
use crate::inventory::{self, Inventory};
use crate::istio::PeerAuthentication;
use crate::manifest::{Manifest, texts, written};
use crate::request_authentication::RequestAuthentication;
use crate::schema::{Kind, Product, conform};
use crate::source::{
    Document, Limits, Lines, Mistake, Mistakes, Node, Piece, Position, Scalar, ScalarKind, Value,
    Wrong, each_piece,
};
use crate::terms::in_order;
use crate::version::Versions;
use crate::waiver::{self, Waiver};
use crate::{DEFAULT_NAMESPACE, Origin};

/// What is known of the cluster besides its resources.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    /// The releases that it runs.
    pub versions: Versions,
    /// The namespace whose policies are mesh-wide; without it the mesh's configuration says so.
    pub root_namespace: Option<String>,
}

/// What came of it.
#[derive(Debug, Default, Serialize)]
pub struct Report {
    /// In the order of files and lines.
    pub findings: Vec<Finding>,
    /// Checks that could not be decided, with the reason.
    pub not_evaluated: Vec<(&'static str, String)>,
    /// How many objects were checked.
    pub objects: usize,
    /// How many were read for what they say of the rest: namespaces, workloads, services.
    pub read_objects: usize,
    /// How many of other kinds were passed over.
    pub other_objects: usize,
    /// How many findings of the baseline are there no more.
    pub gone: usize,
    /// What could not be read at all.
    #[serde(skip)]
    pub mistakes: Vec<Mistake>,
    /// The waivers that objects carry.
    #[serde(skip)]
    pub waivers: Vec<Waiver>,
    /// What the article's own program would say, for the profile that asks for it.
    #[serde(skip)]
    pub of_the_article: Vec<Finding>,
}

/// Checks files given as path and text.
#[must_use]
pub fn validate<P: AsRef<str>, T: AsRef<str>>(files: &[(P, T)], settings: &Settings) -> Report {
    let mut report = Validator::of(files, settings, Keep::WhatChecksCompare).finish();
    if let (0, true, Some((path, _))) = (report.objects, report.mistakes.is_empty(), files.first())
    {
        let message = "no object of a kind that is checked was found".to_owned();
        let path = path.as_ref().to_owned();
        report.findings.push(Finding::new(check("GN009"), path, Span::START, message));
    }
    report
}

/// What a mesh would have in force of the same files: what is refused is not, and what the API
/// server drops is left out.
#[derive(Debug)]
pub struct InForce {
    /// Which mTLS mode a port has.
    pub set: PolicySet,
    /// Who may call what, the oldest first.
    pub authorization_policies: Vec<AuthorizationPolicy>,
    /// Which tokens are verified.
    pub request_authentications: Vec<RequestAuthentication>,
    /// How callers speak TLS.
    pub destination_rules: Vec<DestinationRule>,
    /// Who may send what to whom, by Cilium.
    pub network_policies: Vec<cilium::Policy>,
    /// What the cluster holds besides.
    pub inventory: Inventory,
    /// What could not be read, so that the rest is not all there is.
    pub mistakes: Vec<Mistake>,
    /// What was read and is not in force: what is refused, and templates; each with the reason.
    pub left_out: Vec<String>,
}

/// Reads files for what they put in force; [`validate`] says what is wrong in them.
#[must_use]
pub fn in_force<P: AsRef<str>, T: AsRef<str>>(files: &[(P, T)], settings: &Settings) -> InForce {
    let validator = Validator::of(files, settings, Keep::All);
    let mut manifests: Vec<&Manifest> =
        validator.manifests.iter().filter(|manifest| !manifest.refused).collect();
    manifests.sort_by(|a, b| a.age().cmp(&b.age()));
    let of = |kind: &'static str| {
        manifests.iter().copied().filter(move |manifest| manifest.kind.name == kind)
    };
    let refused = validator.manifests.iter().filter(|manifest| manifest.refused);
    let refused = refused.map(|of| format!("{} ({}) is refused", of.title(), of.origin));
    let findings = validator.found.list.iter();
    let templates = findings.filter(|finding| finding.check.id == "GN006");
    let templates = templates.map(|finding| format!("{} is a template", finding.path));
    InForce {
        left_out: refused.chain(templates).collect(),
        authorization_policies: of("AuthorizationPolicy")
            .filter_map(AuthorizationPolicy::read)
            .collect(),
        request_authentications: of("RequestAuthentication")
            .filter_map(RequestAuthentication::read)
            .collect(),
        destination_rules: of("DestinationRule").filter_map(DestinationRule::read).collect(),
        network_policies: of("CiliumNetworkPolicy")
            .chain(of("CiliumClusterwideNetworkPolicy"))
            .map(cilium::Policy::read)
            .collect(),
        set: validator.set,
        inventory: validator.inventory,
        mistakes: validator.report.mistakes,
    }
}

/// What is kept of objects once they were looked at one by one.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Keep {
    /// No check looks at Cilium's policies together, and a cluster's dump has many.
    WhatChecksCompare,
    /// Everything.
    All,
}

/// One object of a kind that has a table of fields, read strictly: what an API server or a controller
/// would refuse, or drop, is a mistake.
pub(crate) fn strictly(document: &Document, mistakes: &mut Mistakes) -> Option<Manifest> {
    let settings = Settings::default();
    let mut all = Validator::of::<&str, &str>(&[], &settings, Keep::All);
    // The text is only asked where a file of another kind is kept.
    all.object(&mistakes.path, "", document);
    let Some(manifest) = all.manifests.pop() else {
        let message = "`apiVersion` and `kind` do not go together".to_owned();
        mistakes.push(document.root.at, "", Wrong::Contradiction(message), None);
        return None;
    };
    let refused = |finding: &&Finding| finding.check.refuses || finding.check.id == "GN001";
    let mut whole = true;
    for finding in all.found.list.iter().filter(refused) {
        let message = format!("{}: {}", finding.object, finding.message);
        let help = Some(finding.check.fix.to_owned());
        mistakes.push(finding.span.at, "", Wrong::Contradiction(message), help);
        whole = false;
    }
    whole.then_some(manifest)
}

/// How much was there before a file or a list.
struct Mark {
    peer_authentications: usize,
    manifests: usize,
    findings: usize,
    open: usize,
    inventory: inventory::Count,
    objects: usize,
    read_objects: usize,
    other_objects: usize,
    waivers: usize,
    of_the_article: usize,
}

struct Validator<'s> {
    settings: &'s Settings,
    keep: Keep,
    set: PolicySet,
    inventory: Inventory,
    manifests: Vec<Manifest>,
    found: Findings,
    report: Report,
    /// Of the file that is being read.
    template: Template,
}

/// Whether a file is a template that happens to be YAML, since its placeholders are in quotes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Template {
    /// It has no placeholder at all.
    No,
    /// It has some; texts of a ConfigMap may well be templates of somebody else's.
    Perhaps,
    /// An object that is checked has one, here.
    At(Position),
}

impl<'s> Validator<'s> {
    fn of<P: AsRef<str>, T: AsRef<str>>(
        files: &[(P, T)],
        settings: &'s Settings,
        keep: Keep,
    ) -> Self {
        let (set, inventory) = (PolicySet::default(), Inventory::default());
        let (found, report) = (Findings::default(), Report::default());
        let manifests = Vec::new();
        let template = Template::No;
        let mut all = Self { settings, keep, set, inventory, manifests, found, report, template };
        for (path, text) in files {
            all.file(path.as_ref(), text.as_ref());
        }
        let given = settings.root_namespace.as_deref();
        all.set.root_namespace = given.unwrap_or_else(|| all.inventory.root_namespace()).to_owned();
        all
    }

    /// Objects are checked one by one as they are read, so that no file is in memory as a tree.
    fn file(&mut self, path: &str, text: &str) {
        let mut mistakes = Mistakes::new(path);
        let before = self.mark();
        let mut before_items = None;
        let placeholders = text.contains("{{") && text.contains("}}");
        self.template = if placeholders { Template::Perhaps } else { Template::No };
        let read = read(text, &mut mistakes, &mut |piece| match piece {
            Piece::Item(item) => {
                before_items.get_or_insert_with(|| self.mark());
                self.object(path, text, &item);
            }
            Piece::Whole(document) => {
                let kind = document.root.member("kind").and_then(Node::text);
                let list = kind.is_some_and(|kind| kind.ends_with("List"));
                match before_items.take() {
                    Some(mark) if !list => self.back_to(&mark),
                    _ => {}
                }
                if !list {
                    self.object(path, text, &document);
                    return;
                }
                // What an alias stands for is not handed over by itself.
                for item in document.root.member("items").map(Node::items).unwrap_or_default() {
                    let (number, root) = (document.number, item.clone());
                    self.object(path, text, &Document { number, root });
                }
            }
        });
        // Each mistake would cost a walk over the text.
        let template = placeholders && {
            let lines = Lines::of(text);
            let on_template = |at: Position| {
                let line = lines.line(at.line);
                line.contains("{{") && line.contains("}}")
            };
            mistakes.list.iter().any(|mistake| on_template(mistake.at))
        };
        if let Template::At(at) = self.template {
            self.back_to(&before);
            self.template(path, at);
            return;
        }
        if read.is_none() || template {
            self.back_to(&before);
        }
        if read.is_none() {
            self.unreadable(path, text, mistakes);
        } else if template {
            self.template(path, mistakes.list[0].at);
        } else {
            self.report.mistakes.extend(mistakes.list);
        }
    }

    fn mark(&self) -> Mark {
        Mark {
            peer_authentications: self.set.peer_authentications.len(),
            manifests: self.manifests.len(),
            findings: self.found.list.len(),
            open: self.found.open.len(),
            inventory: self.inventory.count(),
            read_objects: self.report.read_objects,
            objects: self.report.objects,
            other_objects: self.report.other_objects,
            waivers: self.report.waivers.len(),
            of_the_article: self.report.of_the_article.len(),
        }
    }

    /// Forgets what was read since.
    fn back_to(&mut self, mark: &Mark) {
        // Named one by one, so that a field that is added here is not forgotten.
        let Self { settings: _, keep: _, template: _, set, inventory, manifests, found, report } =
            self;
        // Holes that are left undecided may be named once too often.
        let Findings { list, open, undecided_holes: _ } = found;
        open.truncate(mark.open);
        inventory.truncate(mark.inventory);
        set.peer_authentications.truncate(mark.peer_authentications);
        manifests.truncate(mark.manifests);
        list.truncate(mark.findings);
        report.objects = mark.objects;
        report.read_objects = mark.read_objects;
        report.other_objects = mark.other_objects;
        report.waivers.truncate(mark.waivers);
        report.of_the_article.truncate(mark.of_the_article);
    }

    /// No YAML, which a template need not be.
    fn unreadable(&mut self, path: &str, text: &str, mistakes: Mistakes) {
        let first = mistakes.list.first().map_or(Position::START, |mistake| mistake.at);
        if text.contains("{{") && text.contains("}}") {
            self.template(path, first);
        } else {
            self.report.mistakes.extend(mistakes.list);
        }
    }

    fn template(&mut self, path: &str, at: Position) {
        let message = "a template: nothing in this file was checked".to_owned();
        let span = Span { at, until: at };
        self.found.list.push(Finding::new(check("GN006"), path.to_owned(), span, message));
    }

    fn object(&mut self, path: &str, text: &str, document: &Document) {
        let root = &document.root;
        let nothing = matches!(&root.value, Value::Scalar(one) if one.kind == ScalarKind::Null);
        if nothing {
            return;
        }
        let api_version = root.member("apiVersion").and_then(Node::text).unwrap_or_default();
        let name = root.member("kind").and_then(Node::text).unwrap_or_default();
        let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
        let Some(kind) = Kind::find(group, name) else {
            let kept = self.inventory.read(path, text, document);
            *(if kept { &mut self.report.read_objects } else { &mut self.report.other_objects }) +=
                1;
            return;
        };
        let placeholder =
            || ["metadata", "spec", "specs"].iter().find_map(|of| placeholder(root.member(of)?));
        match self.template {
            Template::Perhaps => {
                self.template = placeholder().map_or(Template::Perhaps, Template::At)
            }
            Template::At(_) => return,
            Template::No => {}
        }
        let mut manifest = head(path, document, kind, version);
        self.report.objects += 1;
        let before = self.found.list.len();
        checks::version_of_api(&manifest, root, &mut self.found);
        self.top_level(&manifest, root);
        self.specs(&mut manifest, root);
        checks::alone(&manifest, self.settings.versions, &mut self.found);
        let met = cve::met(&manifest, self.settings.versions);
        self.found.list.extend(met.findings);
        self.found.undecided_holes.extend(met.undecided);
        self.report.of_the_article.extend(checks::of_the_article(&manifest, root));
        let annotated = waiver::annotated(&manifest, root);
        self.report.waivers.extend(annotated.waivers);
        self.found.list.extend(annotated.wrong);
        // A client that does not ask for strict validation is let in with an unknown field, which is
        // then dropped; the rest is in force.
        manifest.refused = self.found.list[before..]
            .iter()
            .any(|finding| finding.check.refuses && finding.check.id != "GN001");
        if kind.name == "PeerAuthentication" && !manifest.refused {
            self.in_force(&manifest, document);
        }
        checks::status(&manifest, root, &mut self.found);
        manifest.has_status = root.member("status").is_some();
        manifest.digest = digest(&manifest.specs);
        if manifest.kind.product == Product::Cilium {
            let outline = |spec: &Node| Outline::of(&cilium::Spec::read(spec));
            manifest.outlines = manifest.specs.iter().map(outline).collect();
        }
        if manifest.kind.product == Product::Cilium && self.keep == Keep::WhatChecksCompare {
            manifest.specs = Vec::new();
        }
        self.manifests.push(manifest);
    }

    /// Keys beside `spec`, and the object's own name.
    fn top_level(&mut self, of: &Manifest, root: &Node) {
        const KNOWN: [&str; 5] = ["apiVersion", "kind", "metadata", "spec", "status"];
        for entry in root.entries() {
            let specs = entry.key == "specs" && of.kind.group == "cilium.io";
            if !KNOWN.contains(&entry.key.as_str()) && !specs {
                let at = entry.key_at;
                let until = Position { column: at.column + entry.key.chars().count(), ..at };
                let message = format!("`{}` is no field of {}", entry.key, of.kind.name);
                self.found.add("GN001", of, Span { at, until }, message);
            }
        }
        if !of.kind.api_versions.contains(&of.api_version.as_str()) {
            let message = format!("{}/{} is not served", of.kind.group, of.api_version);
            self.found.add("GN010", of, of.span, message);
        }
        if of.name.is_empty() {
            self.found.add("GN010", of, of.span, "`metadata` has no `name`".to_owned());
        }
    }

    fn specs(&mut self, of: &mut Manifest, root: &Node) {
        let version = of.kind.product.version(self.settings.versions);
        let mut values = Vec::new();
        if let Some(spec) = root.member("spec").filter(|spec| !spec.is_null()) {
            values.push(("spec".to_owned(), spec));
        }
        if of.kind.group == "cilium.io" {
            let specs = root.member("specs").map(Node::items).unwrap_or_default();
            values.extend(specs.iter().enumerate().map(|(i, spec)| (format!("specs[{i}]"), spec)));
            if values.is_empty() {
                let message = "the policy has neither `spec` nor `specs`".to_owned();
                self.found.add("GN010", of, of.span, message);
            }
        }
        for (key, spec) in values {
            let (kept, deviations) = conform(spec, &key, &of.kind.spec, version);
            checks::deviations(of, &kept, &deviations, &mut self.found);
            of.specs.push(kept);
        }
        if of.specs.is_empty() && of.kind.group != "cilium.io" {
            let (at, until) = (of.span.at, of.span.until);
            of.specs.push(Node { at, until, value: Value::Map(Vec::new()) });
        }
    }

    /// The policy as the mesh has it, without what the API server drops.
    fn in_force(&mut self, of: &Manifest, document: &Document) {
        let mut root = document.root.clone();
        if let Value::Map(entries) = &mut root.value {
            entries.retain(|entry| {
                matches!(entry.key.as_str(), "apiVersion" | "kind" | "metadata" | "spec")
            });
            for entry in entries {
                if let ("spec", Some(kept)) = (entry.key.as_str(), of.specs.first()) {
                    entry.value = kept.clone();
                }
                if let ("metadata", Value::Map(metadata)) =
                    (entry.key.as_str(), &mut entry.value.value)
                {
                    metadata.retain(|entry| matches!(entry.key.as_str(), "name" | "namespace"));
                }
            }
        }
        // What is wrong in it has been found by checks of its own.
        let mut ignored = Mistakes::new(of.origin.path.as_str());
        let document = Document { number: document.number, root };
        let read = PeerAuthentication::read(&document, &mut ignored);
        let with_age = |read| PeerAuthentication { created: of.created.clone(), ..read };
        self.set.peer_authentications.extend(read.map(with_age));
    }

    fn finish(mut self) -> Report {
        checks::twice(&self.manifests, &mut self.found);
        checks::mesh_config(&self.inventory, &mut self.found);
        let versions = self.settings.versions;
        let known = Known::of(&mut self.manifests, &self.set, &self.inventory, versions);
        checks::together(&known, &mut self.found);
        self.report.not_evaluated = self.found.open;
        for product in &self.found.undecided_holes {
            let product = product.name();
            let why = format!("the release of {product} is not given, and some have holes here");
            self.report.not_evaluated.push(("GN004", why));
        }
        self.report.not_evaluated.sort();
        let mut found = self.found.list;
        in_order(&mut found);
        found.dedup();
        self.report.findings = cve::once_each(found);
        self.report
    }
}

impl Report {
    /// How many findings there are of each severity, without those that are waived or known.
    #[must_use]
    pub fn count(&self) -> BTreeMap<Severity, usize> {
        let mut count = BTreeMap::new();
        for finding in self.findings.iter().filter(|finding| finding.is_open()) {
            *count.entry(finding.severity).or_default() += 1;
        }
        count
    }

    /// Takes in what was found, or left open, where some of the same objects are in force with
    /// others. What both have is there once, as severe as in the worse of the two; objects stay as
    /// they were counted.
    pub fn take_in(&mut self, other: Self) {
        self.findings.extend(other.findings);
        in_order(&mut self.findings);
        self.findings.dedup_by(|next, kept| {
            let severity = kept.severity.max(next.severity);
            next.severity = severity;
            let same = *next == Finding { severity, ..kept.clone() };
            if same {
                kept.severity = severity;
            }
            same
        });
        self.not_evaluated.extend(other.not_evaluated);
        self.not_evaluated.sort();
        self.not_evaluated.dedup();
    }
}

/// Where a value has a placeholder of a template; what annotations say is somebody else's.
fn placeholder(node: &Node) -> Option<Position> {
    match &node.value {
        Value::Scalar(Scalar { text, .. }) => {
            (text.contains("{{") && text.contains("}}")).then_some(node.at)
        }
        Value::List(items) => items.iter().find_map(placeholder),
        Value::Map(entries) => {
            let own = entries.iter().filter(|entry| entry.key != "annotations");
            own.map(|entry| &entry.value).find_map(placeholder)
        }
        Value::Refused => None,
    }
}

/// Hands over what is read of YAML or JSON.
fn read(text: &str, mistakes: &mut Mistakes, take: &mut dyn FnMut(Piece)) -> Option<()> {
    // YAML takes no tabs where JSON may have them, and in JSON's strings there are none.
    if text.trim_start().starts_with(['{', '[']) && text.contains('\t') && !text.contains("{{") {
        return each_piece(Limits::MANIFESTS, &text.replace('\t', " "), mistakes, take);
    }
    each_piece(Limits::MANIFESTS, text, mistakes, take)
}

/// All but kubectl's own copy of the object, which is as large as the object itself.
fn annotations(root: &Node) -> BTreeMap<String, String> {
    let mut all = texts(root.path("metadata.annotations"));
    all.remove("kubectl.kubernetes.io/last-applied-configuration");
    all
}

/// A number that is the same for the same values, wherever they are written.
fn digest(specs: &[Node]) -> u64 {
    let mut hasher = DefaultHasher::new();
    specs.iter().map(written).for_each(|text| text.hash(&mut hasher));
    hasher.finish()
}

fn head(path: &str, document: &Document, kind: &'static Kind, version: &str) -> Manifest {
    let root = &document.root;
    let metadata = root.member("metadata");
    let text = |name: &str| root.path(name).and_then(Node::text).map(str::to_owned);
    let given = text("metadata.namespace").unwrap_or_else(|| DEFAULT_NAMESPACE.to_owned());
    Manifest {
        origin: Origin { path: path.to_owned(), document: document.number, at: root.at },
        kind,
        api_version: version.to_owned(),
        name: text("metadata.name").unwrap_or_default(),
        namespace: if kind.namespaced { given } else { String::new() },
        annotations: annotations(root),
        created: text("metadata.creationTimestamp"),
        span: Span::from(metadata.and_then(|node| node.member("name")).unwrap_or(root)),
        specs: Vec::new(),
        outlines: Vec::new(),
        digest: 0,
        has_status: false,
        refused: false,
    }
}
