"""The machines that the static binary is built for, and where what it is made of lies for each."""

import os
import sysconfig
from dataclasses import dataclass

_PYTHON = "python3.11"
"""Debian's."""

_STANDARD_LIBRARY = sysconfig.get_path("stdlib")
_SITE = sysconfig.get_path("purelib")
_TRIPLET = "x86_64-linux-gnu"
"""Of the machine that builds, and on which PyInstaller's Analysis looks around."""


@dataclass(frozen=True)
class SystemCall:
    """A system call in machine code, and in as many bytes what gives ENOSYS instead."""

    call: bytes
    answer: bytes


@dataclass(frozen=True)
class Target:
    """One machine: `name` as Debian, Docker and Go call it, `machine` as the kernel and the compilers do.

    `root`: where Debian's packages are installed, empty for those of this machine; `site`: where PyPI's are.
    """

    name: str
    machine: str
    binary: str
    """What the static binary is called."""
    loader: str
    root: str
    site: str
    gcc: tuple[str, ...]
    musl_gcc: tuple[str, ...]
    strip: str
    clone3: SystemCall | None
    """As its C library makes it; None: that has none."""

    @property
    def folders(self) -> tuple[str, ...]:
        """Where its libraries are."""
        return tuple(f"{self.root}{folder}/{self.machine}-linux-gnu" for folder in ("/lib", "/usr/lib"))

    @property
    def standard_library(self) -> str:
        """Where its Python's modules are."""
        return f"{self.root}/usr/lib/{_PYTHON}"

    @property
    def headers(self) -> str:
        """Where its Python's headers are."""
        return f"{self.root}/usr/include/{_PYTHON}"

    @property
    def libpython(self) -> str:
        """Its Python as a static library."""
        return f"{self.standard_library}/config-3.11-{self.machine}-linux-gnu/lib{_PYTHON}.a"

    @property
    def musl(self) -> str:
        """The launcher's C library."""
        return f"{self.root}/usr/lib/{self.machine}-linux-musl/libc.a"

    def place(self, path: str) -> str:
        """Return where a file is for this machine that was found on the one that builds; ours are for all."""
        for here, there in ((_SITE, self.site), (_STANDARD_LIBRARY, self.standard_library)):
            if path.startswith(f"{here}/"):
                return there + path.removeprefix(here).replace(_TRIPLET, f"{self.machine}-linux-gnu")
        return path


def amd64() -> Target:
    """Return the machine that builds."""
    return Target(
        name="amd64",
        machine="x86_64",
        binary="agent",
        loader="ld-linux-x86-64.so.2",
        root="",
        site=_SITE,
        gcc=("gcc",),
        musl_gcc=("musl-gcc",),
        strip="strip",
        clone3=SystemCall(
            call=bytes.fromhex("b8b30100000f05"),  # mov $435,%eax; syscall
            answer=bytes.fromhex("48c7c0daffffff"),  # mov $-ENOSYS,%rax
        ),
    )


def arm64(work: str) -> Target:
    """Return the one that `foreign.py` has fetched all for."""
    root = os.path.join(work, "root")
    gcc = ("aarch64-linux-gnu-gcc", f"--sysroot={root}")
    return Target(
        name="arm64",
        machine="aarch64",
        binary="agent-arm64",
        loader="ld-linux-aarch64.so.1",
        root=root,
        site=os.path.join(work, "site"),
        gcc=gcc,
        musl_gcc=(*gcc, "-specs", f"{root}/usr/lib/aarch64-linux-musl/musl-gcc.specs"),
        strip="aarch64-linux-gnu-strip",
        clone3=None,  # before glibc 2.37
    )


def named(name: str, build: str) -> Target:
    """Return the target whose files lie in `build`/`name`."""
    return arm64(os.path.join(build, name)) if name == "arm64" else amd64()
