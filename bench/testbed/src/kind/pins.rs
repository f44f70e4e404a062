//! What is installed in a cluster, by version and digest: `kind-configs/versions.yaml`, strictly read.
//! Installs nothing.

use policy::source::{self, Field, Map, Mistakes, Position, Wrong};
use scenarios::variant::Product;

/// The file as it came with the program.
const VERSIONS: &str = include_str!("../../../../kind-configs/versions.yaml");
/// Where a mistake in it is said to be.
const PATH: &str = "kind-configs/versions.yaml";
const SCHEMA: u32 = 1;
const PRODUCTS: [(&str, Product); 2] = [("istio", Product::Istio), ("cilium", Product::Cilium)];

/// Everything that is pinned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pins {
    /// The release of kind that the node image belongs to.
    pub kind: String,
    /// With its digest.
    pub node_image: String,
    /// Istio's chart repository.
    pub istio_charts: String,
    /// Cilium's chart repository.
    pub cilium_charts: String,
    /// What can be installed.
    pub releases: Vec<Release>,
}

/// A release of a mesh.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Release {
    /// Istio or Cilium.
    pub product: Product,
    /// The chart's version.
    pub version: String,
    /// Images with their digests, where they are known beforehand.
    pub images: Vec<String>,
}

impl Pins {
    /// The pins that came with the program.
    ///
    /// # Panics
    ///
    /// When the file in this repository has a mistake, which a test of this module finds.
    #[must_use]
    pub fn built_in() -> Self {
        Self::read(VERSIONS, PATH).expect("the built-in pins are tested")
    }

    /// Reads pins, or every mistake in them.
    pub fn read(text: &str, path: &str) -> Result<Self, Mistakes> {
        let mut mistakes = Mistakes::new(path);
        let pins = read(text, &mut mistakes);
        mistakes.into_result(pins)
    }

    /// The release of a product under that version.
    #[must_use]
    pub fn release(&self, product: Product, version: &str) -> Option<&Release> {
        self.releases.iter().find(|it| it.product == product && it.version == version)
    }
}

fn read(text: &str, mistakes: &mut Mistakes) -> Option<Pins> {
    let documents = source::documents(text, mistakes)?;
    let [document] = documents.as_slice() else {
        let message = format!("expected one document, found {}", documents.len());
        mistakes.push(Position::START, "", Wrong::Syntax(message), None);
        return None;
    };
    let keys = ["schema", "kind", "node-image", "charts", "releases"];
    let map = Field::root(&document.root).map(&keys, mistakes)?;
    let schema = map.required("schema", mistakes);
    let schema = schema.and_then(|field| field.integer(SCHEMA..=SCHEMA, mistakes));
    let kind = text_of(&map, "kind", "a release of kind, e.g. `v0.29.0`", mistakes);
    let node_image = map.required("node-image", mistakes);
    let node_image = node_image.and_then(|field| image(&field, mistakes));
    let charts = map.required("charts", mistakes);
    let charts = charts.and_then(|field| field.map(&["istio", "cilium"], mistakes));
    let mut repository = |name: &str| {
        let charts = charts.as_ref()?;
        text_of(charts, name, "the address of a chart repository", mistakes)
    };
    let (istio_charts, cilium_charts) = (repository("istio"), repository("cilium"));
    let releases = map.required("releases", mistakes);
    let releases = releases.and_then(|field| field.list("a list of releases", mistakes));
    let releases: Vec<Release> =
        releases?.iter().filter_map(|field| release(field, mistakes)).collect();
    schema?;
    Some(Pins {
        kind: kind?,
        node_image: node_image?,
        istio_charts: istio_charts?,
        cilium_charts: cilium_charts?,
        releases,
    })
}

fn text_of(map: &Map<'_>, name: &str, expected: &str, mistakes: &mut Mistakes) -> Option<String> {
    map.required(name, mistakes)?.text(expected, mistakes).map(str::to_owned)
}

fn release(field: &Field<'_>, mistakes: &mut Mistakes) -> Option<Release> {
    let map = field.map(&["product", "version", "images"], mistakes)?;
    let product = map.required("product", mistakes);
    let product = product.and_then(|field| field.choice(&PRODUCTS, mistakes));
    let version = text_of(&map, "version", "the chart's version, e.g. `1.25.5`", mistakes);
    let images = match map.optional("images") {
        None => Vec::new(),
        Some(field) => {
            let images = field.list("a list of images", mistakes)?;
            images.iter().filter_map(|field| image(field, mistakes)).collect()
        }
    };
    Some(Release { product: product?, version: version?, images })
}

/// An image is pinned by what it holds, not by a name that somebody may move.
fn image(field: &Field<'_>, mistakes: &mut Mistakes) -> Option<String> {
    let expected = "an image with its digest, `name:tag@sha256:` and 64 hexadecimal digits";
    let text = field.text(expected, mistakes)?;
    let digest = text.split_once("@sha256:").map_or("", |(_, digest)| digest);
    if digest.len() != 64 || !digest.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        field.expected(expected, mistakes);
        return None;
    }
    Some(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_built_in_pins_have_what_the_scenarios_name() {
        let pins = Pins::built_in();
        for (product, version) in [
            (Product::Istio, "1.24.6"),
            (Product::Istio, "1.25.5"),
            (Product::Cilium, "1.16.19"),
            (Product::Cilium, "1.17.12"),
        ] {
            assert!(pins.release(product, version).is_some(), "{version}");
        }
        assert!(pins.release(Product::Cilium, "1.25.5").is_none());
    }

    #[test]
    fn every_cluster_shape_uses_the_pinned_node_image() {
        let pins = Pins::built_in();
        for shape in super::super::Shape::ALL {
            let images =
                shape.config().lines().filter_map(|line| line.trim().strip_prefix("image: "));
            let images: Vec<&str> = images.collect();
            assert!(!images.is_empty() && images.iter().all(|it| *it == pins.node_image));
        }
    }

    #[test]
    fn all_mistakes_are_said_at_once() {
        let text = "schema: 2\nkind: v1\nnode-image: kindest/node:latest\nchart: {}\n\
                    releases: [{product: linkerd, version: 2}]\n";
        let mistakes = Pins::read(text, "pins.yaml").unwrap_err().to_string();
        for word in ["schema", "with its digest", "charts", "linkerd", "version"] {
            assert!(mistakes.contains(word), "{word} in {mistakes}");
        }
    }
}
