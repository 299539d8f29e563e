"""Fetches what the static binary is made of for another machine than this: `foreign.py FOLDER`, for arm64.

FOLDER/root gets Debian's packages, by this machine's own sources and keys; FOLDER/site PyPI's, the wheels that
packaging/binary.lock names; FOLDER/steps programs for the tests.
"""

import os
import shutil
import subprocess
import sys

ARCHITECTURE = "arm64"
PACKAGES = (
    *("libc6", "libc6-dev", "linux-libc-dev", "libgcc-s1", "gcc-12-base", "libssl3", "libffi8", "libuuid1"),
    *("zlib1g", "zlib1g-dev", "libexpat1-dev", "musl-dev"),
    *("libpython3.11-minimal", "libpython3.11-stdlib", "libpython3.11-dev"),
)
"""What has the files that are linked, loaded or bundled; the compiler brings its own."""
STEPS = ("busybox-static",)
"""What the tests run as steps."""

PLATFORMS = ("manylinux2014_aarch64", *(f"manylinux_2_{minor}_aarch64" for minor in range(17, 37)))
"""Of wheels: Debian 12 has glibc 2.36."""

REPOSITORY = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
LOCK = os.path.join(REPOSITORY, "packaging", "binary.lock")
MUSL_SPECS = "usr/lib/aarch64-linux-musl/musl-gcc.specs"


def main(folder: str) -> None:
    """Fetch all, anew."""
    shutil.rmtree(folder, ignore_errors=True)
    root = os.path.join(folder, "root")
    database = Database(root)
    for name, package in download(os.path.join(folder, "apt")).items():
        subprocess.run(
            ["dpkg-deb", "--extract", package, os.path.join(folder, "steps") if name in STEPS else root],
            check=True,
        )
        if name not in STEPS:
            database.add(package)
    make_links_relative(root)
    move_specs(os.path.join(root, MUSL_SPECS))
    install_wheels(os.path.join(folder, "site"))


def install_wheels(folder: str) -> None:
    """Unpack PyPI's packages."""
    platforms = [word for each in PLATFORMS for word in ("--platform", each)]
    subprocess.run(
        [
            *(sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-compile"),
            *("--require-hashes", "--only-binary", ":all:", *platforms),
            *("--target", folder, "--requirement", LOCK),
        ],
        check=True,
    )


def download(folder: str) -> dict[str, str]:
    """Return the packages' files by name, which apt-get has looked up, fetched and checked as on such a machine."""
    for name in ("lists/partial", "archives/partial"):
        os.makedirs(os.path.join(folder, name))
    status, configuration = os.path.join(folder, "status"), os.path.join(folder, "apt.conf")
    write(status, "")  # no package is installed
    write(
        configuration,
        f'APT::Architecture "{ARCHITECTURE}"; APT::Architectures {{ "{ARCHITECTURE}"; }};\n'
        f'Dir::State "{folder}"; Dir::State::status "{status}"; Dir::Cache "{folder}";\n'
        'APT::Sandbox::User "root";\n',  # another user could not write here
    )
    environment = os.environ | {"APT_CONFIG": configuration}
    archives = os.path.join(folder, "archives")
    for words in (("update",), ("download", *PACKAGES, *STEPS)):
        subprocess.run(
            ["apt-get", "--quiet=2", *words],
            cwd=archives,
            env=environment,
            stdout=subprocess.DEVNULL,
            check=True,
        )
    files = sorted(name for name in os.listdir(archives) if name.endswith(".deb"))
    return {name.partition("_")[0]: os.path.join(archives, name) for name in files}


class Database:
    """What dpkg is asked for the packages of a root: which has a file, and in which version."""

    def __init__(self, root: str) -> None:
        self._folder = os.path.join(root, "var", "lib", "dpkg")
        os.makedirs(os.path.join(self._folder, "info"))
        os.mkdir(os.path.join(self._folder, "updates"))
        write(os.path.join(self._folder, "info", "format"), "1\n")
        write(os.path.join(self._folder, "arch"), f"{ARCHITECTURE}\n")

    def add(self, package: str) -> None:
        """Take a package down as installed, which is but unpacked."""
        control = output("dpkg-deb", "--field", package)
        fields = dict(line.split(": ", 1) for line in control.splitlines() if ": " in line and line[0] != " ")
        name = fields["Package"]
        if fields.get("Multi-Arch") == "same":
            name += f":{ARCHITECTURE}"
        files = [line.split(maxsplit=5)[5] for line in output("dpkg-deb", "--contents", package).splitlines()]
        names = [file.partition(" -> ")[0].removeprefix(".").rstrip("/") or "/." for file in files]
        write(os.path.join(self._folder, "info", f"{name}.list"), "".join(f"{each}\n" for each in names))
        write(os.path.join(self._folder, "status"), f"Status: install ok installed\n{control}\n", mode="a")


def make_links_relative(root: str) -> None:
    """Have links lead where they would if the root were one: else a linker finds this machine's libraries."""
    for folder, folders, files in os.walk(root):
        for path in (os.path.join(folder, name) for name in (*folders, *files)):
            if os.path.islink(path) and (target := os.readlink(path)).startswith("/"):
                os.unlink(path)
                os.symlink(os.path.relpath(root + target, folder), path)


def move_specs(path: str) -> None:
    """Have the compiler look for musl below its --sysroot, which it calls %R."""
    with open(path, encoding="ascii") as file:
        text = file.read()
    write(path, text.replace("/usr/", "%R/usr/"))


def write(path: str, text: str, mode: str = "w") -> None:
    """Write a file."""
    with open(path, mode, encoding="utf-8") as file:
        file.write(text)


def output(*words: str) -> str:
    """Return what a program prints."""
    return subprocess.run(words, capture_output=True, text=True, check=True).stdout


if __name__ == "__main__":
    main(os.path.abspath(sys.argv[1]))
