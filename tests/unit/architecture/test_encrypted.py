"""`dinsight re-encrypt` covers every module that encrypts."""

import ast
from pathlib import Path

from dinsight.re_encrypt.columns import COLUMNS
from tests.unit.architecture.source import imports, python_files, tree

# The token that it is about is the key: nobody else can renew it, and it lives for seconds.
KEYED_BY_TOKENS = {Path("services/auth/sessions/succession.py")}


def _encrypts(path: Path) -> bool:
    calls = [node.func for node in ast.walk(tree(path)) if isinstance(node, ast.Call)]
    return any(isinstance(call, ast.Attribute) and call.attr == "encrypt" for call in calls)


def test_every_module_that_encrypts_has_its_column_listed() -> None:
    """The service's `encrypted.py` imports the purpose of each module, so it lists the module's column."""
    encrypting = [
        path for path in python_files("services") if _encrypts(path) and path not in KEYED_BY_TOKENS
    ]
    assert len(encrypting) >= 3
    forgotten = []
    for path in encrypting:
        module = ".".join(path.with_suffix("").parts)
        known = imports(Path(*path.parts[:2], "encrypted.py"))
        if not any(f"{name}.".startswith(f"{module}.") for name in known):
            forgotten.append(f"{path} encrypts, and {path.parts[1]}/encrypted.py does not know it")
    assert forgotten == []


def test_every_list_of_columns_is_walked() -> None:
    lists = {path.parts[1] for path in python_files("services") if path.name == "encrypted.py"}
    assert lists == set(COLUMNS)
    assert all(COLUMNS.values())
