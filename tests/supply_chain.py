"""What came in from outside and what must not go out: known holes in dependencies, and secrets in the tree.

`python -m tests.supply_chain` is part of `make lint`; `--accept` writes what it finds into the baseline.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from detect_secrets.core import baseline
from detect_secrets.core.secrets_collection import SecretsCollection
from detect_secrets.settings import default_settings

ROOT = Path(__file__).resolve().parents[1]
LOCK = ROOT / "requirements" / "lock.txt"
BASELINE = ROOT / ".secrets.baseline"
# Hashes of packages, vendored files, and documents that are generated from code which is looked at itself.
NOT_SCANNED = (
    "requirements/",
    "docs/openapi.json",
    "docs/asyncapi.json",
    "docs/lint/package-lock.json",
    "services/gateway/docs/page/swagger-ui/",
    "tools/bootstrap-pip.txt",
)
# Tests make up passwords on every page; there only what looks like a real credential counts.
WORDS = "Secret Keyword"
# Known holes that do not concern us, by id, and why not. Each is looked at again with every new lock file.
ACCEPTED_HOLES: dict[str, str] = {}
AUDIT_SECONDS = 45
PROBE_SECONDS = 15
SOCKET_SECONDS = "5"


@dataclass(frozen=True, order=True)
class Finding:
    """`line` is for people; what is known is known wherever in its file it has moved."""

    file: str
    kind: str
    digest: str
    line: int

    @property
    def identity(self) -> tuple[str, str, str]:
        return self.file, self.kind, self.digest


def files() -> list[str]:
    """Everything that is or would be committed."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split("\0")
    wanted = (name for name in listed if name and not name.startswith(NOT_SCANNED))
    return [name for name in wanted if (ROOT / name).is_file() and ROOT / name != BASELINE]


def scan(names: Sequence[str], *, root: Path = ROOT) -> SecretsCollection:
    secrets = SecretsCollection(root=str(root))
    with default_settings():
        secrets.scan_files(*names, num_processors=2)
    return secrets


def findings(secrets: SecretsCollection) -> list[Finding]:
    return sorted(
        Finding(file, secret.type, secret.secret_hash, secret.line_number)
        for file, secret in secrets
        if not (file.startswith("tests/") and secret.type == WORDS)
    )


def document(secrets: SecretsCollection) -> dict[str, Any]:
    """The baseline that knows what was found."""
    wanted = {finding.identity for finding in findings(secrets)}
    kept = SecretsCollection()
    for file, secret in secrets:
        if (file, secret.type, secret.secret_hash) in wanted:
            kept[file].add(secret)
    with default_settings():
        written: dict[str, Any] = baseline.format_for_output(kept)
    # The moment and the folder of writing would make every two baselines differ.
    del written["generated_at"]
    for file, entries in written["results"].items():
        for entry in entries:
            entry["filename"] = file
    return written


def unknown(found: Iterable[Finding], known: Any) -> list[Finding]:
    """The findings that the baseline does not hold."""
    accepted = {
        (file, secret["type"], secret["hashed_secret"])
        for file, secrets in known["results"].items()
        for secret in secrets
    }
    return [finding for finding in found if finding.identity not in accepted]


@dataclass(frozen=True)
class Audit:
    """`skipped` are packages that the source knows nothing of."""

    holes: list[str]
    audited: int
    skipped: int


def read_audit(output: str) -> Audit:
    """What pip-audit has said as JSON."""
    packages = json.loads(output)["dependencies"]
    holes = [
        f"{package['name']} {package['version']}: {hole['id']}, mended in {hole['fix_versions'] or 'none'}"
        for package in packages
        for hole in package.get("vulns", ())
        if not {hole["id"], *hole["aliases"]} & ACCEPTED_HOLES.keys()
    ]
    skipped = sum("skip_reason" in package for package in packages)
    return Audit(holes, len(packages) - skipped, skipped)


def audit(requirements: Path, seconds: float) -> Audit | None:
    """None when the source of advisories does not answer in time: that is no fault of the code."""
    program = str(Path(sys.executable).with_name("pip-audit"))
    options = ["--disable-pip", "--format", "json", "--progress-spinner", "off", "--timeout", SOCKET_SECONDS]
    try:
        done = subprocess.run(
            [program, "--requirement", str(requirements), *options],
            capture_output=True,
            text=True,
            timeout=seconds,
            check=False,
        )
        return read_audit(done.stdout)
    except (subprocess.TimeoutExpired, json.JSONDecodeError):
        return None


def first_pin(lock: str) -> str:
    """The first package of the lock file with its hashes: a question to see whether anybody answers."""
    lines = iter(line for line in lock.splitlines() if line and not line.lstrip().startswith("#"))
    pin = [next(lines)]
    while pin[-1].endswith("\\"):
        pin.append(next(lines))
    return "\n".join(pin) + "\n"


def audited() -> Audit | None:
    with tempfile.TemporaryDirectory() as folder:
        probe = Path(folder) / "probe.txt"
        probe.write_text(first_pin(LOCK.read_text(encoding="utf-8")), encoding="utf-8")
        answer = audit(probe, PROBE_SECONDS)
    return audit(LOCK, AUDIT_SECONDS) if answer is not None and answer.audited else None


def main() -> int:
    reader = argparse.ArgumentParser(prog="python -m tests.supply_chain", description=__doc__)
    reader.add_argument("--accept", action="store_true", help="take the findings of now for known")
    say = sys.stdout.write
    secrets = scan(files())
    if reader.parse_args().accept:
        BASELINE.write_text(json.dumps(document(secrets), indent=1) + "\n", encoding="utf-8")
        return 0
    new = unknown(findings(secrets), json.loads(BASELINE.read_text(encoding="utf-8")))
    for finding in new:
        say(f"{finding.file}:{finding.line}: {finding.kind}: take it out, or --accept it if it is none\n")
    outcome = audited()
    if outcome is None:
        say("The source of advisories does not answer: the dependencies are not audited this time.\n")
        return 1 if new else 0
    say(f"{outcome.audited} dependencies audited, {len(outcome.holes)} with known holes.\n")
    for hole in outcome.holes:
        say(f"{hole}\n")
    return 1 if new or outcome.holes else 0


if __name__ == "__main__":
    sys.exit(main())
