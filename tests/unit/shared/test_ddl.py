"""Scripts are split at the ends of statements only."""

import pytest

from shared.postgres.ddl import MESSAGING, statements, tenant_isolation


@pytest.mark.parametrize(
    ("script", "count"),
    [
        ("", 0),
        ("\n\n", 0),
        ("SELECT 1;", 1),
        ("SELECT 1", 1),
        ("SELECT 1;\nSELECT 2;\n", 2),
        ("SELECT 1; SELECT 2;\nSELECT 3;", 2),
        ("CREATE FUNCTION f() AS\n$$\nBEGIN\n  a;\n  b;\nEND\n$$;\nSELECT 1;", 2),
        ("CREATE FUNCTION f() AS $$ BEGIN a; END $$;\nSELECT 1;", 2),
        ("CREATE FUNCTION f() AS $$ BEGIN\n a;\nEND $$ LANGUAGE plpgsql;", 1),
        ("-- a comment\nSELECT 1;   \n", 1),
    ],
)
def test_statements_are_split(script: str, count: int) -> None:
    parts = list(statements(script))
    assert len(parts) == count
    assert "".join("".join(parts).split()) == "".join(script.split())


def test_the_messaging_tables_are_whole() -> None:
    parts = list(statements(MESSAGING))
    assert [part.split("(")[0].split()[:3] for part in parts if part.startswith("CREATE TABLE")] == [
        ["CREATE", "TABLE", name] for name in ("outbox", "inbox", "idempotency_keys")
    ]
    assert all(part.count("$$") in (0, 2) for part in parts)


def test_isolation_is_forced_for_the_service_and_open_to_the_owner() -> None:
    parts = list(statements(tenant_isolation("machines", "machines")))
    assert [" ".join(part.split()[:3]) for part in parts] == [
        "ALTER TABLE machines",
        "ALTER TABLE machines",
        "CREATE POLICY machines_tenant",
        "CREATE POLICY machines_owner",
    ]
    assert "FORCE ROW LEVEL SECURITY" in parts[1]
    assert "TO dinsight_machines USING" in parts[2]
    assert "TO dinsight_machines_owner USING" in parts[3]
