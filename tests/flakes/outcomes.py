"""What failed in which run."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from xml.etree import ElementTree


def failed_tests(junit: Path) -> set[str]:
    """The tests that failed, or whose fixtures did, by the names that pytest takes."""
    return {
        _name(case)
        for case in ElementTree.parse(junit).iter("testcase")
        if case.find("failure") is not None or case.find("error") is not None
    }


def _name(case: ElementTree.Element) -> str:
    file, dotted = case.get("file", ""), case.get("classname", "")
    classes = dotted.removeprefix(file.removesuffix(".py").replace("/", ".")).split(".")
    return "::".join(part for part in (file, *classes, case.get("name", "")) if part)


def report(failures: Mapping[str, Sequence[int]], runs: int) -> Iterator[str]:
    """Lines that name what failed, most often first; `failures` are the seeds of the runs in which it did."""
    if not failures:
        yield f"Nothing failed in {runs} run(s)."
        return
    yield f"{len(failures)} failed at least once in {runs} run(s):"
    for test, seeds in sorted(failures.items(), key=lambda item: (-len(item[1]), item[0])):
        yield f"  {len(seeds)} of {runs}  {test}  (seed {', '.join(map(str, seeds))})"
    yield "Repeat a run: .venv/bin/python -m tests.flakes --runs 1 --seed <seed>"
