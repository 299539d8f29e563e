"""What is in the static binary: its versions, its licences, and its bill of materials (CycloneDX 1.6)."""

import importlib.metadata
import json
import os
import re
import subprocess
import uuid
from dataclasses import dataclass, field
from typing import Any

from target import Target

REPOSITORY = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
DISTRIBUTIONS = ("asyncssh", "certifi", "cryptography", "psutil", "ptyprocess", "websockets")
"""Shown by `agent --version`."""


@dataclass(frozen=True)
class Component:
    """One piece of other people's work: `purl` as package-url has it, the licence's name if known, and its text."""

    name: str
    version: str
    purl: str
    licence: str = ""
    text: str = field(default="", repr=False)
    parts: tuple[dict[str, Any], ...] = field(default=(), repr=False)
    """What is compiled in, as the component's own bill says."""


def python_components(files: list[str], target: Target) -> list[Component]:
    """Return the distributions that these files of site-packages belong to."""
    owners: dict[str, importlib.metadata.Distribution] = {}
    for distribution in importlib.metadata.distributions(path=[target.site]):
        for file in distribution.files or ():
            owners[os.path.realpath(str(file.locate()))] = distribution
    found = {owners[path].name: owners[path] for path in map(os.path.realpath, files) if path in owners}
    return [_python_component(found[name]) for name in sorted(found, key=str.lower)]


def _python_component(distribution: importlib.metadata.Distribution) -> Component:
    metadata = distribution.metadata
    classified = [
        line.rpartition(" :: ")[2] for line in metadata.get_all("Classifier", []) if "License ::" in line
    ]
    licence = (
        metadata.get("License-Expression") or metadata.get("License") or next(iter(classified), "not told")
    )
    texts, parts = [], []
    for file in sorted(distribution.files or (), key=str):
        path = str(file)
        if ".dist-info/" in path and re.search(r"(?i)/(licen[sc]e|copying|notice)[^/]*$", path):
            texts.append(file.read_text(encoding="utf-8"))
        elif ".dist-info/sboms/" in path and path.endswith(".json"):
            parts += _parts(json.loads(file.read_text(encoding="utf-8")))
    return Component(
        distribution.name,
        distribution.version,
        f"pkg:pypi/{distribution.name.lower()}@{distribution.version}",
        licence.partition("\n")[0],
        "\n".join(texts),
        tuple(parts),
    )


def _parts(bill: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the components of another bill, with the fields that ours has."""
    kept = ("type", "name", "version", "purl", "licenses")
    return [{key: part[key] for key in kept if key in part} for part in bill.get("components", [])]


def debian_components(files: list[str], target: Target) -> list[Component]:
    """Return the Debian packages that these files come from."""
    names = {_debian_package(file, target) for file in files}
    return [_debian_component(name, target) for name in sorted(names)]


def _debian_package(file: str, target: Target) -> str:
    name = file.removeprefix(target.root)
    for path in (name, name.removeprefix("/usr"), f"/usr{name}"):  # /lib is a link to /usr/lib
        done = subprocess.run(
            ["dpkg", "--admindir", f"{target.root}/var/lib/dpkg", "--search", path],
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode == 0:
            return done.stdout.partition(": ")[0].partition(",")[0].partition(":")[0]
    raise SystemExit(f"{file} belongs to no Debian package")


def _debian_component(name: str, target: Target) -> Component:
    words = ("--admindir", f"{target.root}/var/lib/dpkg", "--show", "--showformat", "${Version}")
    version = _output("dpkg-query", *words, f"{name}:{target.name}")
    with open(f"{target.root}/usr/share/doc/{name}/copyright", encoding="utf-8") as file:
        text = file.read()
    purl = f"pkg:deb/debian/{name}@{version.replace('+', '%2B')}?arch={target.name}"
    return Component(name, version, purl, "", text)


def zstd_component(source: str) -> Component:
    """Return the decoder that the launcher has inside; its source file begins with its licence."""
    with open(source, encoding="utf-8") as file:
        text = file.read()
    numbers = [
        re.search(rf"#define ZSTD_VERSION_{part} +(\d+)", text) for part in ("MAJOR", "MINOR", "RELEASE")
    ]
    version = ".".join(number[1] for number in numbers if number)
    head = text[text.index(" * Copyright") : text.index("*/")]
    return Component(
        "zstd", version, f"pkg:github/facebook/zstd@v{version}", "BSD-3-Clause OR GPL-2.0-only", head
    )


def commit() -> str:
    """Return the commit that is built, with a `+` if there are changes since."""
    return os.environ.get("HOLDFAST_COMMIT", "unknown")


def version_text(version: str, components: list[Component]) -> str:
    """Return what `agent --version` prints."""
    versions = {component.name: component.version for component in components}
    lines = [
        f"holdfast agent {version}",
        f"commit {commit()}",
        f"python {versions['libpython3.11-dev'].partition('-')[0]}",
        *(f"{name} {versions[name]}" for name in DISTRIBUTIONS),
        *(f"{name} {versions[package]}" for name, package in (("openssl", "libssl3"), ("glibc", "libc6"))),
    ]
    return "\n".join(lines) + "\n"


def licences_text(components: list[Component]) -> str:
    """Return what `agent --licenses` prints."""
    with open(os.path.join(REPOSITORY, "LICENSE"), encoding="utf-8") as file:
        parts = [("holdfast: Apache-2.0", file.read())]
    for each in components:
        parts.append(
            (f"{each.name} {each.version}" + (f": {each.licence}" if each.licence else ""), each.text)
        )
        parts += [(_describe(part, each), "") for part in each.parts]
    return (
        "\n".join(
            f"{'=' * 78}\n{title}\n{'=' * 78}\n{text.strip()}\n" if text else title for title, text in parts
        )
        + "\n"
    )


def _describe(part: dict[str, Any], whole: Component) -> str:
    names = [
        each.get("expression") or each["license"].get("id") or each["license"].get("name", "")
        for each in part.get("licenses", [])
    ]
    return f"  in {whole.name}: {part['name']} {part.get('version', '')}: {', '.join(names) or 'see there'}"


def bill(version: str, components: list[Component], target: Target) -> dict[str, Any]:
    """Return the bill of materials; the same for the same contents."""
    entries = [_entry(each) for each in components]
    serial = uuid.uuid5(uuid.NAMESPACE_URL, json.dumps([version, commit(), entries], sort_keys=True))
    return {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{serial}",
        "version": 1,
        "metadata": {
            "component": {
                "type": "application",
                "bom-ref": "holdfast-agent",
                "name": "holdfast-agent",
                "version": version,
                "licenses": [{"license": {"id": "Apache-2.0"}}],
                "properties": [
                    {"name": "holdfast:commit", "value": commit()},
                    {"name": "holdfast:architecture", "value": target.name},
                ],
            }
        },
        "components": entries,
        "dependencies": [{"ref": "holdfast-agent", "dependsOn": [each.purl for each in components]}],
    }


def _entry(component: Component) -> dict[str, Any]:
    entry: dict[str, Any] = {
        "type": "library",
        "bom-ref": component.purl,
        "name": component.name,
        "version": component.version,
        "purl": component.purl,
    }
    if component.licence:
        entry["licenses"] = [{"license": {"name": component.licence}}]
    if component.parts:
        entry["components"] = list(component.parts)
    return entry


def _output(*words: str) -> str:
    return subprocess.run(words, capture_output=True, text=True, check=True).stdout
