"""What a release consists of is known: images by digest, packages by name, version and hash."""

import importlib.util
import json
import re
import subprocess
from pathlib import Path
from types import ModuleType

import pytest

from tests.unit.deploy.production import normalized
from tests.unit.deploy.programs import ROOT
from tools import sbom

DIGEST = "sha256:" + "0f" * 32


@pytest.fixture(scope="module")
def pin_images() -> ModuleType:
    spec = importlib.util.spec_from_file_location("pin_images", ROOT / "deploy" / "pin_images.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_image_of_others_gets_its_digest_and_ours_none(pin_images: ModuleType) -> None:
    asked: set[str] = set()

    def resolve(image: str) -> str:
        asked.add(image)
        return DIGEST

    for name in pin_images.FILES:
        text = (ROOT / name).read_text(encoding="utf-8")
        once = pin_images.pinned(text, resolve)
        assert pin_images.pinned(once, resolve) == once, "pinning again changes digests only"
        images = re.findall(r"^\s*image: (\S+)|^FROM (\S+)", once, re.MULTILINE)
        for image in map("".join, images):
            assert image.endswith(f"@{DIGEST}") is not image.startswith("dinsight"), image
        assert re.sub(rf"@{DIGEST}", "", once) == re.sub(r"@sha256:[0-9a-f]{64}", "", text)
    assert {image.split(":")[0] for image in asked} >= {"python", "apache/kafka", "timescale/timescaledb"}


def test_bills_of_materials_list_every_package_with_its_hashes(tmp_path: Path) -> None:
    locks = {name: ROOT / "requirements" / lock for name, lock in sbom.LOCKS.items()}
    assert all(lock.is_file() for lock in locks.values())
    # The smallest: they are all made in the same way.
    name = "dinsight-backup-image"
    [path] = sbom.write(tmp_path, {name: sbom.LOCKS[name]})
    bill = json.loads(path.read_text(encoding="utf-8"))
    assert (bill["bomFormat"], bill["specVersion"]) == ("CycloneDX", "1.6")
    locked = {(normalized(package), version) for package, version in LOCKED.findall(locks[name].read_text())}
    assert {(normalized(part["name"]), part["version"]) for part in bill["components"]} == locked
    assert [part["name"] for part in bill["components"] if not _hashes(part)] == []


LOCKED = re.compile(r"^([\w.-]+)(?:\[[^\]]*\])?==(\S+)", re.MULTILINE)


def _hashes(part: dict[str, object]) -> bool:
    return bool(part.get("hashes")) or "hashes" in json.dumps(part.get("externalReferences", []))


def test_the_release_is_a_program_that_can_be_read_by_the_shell() -> None:
    path = ROOT / ".ci" / "release"
    assert path.stat().st_mode & 0o111
    subprocess.run(["bash", "-n", str(path)], check=True)
