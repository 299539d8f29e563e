"""The first module of the static binary, frozen into its interpreter: where all others come from.

They lie in one file, which the interpreter has mapped, `_holdfast.modules`: eight bytes that tell the length of an
index, the index, and the code. Shared objects lie beside it, in the directory `_holdfast.root`; in memory, where there
is none, behind the code in the same file. `archive.py` writes it.
"""

import _imp
import marshal
import posix
import sys
from _frozen_importlib import ModuleSpec

import _holdfast

_HEAD = 8
_MFD_CLOEXEC = 1
_MFD_EXEC = 16
"""Since Linux 6.3: executable, whatever `vm.memfd_noexec` has for the default."""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from io import BytesIO
    from types import CodeType, ModuleType


class Archive:
    """The file."""

    def __init__(self, content: memoryview) -> None:
        size = int.from_bytes(content[:_HEAD], "little")
        self._body = content[_HEAD + size :]
        self.modules, self.files, self.extensions = marshal.loads(content[_HEAD : _HEAD + size])

    def part(self, place: "tuple[int, ...]") -> memoryview:
        """Return what lies at an offset, in a length."""
        return self._body[place[0] : place[0] + place[1]]


archive = Archive(_holdfast.modules)


class Loader:
    """Loads our modules: PEP 302, PEP 451."""

    @staticmethod
    def create_module(spec: ModuleSpec) -> None:
        """Leave it to the interpreter."""

    @classmethod
    def exec_module(cls, module: "ModuleType") -> None:
        """Run a module's code."""
        exec(cls.get_code(module.__spec__.name), module.__dict__)

    @staticmethod
    def get_code(name: str) -> "CodeType":
        """Return a module's code."""
        code: CodeType = marshal.loads(archive.part(archive.modules[name]))
        return code

    @staticmethod
    def get_source(name: str) -> None:
        """Tell `linecache` that there is no source."""

    @staticmethod
    def is_package(name: str) -> bool:
        """Tell a package from a module."""
        return bool(archive.modules[name][2])

    @staticmethod
    def get_data(path: str) -> bytes:
        """Return the content of a file that lies beside a module, named as if all lay in a folder `__file__` tells."""
        try:
            return bytes(archive.part(archive.files[path.removeprefix(f"{_holdfast.program}/")]))
        except KeyError:
            raise FileNotFoundError(2, "not in the program", path) from None

    @staticmethod
    def get_resource_reader(name: str) -> "Resources":
        """Return what importlib.resources asks for the files of a package."""
        return Resources(name.replace(".", "/"))


class Resources:
    """The files of one package, for importlib.resources (importlib.abc.ResourceReader)."""

    def __init__(self, folder: str) -> None:
        self._folder = f"{_holdfast.program}/{folder}/"

    def open_resource(self, name: str) -> "BytesIO":
        """Return an open binary file."""
        from io import BytesIO

        return BytesIO(Loader.get_data(self._folder + name))

    def resource_path(self, name: str) -> str:
        """Refuse: there is no file of that name on disk."""
        raise FileNotFoundError(2, "not on disk", name)

    def is_resource(self, name: str) -> bool:
        """Tell whether there is such a file."""
        return (self._folder + name).removeprefix(f"{_holdfast.program}/") in archive.files

    def contents(self) -> "list[str]":
        """Name all."""
        start = self._folder.removeprefix(f"{_holdfast.program}/")
        return [path.removeprefix(start) for path in archive.files if path.startswith(start)]


class ExtensionLoader:
    """Loads shared objects."""

    _count = 0

    @classmethod
    def create_module(cls, spec: ModuleSpec) -> "ModuleType":
        """Have the C library load it."""
        if _holdfast.root:
            return _imp.create_dynamic(spec)
        descriptor = _in_memory(spec.name)
        try:
            # The C library takes a name that it knows for the library it knows: the slashes make a new one each time.
            cls._count += 1
            path = f"/proc/self/fd{'/' * cls._count}{descriptor}"
            return _imp.create_dynamic(ModuleSpec(spec.name, cls, origin=path))
        finally:
            posix.close(descriptor)

    @staticmethod
    def exec_module(module: "ModuleType") -> None:
        """Initialise the module."""
        _imp.exec_dynamic(module)

    @staticmethod
    def get_code(name: str) -> None:
        """Say that there is none."""

    get_source = get_code


def _in_memory(name: str) -> int:
    """Return a descriptor of a copy of a shared object, of which a path can be made."""
    try:
        descriptor = posix.memfd_create(name, _MFD_CLOEXEC | _MFD_EXEC)
    except OSError:
        descriptor = posix.memfd_create(name, _MFD_CLOEXEC)
    view = archive.part(archive.extensions[name])
    while view:
        view = view[posix.write(descriptor, view) :]
    return descriptor


class Finder:
    """Finds all that is not built into the interpreter."""

    @staticmethod
    def find_spec(
        name: str, path: "Sequence[str] | None" = None, target: "ModuleType | None" = None
    ) -> ModuleSpec | None:
        """Return where a module comes from; None: from nowhere."""
        if entry := archive.modules.get(name):
            folder = f"{_holdfast.program}/{name.replace('.', '/')}"
            spec = ModuleSpec(name, Loader, is_package=entry[2])
            spec.origin = f"{folder}/__init__.py" if entry[2] else f"{folder}.py"
            spec.has_location = True
            if entry[2]:
                spec.submodule_search_locations = [folder]
            return spec
        if name in archive.extensions:
            return ModuleSpec(name, ExtensionLoader, origin=f"{_holdfast.root}/{name}.so")
        return None


def run() -> int:
    """Run the agent; returns its exit code. Nothing comes from anywhere but from here."""
    sys.meta_path[2:] = [Finder]
    sys.path_hooks.clear()
    # The container's OpenSSL is of another version, and what configures it may break ours. Not in `os.environ`.
    posix.putenv("OPENSSL_CONF", "")
    from agent.cli import main

    return main()
