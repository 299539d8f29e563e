"""Writes the file `modules` of the static binary, which `boot.py` reads."""

import importlib._bootstrap_external
import marshal
import os

_HEAD = 8


def write_archive(
    path: str, modules: dict[str, str], files: dict[str, bytes], extensions: dict[str, str]
) -> None:
    """Write the code of `modules` (name: source file) and `files` (path: content) to `path`.

    `extensions` (name: shared object) are only told of: in memory they lie behind this file, in this order.
    """
    body: list[bytes] = []
    size = 0

    def put(content: bytes) -> tuple[int, int]:
        nonlocal size
        body.append(content)
        size += len(content)
        return size - len(content), len(content)

    places = {
        name: (*put(compiled(source, name)), os.path.basename(source) == "__init__.py")
        for name, source in sorted(modules.items())
    }
    contents = {name: put(content) for name, content in sorted(files.items())}
    behind: dict[str, tuple[int, int]] = {}
    for name, source in extensions.items():
        length = os.path.getsize(source)
        behind[name] = (size, length)
        size += length
    index = marshal.dumps((places, contents, behind))
    with open(path, "wb") as file:
        file.write(len(index).to_bytes(_HEAD, "little") + index + b"".join(body))


def compiled(source: str, name: str) -> bytes:
    """Return a module's code, the same bytes wherever it is compiled.

    Written anew after reading, for what `marshal` writes depends on who else holds a constant.
    """
    shown = name.replace(".", "/") + ("/__init__.py" if source.endswith("/__init__.py") else ".py")
    with open(source, "rb") as file:
        text = importlib._bootstrap_external.decode_source(file.read())
    code = compile(text, shown, "exec", dont_inherit=True, optimize=0)
    return marshal.dumps(marshal.loads(marshal.dumps(code)))


def frozen(modules: dict[str, str]) -> str:
    """Return the C table of modules that the interpreter has inside, before it can read an archive."""
    lines = ["/* Made by packaging/binary/archive.py. */"]
    table = []
    for number, (name, source) in enumerate(sorted(modules.items())):
        code = compiled(source, name)
        lines.append(f"static const unsigned char code_{number}[] = {{")
        lines += [
            "    " + "".join(f"{byte}," for byte in code[at : at + 20]) for at in range(0, len(code), 20)
        ]
        lines.append("};")
        package = int(os.path.basename(source) == "__init__.py")
        table.append(f'    {{"{name}", code_{number}, sizeof code_{number}, {package}, NULL}},')
    lines += ["static const struct _frozen FROZEN[] = {", *table, "    {NULL, NULL, 0, 0, NULL}", "};", ""]
    return "\n".join(lines)
