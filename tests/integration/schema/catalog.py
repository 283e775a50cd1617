"""What PostgreSQL's catalogs say of a table, as facts that can be compared between two databases."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import asyncpg

from shared.postgres.connection import Connection

SPECIFICATION = Path(__file__).with_name("specification.sql")
# Which schema holds each table of the specification.
SLICES: Mapping[str, str] = {
    "file_uploads": "analysis",
    "config_data": "analysis",
    "dinsight_data": "analysis",
    "feature_data": "analysis",
    "monitor_data": "analysis",
    "users": "auth",
    "organizations": "auth",
    "user_organizations": "auth",
    "machines": "machines",
    "analyses": "analysis",
    "anomalies": "analysis",
    "alert_rules": "alerting",
    "alerts": "alerting",
    "refresh_tokens": "auth",
    "audit_logs": "auth",
}

COLUMNS = """
SELECT a.attname AS name, format_type(a.atttypid, a.atttypmod) AS type, a.attndims AS dimensions,
       a.attnotnull AS required, pg_get_expr(d.adbin, d.adrelid) AS "default"
FROM pg_attribute a LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
WHERE a.attrelid = $1 AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum
"""
CONSTRAINTS = """
SELECT c.conname AS name, c.contype::text AS kind, c.confdeltype::text AS on_delete, t.relname AS target,
       pg_get_expr(c.conbin, c.conrelid) AS test,
       ARRAY(SELECT a.attname::text FROM unnest(c.conkey) WITH ORDINALITY k(number, place)
             JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = k.number
             ORDER BY k.place) AS columns,
       ARRAY(SELECT a.attname::text FROM unnest(c.confkey) WITH ORDINALITY k(number, place)
             JOIN pg_attribute a ON a.attrelid = c.confrelid AND a.attnum = k.number
             ORDER BY k.place) AS target_columns
FROM pg_constraint c LEFT JOIN pg_class t ON t.oid = c.confrelid
WHERE c.conrelid = $1 AND c.contype IN ('p', 'u', 'f', 'c', 'x') ORDER BY c.conname
"""
# Of `indoption`, bit 1 is DESC and bit 2 NULLS FIRST, which is DESC's default. Indexes that a constraint
# made are told of with the constraint.
INDEXES = """
SELECT c.relname AS name, i.indisunique AS is_unique, m.amname AS method,
       pg_get_expr(i.indpred, i.indrelid) AS predicate,
       ARRAY(SELECT pg_get_indexdef(i.indexrelid, place, true)
                    || CASE i.indoption[place - 1] WHEN 0 THEN '' WHEN 3 THEN ' DESC'
                       WHEN 1 THEN ' DESC NULLS LAST' ELSE ' NULLS FIRST' END
             FROM generate_series(1, i.indnkeyatts) place ORDER BY place) AS columns
FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid JOIN pg_am m ON m.oid = c.relam
WHERE i.indrelid = $1
  AND NOT EXISTS (SELECT FROM pg_constraint k WHERE k.conindid = i.indexrelid AND k.conrelid = $1)
ORDER BY c.relname
"""
ON_DELETE = {
    "c": " ON DELETE CASCADE",
    "n": " ON DELETE SET NULL",
    "d": " ON DELETE SET DEFAULT",
    "r": " ON DELETE RESTRICT",
}


@dataclass(frozen=True, slots=True)
class Table:
    """`facts` by what they are about: `column x`, `primary key`, `unique (a, b)`, `index i`, ..."""

    name: str
    columns: tuple[str, ...]
    facts: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Difference:
    """Between a table of the specification and the installation's. `found` is None for what is missing."""

    table: str
    what: str
    wanted: str | None
    found: str | None

    def __str__(self) -> str:
        return (
            f"{self.table}, {self.what}: wanted {self.wanted or 'nothing'}, found {self.found or 'nothing'}"
        )


async def read_table(connection: Connection, schema: str, name: str) -> Table | None:
    """The facts about one table, or None where it does not exist."""
    # Expressions name what is not on the search path with its schema.
    await connection.execute(f"SET search_path = {schema}, public")
    oid = await connection.fetchval("SELECT to_regclass($1)::oid", f"{schema}.{name}")
    if oid is None:
        return None
    columns = await connection.fetch(COLUMNS, oid)
    facts = {f"column {row['name']}": _column(row) for row in columns}
    facts |= {_constraint_subject(row): _constraint(row) for row in await connection.fetch(CONSTRAINTS, oid)}
    facts |= {f"index {row['name']}": _index(row) for row in await connection.fetch(INDEXES, oid)}
    return Table(name, tuple(row["name"] for row in columns), facts)


async def read_specification(connection: Connection) -> Mapping[str, Table]:
    """Load the specification's statements into an empty database and read them back."""
    await connection.execute('CREATE EXTENSION IF NOT EXISTS "uuid-ossp"')
    await connection.execute(SPECIFICATION.read_text(encoding="utf-8"))
    found = {name: await read_table(connection, "public", name) for name in SLICES}
    return {name: table for name, table in found.items() if table is not None}


async def read_installation(connection: Connection) -> Mapping[str, Table]:
    """The specification's tables as the services' migrations made them."""
    found = {name: await read_table(connection, schema, name) for name, schema in SLICES.items()}
    return {name: table for name, table in found.items() if table is not None}


def differences(wanted: Table, found: Table | None) -> list[Difference]:
    """Where the installation's table lacks what the specification says, or says it otherwise."""
    if found is None:
        return [Difference(wanted.name, "table", "a table", None)]
    facts = found.facts
    differing = [
        Difference(wanted.name, what, fact, facts.get(what))
        for what, fact in wanted.facts.items()
        if facts.get(what) != fact
    ]
    kept = tuple(name for name in found.columns if name in wanted.columns)
    if kept != tuple(name for name in wanted.columns if name in found.columns):
        differing.append(
            Difference(wanted.name, "order of columns", ", ".join(wanted.columns), ", ".join(kept))
        )
    return differing


def additions(wanted: Table, found: Table) -> Mapping[str, str]:
    """What the installation's table has beyond the specification's."""
    return {what: fact for what, fact in found.facts.items() if what not in wanted.facts}


def _column(row: asyncpg.Record) -> str:
    fact = str(row["type"])
    if row["dimensions"] > 1:
        fact += "[]" * (row["dimensions"] - 1)
    if row["required"]:
        fact += " NOT NULL"
    if row["default"] is not None:
        fact += f" DEFAULT {row['default']}"
    return fact


def _constraint_subject(row: asyncpg.Record) -> str:
    columns = ", ".join(row["columns"])
    kinds = {"u": f"unique ({columns})", "f": f"foreign key ({columns})", "p": "primary key"}
    return kinds.get(row["kind"], f"constraint {row['name']}")


def _constraint(row: asyncpg.Record) -> str:
    if row["kind"] == "f":
        target = f"{row['target']} ({', '.join(row['target_columns'])})"
        return f"REFERENCES {target}{ON_DELETE.get(row['on_delete'], '')}"
    return str(row["test"]) if row["kind"] in "cx" else f"({', '.join(row['columns'])})"


def _index(row: asyncpg.Record) -> str:
    fact = f"{row['method']} ({', '.join(row['columns'])})"
    if row["is_unique"]:
        fact = f"UNIQUE {fact}"
    return f"{fact} WHERE {row['predicate']}" if row["predicate"] else fact
