#!/usr/bin/env python3
"""Writes the tables of fields beside it from the CRDs of the projects' releases.

    ./from-crds.py FOLDER    with FOLDER/istio-1.24.6/crd-all.gen.yaml and its like

Each line of a table is a field: its path, its type, its limits, and the minor versions that it
holds for. Needs PyYAML. Run it again when a release is added, and look at the diff.
"""
import pathlib
import sys

import yaml

PRODUCTS = {
    "istio": {
        "1.24": "istio-1.24.6/crd-all.gen.yaml",
        "1.25": "istio-1.25.5/crd-all.gen.yaml",
        "1.30": "istio-1.30.3/crd-all.gen.yaml",
    },
    "cilium": {
        "1.16": "cilium-1.16.5/{}.yaml",
        "1.17": "cilium-1.17.5/{}.yaml",
        "1.18": "cilium-1.18.0/{}.yaml",
    },
}
KINDS = {
    "peerauthentications": "istio",
    "authorizationpolicies": "istio",
    "requestauthentications": "istio",
    "destinationrules": "istio",
    "ciliumnetworkpolicies": "cilium",
}
# Rules that are written as an expression, each by what it comes to.
EXPRESSIONS = [
    ("duration(self) >=", "format=duration"),
    ("url(self).getScheme()", "format=http-url"),
    ("self.size() == 0", "maxlen=0"),
    ("0 < int(key)", "format=ports"),
    ('self.contains("*")', "format=no-wildcard"),
    ('key.contains("*")', "keys=no-wildcard"),
    ("key.size() != 0", "keys=not-empty"),
    ("has(self.portLevelMtls)", "needs=portLevelMtls:selector.matchLabels"),
    ("has(self.selector) ? 1 : 0", "atmost=selector|targetRef|targetRefs"),
    ("has(self.jwksUri) ? 1 : 0", "atmost=jwksUri|jwks_uri|jwks"),
    ("[self.group, self.kind] in",
     "pairs=group+kind:core+Service|+Service|gateway.networking.k8s.io+Gateway"
     "|networking.istio.io+ServiceEntry"),
    ("has(self.serviceAccounts)",
     "apart=serviceAccounts|notServiceAccounts:principals|notPrincipals|namespaces|notNamespaces"),
]
# The limits that are one number each.
NUMBERS = {
    "maxLength": "maxlen", "minLength": "minlen", "maxItems": "maxitems", "minItems": "minitems",
    "maxProperties": "maxprops", "minProperties": "minprops", "minimum": "min", "maximum": "max",
}
TYPES = {"object": "map", "array": "list", "string": "text", "integer": "integer",
         "number": "number", "boolean": "boolean"}


def names(options):
    return [option["required"] for option in options if "required" in option]


def groups(schema):
    """How members exclude or need one another."""
    for one in [schema] + schema.get("allOf", []):
        options = one.get("oneOf", [])
        if any("not" in option for option in options):
            yield "atmost=" + "|".join(name for (name,) in names(options))
        elif options:
            yield "oneof=" + "|".join(name for (name,) in names(options))
        options = names(one.get("anyOf", []))
        if options:
            yield "anyof=" + "|".join(name for (name,) in options)


def expression(rule):
    # How they are spaced and quoted differs from release to release.
    def plain(text):
        return "".join(text.split()).replace("'", '"')

    for part, facet in EXPRESSIONS:
        if plain(part) in plain(rule):
            return facet
    raise SystemExit(f"a rule that is not known here: {rule}")


def facets(schema):
    if schema.get("nullable"):
        yield "nullable"
    if "required" in schema:
        yield "required=" + "|".join(schema["required"])
    if "enum" in schema:
        yield "enum=" + "|".join(str(value) for value in schema["enum"])
    for key, name in NUMBERS.items():
        if key in schema:
            yield f"{name}={schema[key]:g}" if isinstance(schema[key], float) else f"{name}={schema[key]}"
    if schema.get("format") in ("cidr", "idn-hostname"):
        yield "format=" + schema["format"]
    yield from groups(schema)
    for rule in schema.get("x-kubernetes-validations", []):
        yield expression(rule["rule"])
    if "pattern" in schema:  # last: it may hold anything
        yield "pattern=" + schema["pattern"]


def walk(schema, path, rows):
    kind = TYPES.get(schema.get("type"), "any")
    if schema.get("x-kubernetes-int-or-string"):
        kind = "integer-or-text"
    if schema.get("x-kubernetes-preserve-unknown-fields"):
        kind = "any"
    rows[path] = (kind, " ".join(facets(schema)))
    for name, member in schema.get("properties", {}).items():
        walk(member, f"{path}.{name}", rows)
    if isinstance(schema.get("additionalProperties"), dict):
        walk(schema["additionalProperties"], f"{path}.*", rows)
    if "items" in schema:
        walk(schema["items"], f"{path}[]", rows)


def rows_of(folder, product, version, kind):
    path = folder / PRODUCTS[product][version].format(kind)
    for crd in yaml.safe_load_all(path.read_text()):
        if crd and crd["spec"]["names"]["plural"] == kind:
            rows = {}
            schema = crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
            walk(schema["properties"]["spec"], "spec", rows)
            if "spec" in schema.get("required", []):
                rows["spec"] = (rows["spec"][0], ("must " + rows["spec"][1]).strip())
            return rows
    raise SystemExit(f"no {kind} in {path}")


def minor(version):
    return int(version.split(".")[1])


def ranges(versions, present):
    """The runs of versions that share a row; a new field counts from the version after the last
    that is known to lack it, since the one that brought it is somewhere between."""
    runs = []
    for version in versions:
        if present.get(version) is None:
            continue
        place = versions.index(version)
        if runs and runs[-1][2] == present[version] and runs[-1][1] == place - 1:
            runs[-1][1] = place
        else:
            runs.append([place, place, present[version]])
    for first, last, row in runs:
        low = high = ""
        if first > 0:
            before = versions[first - 1]
            new = present.get(before) is None
            low = f"1.{minor(before) + 1}" if new else versions[first]
        if last + 1 < len(versions):
            high = f"1.{minor(versions[last + 1]) - 1}"
        yield row, f"{low}..{high}"


def main():
    folder, here = pathlib.Path(sys.argv[1]), pathlib.Path(__file__).parent
    for kind, product in KINDS.items():
        versions = list(PRODUCTS[product])
        tables = {version: rows_of(folder, product, version, kind) for version in versions}
        paths = sorted({path for rows in tables.values() for path in rows})
        lines = []
        for path in paths:
            present = {version: tables[version].get(path) for version in versions}
            for (kind_of, limits), held in ranges(versions, present):
                lines.append(f"{path}\t{kind_of}\t{held}\t{limits}".rstrip())
        (here / f"{kind}.tsv").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
