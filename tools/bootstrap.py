"""Makes a checkout ready: the virtual environment from the lock file, and a PostgreSQL server to run.

Run by `make` with the machine's own Python, before anything is installed: the standard library is all it has.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib.util
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

MIN_PYTHON = (3, 11)
PIP_REQUIREMENT = Path(__file__).with_name("bootstrap-pip.txt")
PARALLEL_PIPS = 4
POSTGRES_HOMES = Path("/usr/lib/postgresql")
# Debian's scripts look here whether a new server gets a cluster of its own on port 5432.
CLUSTER_SETTINGS = Path("/etc/postgresql-common/createcluster.d")
# Debian's redis-tools holds the program under the second name, without the service that redis-server starts.
REDIS_PROGRAMS = ("redis-server", "redis-check-rdb")


# The engine's modules with compiled loops.
LOOPS = ("kernels.py", "verdict/ranking.py")


class CannotPrepare(Exception):
    """Something is missing that the user must provide."""


def say(text: str) -> None:
    print(f"  {text}", flush=True)


def run(
    command: Sequence[str | Path],
    what: str,
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
) -> None:
    """Run a command; its output is shown only when it fails."""
    began = time.monotonic()
    say(f"{what} ...")
    ended = subprocess.run(  # noqa: S603 - a list of arguments, no shell
        [str(part) for part in command],
        env=env,
        cwd=cwd,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if ended.returncode != 0:
        raise CannotPrepare(f"{what} failed:\n{ended.stdout.strip()[-3000:]}")
    say(f"✓ {what} ({time.monotonic() - began:.0f} s)")


def installer() -> str | None:
    """Only root on a machine with apt has one."""
    return shutil.which("apt-get") if os.geteuid() == 0 else None


def must_be_able_to_install(package: str, why: str) -> str:
    """The installer."""
    apt = installer()
    if apt is None:
        raise CannotPrepare(
            f"{why}. Install the package {package} (Debian, as root: apt-get install {package})."
        )
    return apt


def install_package(package: str, why: str) -> None:
    """Install a Debian package."""
    apt = must_be_able_to_install(package, why)
    env = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    known = subprocess.run(  # noqa: S603
        [shutil.which("apt-cache") or "apt-cache", "show", package],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        check=False,
    )
    if known.returncode != 0:
        run([apt, "update", "-q"], "updating the package lists", env)
    run(
        [apt, "install", "-q", "-y", "--no-install-recommends", package],
        f"installing {package}",
        env,
    )


class Checkout:
    """The checkout to prepare. Stamp files in the virtual environment record what it was created from."""

    def __init__(self, root: Path, venv: str = ".venv", lock: str = "lock.txt") -> None:
        self.root = root
        self.venv = root / venv
        self.python = self.venv / "bin" / "python"
        self.lock = root / "requirements" / lock

    def make_environment(self) -> None:
        if self.python.exists() and self._works([self.python, "-m", "pip", "--version"]):
            return
        minor = f"python{sys.version_info.major}.{sys.version_info.minor}"
        if importlib.util.find_spec("ensurepip") is None:
            install_package(f"{minor}-venv", "Python cannot create virtual environments")
        run([sys.executable, "-m", "venv", "--clear", self.venv], f"creating {self.venv.name} with {minor}")

    def install_packages(self) -> None:
        self.install_locked()
        self._the_project()

    def _works(self, command: Sequence[str | Path]) -> bool:
        asked = subprocess.run(  # noqa: S603
            [str(part) for part in command], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False
        )
        return asked.returncode == 0

    def install_locked(self) -> None:
        stamp = self.venv / ".dinsight-lock"
        wanted = digest(self.lock)
        if read(stamp) == wanted:
            return
        stamp.unlink(missing_ok=True)
        try:
            run(self._pip("--require-hashes", "-r", PIP_REQUIREMENT), "updating pip")
        except CannotPrepare as error:
            say(f"continuing with the installed pip ({str(error).splitlines()[-1]})")
        self._install_lock()
        self._compile()
        stamp.write_text(wanted, encoding="ascii")

    def _pip(self, *arguments: str | Path) -> list[str | Path]:
        return [self.python, "-m", "pip", "install", "--quiet", "--no-deps", *arguments]

    def _install_lock(self) -> None:
        """The lock names every package with its hashes, so parts of it can be installed side by side.

        Measured on two cores, 135 packages: one pip 40 s, four 19 s. Should they get in each other's way,
        one pip goes over the whole lock again.
        """
        packages = requirements(self.lock.read_text(encoding="utf-8"))
        began = time.monotonic()
        say(f"installing {len(packages)} locked packages ...")
        with tempfile.TemporaryDirectory() as folder:
            running = []
            for number in range(PARALLEL_PIPS):
                part = Path(folder) / f"part-{number}.txt"
                part.write_text("".join(packages[number::PARALLEL_PIPS]), encoding="utf-8")
                command = self._pip("--require-hashes", "--no-compile", "-r", part)
                running.append(
                    subprocess.Popen(  # noqa: S603
                        command,
                        stdin=subprocess.DEVNULL,
                        stdout=subprocess.DEVNULL,
                        stderr=subprocess.DEVNULL,
                    )
                )
            codes = [process.wait() for process in running]
        if any(codes):
            run(
                self._pip("--require-hashes", "--no-compile", "-r", self.lock), "installing them with one pip"
            )
        say(f"✓ installed {len(packages)} locked packages ({time.monotonic() - began:.0f} s)")

    def _compile(self) -> None:
        """Compiled once here, by all cores, rather than by each of the services when it starts.

        Packages' own tests are left out: nobody runs them.
        """
        options = ["-q", "-j", "0", "-x", "/site-packages/.*/tests?/"]
        command: list[str | Path] = [self.python, "-m", "compileall", *options, self.venv / "lib"]
        try:
            run(command, "compiling them")
        except CannotPrepare as error:
            say(f"continuing: Python compiles what it loads ({str(error).splitlines()[-1]})")

    def compile_loops(self) -> None:
        """The engine's compiled loops, lest the first analysis after a start waits a minute for them."""
        engine = self.root / "services" / "analysis" / "engine"
        stamp = self.venv / ".dinsight-loops"
        wanted = " ".join([read(self.venv / ".dinsight-lock"), *map(digest, map(engine.joinpath, LOOPS))])
        if read(stamp) == wanted:
            return
        command: list[str | Path] = [self.python, "-m", "services.analysis.engine.warm"]
        try:
            run(command, "compiling the engine's loops", cwd=self.root)
        except CannotPrepare as error:
            say(f"continuing: the first analysis compiles them ({str(error).splitlines()[-1]})")
            return
        stamp.write_text(wanted, encoding="ascii")

    def _the_project(self) -> None:
        stamp = self.venv / ".dinsight-project"
        wanted = digest(self.root / "pyproject.toml") + f" {self.root}"
        if read(stamp) == wanted:
            return
        stamp.unlink(missing_ok=True)
        run(self._pip("--no-build-isolation", "-e", self.root), "installing the project itself")
        stamp.write_text(wanted, encoding="utf-8")


def requirements(lock: str) -> list[str]:
    """The lock file cut into its requirements, each with its hashes and remarks."""
    parts = re.split(r"^(?=[A-Za-z0-9])", lock, flags=re.MULTILINE)
    return [part for part in parts if part[:1].isalnum()]


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return ""


def have_postgres() -> bool:
    return shutil.which("initdb") is not None or any(POSTGRES_HOMES.glob("*/bin/initdb"))


def missing_server(server_variable: str) -> str:
    return f"PostgreSQL is not installed (alternatively set {server_variable} to the address of a server)"


def install_postgres(server_variable: str) -> None:
    """Debian's PostgreSQL, without the cluster on port 5432 that its package makes and starts by itself."""
    why = missing_server(server_variable)
    install_package("postgresql-common", why)
    setting = CLUSTER_SETTINGS / "dinsight.conf"
    had_folder = CLUSTER_SETTINGS.is_dir()
    CLUSTER_SETTINGS.mkdir(exist_ok=True)
    setting.write_text("create_main_cluster = false\n", encoding="ascii")
    try:
        install_package("postgresql", why)
    finally:
        setting.unlink()
        if not had_folder:
            CLUSTER_SETTINGS.rmdir()


def install_redis() -> None:
    """For the tests of limits that several gateways share, which are skipped without it."""
    try:
        install_package("redis-tools", "Redis is not installed")
    except CannotPrepare as error:
        say(f"continuing without Redis; some tests will be skipped ({str(error).splitlines()[-1]})")


def install_chromium() -> None:
    """For the tests of the web page, which are skipped without it."""
    try:
        install_package("chromium", "Chromium is not installed")
    except CannotPrepare as error:
        say(f"continuing without Chromium; some tests will be skipped ({str(error).splitlines()[-1]})")


def prepare(checkout: Checkout, server_variable: str, *, redis: bool, chromium: bool) -> None:
    """Everything that is missing; Debian's packages are installed while pip waits for the network."""
    missing: list[Callable[[], None]] = []
    if not os.environ.get(server_variable) and not have_postgres():
        must_be_able_to_install("postgresql", missing_server(server_variable))
        missing.append(partial(install_postgres, server_variable))
    if redis and installer() is not None and not any(map(shutil.which, REDIS_PROGRAMS)):
        missing.append(install_redis)
    if chromium and installer() is not None and shutil.which("chromium") is None:
        missing.append(install_chromium)
    checkout.make_environment()
    with ThreadPoolExecutor(1) as aside:
        servers = [aside.submit(install) for install in missing]
        checkout.install_packages()
        checkout.compile_loops()
        for server in servers:
            server.result()


def prepare_rivals(root: Path) -> None:
    """The libraries that benchmarks compare the map with, in an environment of their own."""
    rivals = Checkout(root, ".venv-bench", "bench.txt")
    rivals.make_environment()
    rivals.install_locked()


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    wanted = parser.add_mutually_exclusive_group(required=True)
    wanted.add_argument(
        "--server-variable",
        help="no PostgreSQL is installed when this variable names a server",
    )
    wanted.add_argument("--rivals", action="store_true", help="prepare .venv-bench only")
    parser.add_argument("--redis", action="store_true", help="install Redis too, where that is possible")
    parser.add_argument(
        "--chromium", action="store_true", help="install Chromium too, where that is possible"
    )
    options = parser.parse_args(arguments)
    try:
        if sys.version_info < MIN_PYTHON:
            found = ".".join(map(str, sys.version_info[:3]))
            raise CannotPrepare(
                f"Python 3.11 or newer is needed, {sys.executable} is {found}. "
                "Install the package python3.11, or name another: make PYTHON=/path/to/python3.11"
            )
        root = Path(__file__).resolve().parents[1]
        if options.rivals:
            prepare_rivals(root)
        else:
            prepare(Checkout(root), options.server_variable, redis=options.redis, chromium=options.chromium)
    except CannotPrepare as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
