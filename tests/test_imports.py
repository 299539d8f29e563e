"""Who may import whom: the layout of ARCHITECTURE.md, held by a test."""

import ast
import os
import sys

import pytest

REPOSITORY = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))

LIGHT = {"_ctypes", "_holdfast", "_signal", "gc", "os", "select", "stat", "sys", "time"}
"""All that the keeper and the sleeping session process may load: each costs nothing that can be measured.

`_holdfast` is built into the interpreter of the static binary.
"""

PURE_TUNNEL = ("errors", "frames", "messages", "window", "replay", "protocol")
"""Modules of the tunnel that know no I/O."""


def imports(path, *, everything):
    """Return the modules that a file imports: on loading, or `everything` that it ever does."""
    with open(path, encoding="utf-8") as file:
        tree = ast.parse(file.read())
    nodes = ast.walk(tree) if everything else at_load(tree.body)
    found = set()
    for node in nodes:
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found |= {f"{node.module}.{alias.name}" for alias in node.names} | {node.module}
    return found


def at_load(body):
    """Return the statements that run when a module is loaded; not those for type checkers alone."""
    for node in body:
        if isinstance(node, ast.If) and getattr(node.test, "id", "") == "TYPE_CHECKING":
            yield from at_load(node.orelse)
        elif isinstance(node, ast.If | ast.Try):
            yield from at_load([*node.body, *node.orelse])
        else:
            yield node


def modules(package):
    for folder, _, names in os.walk(os.path.join(REPOSITORY, package)):
        for name in names:
            if name.endswith(".py"):
                yield os.path.join(folder, name)


def file_of(module):
    """Return the file of one of our modules, or None: a name in it, or another's."""
    base = os.path.join(REPOSITORY, *module.split("."))
    return next(
        (path for path in (f"{base}.py", os.path.join(base, "__init__.py")) if os.path.isfile(path)), None
    )


def closure(path):
    """Return every foreign module that loading a file of ours brings in, through ours."""
    found, seen, todo = set(), set(), [path]
    while todo:
        current = todo.pop()
        if current in seen:
            continue
        seen.add(current)
        for module in imports(current, everything=False):
            if module.partition(".")[0] in ("agent", "relay", "tunnel"):
                todo += [each for each in (file_of(module),) if each]
            else:
                found.add(module.partition(".")[0])
    return found


@pytest.mark.parametrize(
    ("package", "forbidden"), [("agent", ("relay",)), ("relay", ("agent",)), ("tunnel", ("agent", "relay"))]
)
def test_packages_do_not_know_each_other(package, forbidden):
    for path in modules(package):
        roots = {module.partition(".")[0] for module in imports(path, everything=True)}
        assert not roots & set(forbidden), path


@pytest.mark.parametrize("module", [*sorted(os.listdir(os.path.join(REPOSITORY, "agent", "keeper")))])
def test_the_keeper_is_light(module):
    if module.endswith(".py"):
        assert closure(os.path.join(REPOSITORY, "agent", "keeper", module)) <= LIGHT


def test_the_drop_in_is_light():
    assert closure(os.path.join(REPOSITORY, "agent", "tmate.py")) <= LIGHT


def test_the_session_process_is_light_until_it_wakes():
    for name in ("asleep.py", "guard.py"):
        assert closure(os.path.join(REPOSITORY, "agent", "session", name)) <= LIGHT


@pytest.mark.parametrize("name", PURE_TUNNEL)
def test_the_protocol_knows_only_the_standard_library(name):
    found = closure(os.path.join(REPOSITORY, "tunnel", f"{name}.py"))
    assert found <= set(sys.stdlib_module_names) - {"asyncio", "socket", "select", "ssl", "threading", "time"}
