"""References of partitioned tables, kept by triggers.

A foreign key of a partitioned table is a constraint of each partition: attaching, detaching or dropping one
locks the table that is referred to, which stops the platform while a long transaction is in the way.
Triggers say the same (of ids, which never change) and lock rows only: whoever adds a row locks the row it
refers to against deletion until it commits, and whoever deletes one deletes or finds the rows that refer to
it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

When = Literal["BEFORE", "AFTER"]


class OnDelete(StrEnum):
    CASCADE = "cascade"
    REFUSE = "refuse"


@dataclass(frozen=True, slots=True)
class Reference:
    """To the `id` of another table of the service."""

    target: str
    on_delete: OnDelete = OnDelete.REFUSE


def references(
    service: str,
    table: str,
    columns: Mapping[str, Reference],
    *,
    checked: When = "AFTER",
) -> str:
    """Triggers in place of the table's foreign keys of these columns. Safe to repeat.

    The references are checked AFTER row-level security, like those of foreign keys. TimescaleDB has such
    triggers on tables without compressed rows only.
    """
    return "\n".join(
        [
            *(f"ALTER TABLE {table} DROP CONSTRAINT IF EXISTS {table}_{column}_fkey;" for column in columns),
            _function(service, f"{table}_references", _exists(table, columns), "NEW"),
            f"CREATE OR REPLACE TRIGGER {table}_references {checked} INSERT OR UPDATE OF {', '.join(columns)}"
            f" ON {table}\nFOR EACH ROW EXECUTE FUNCTION {table}_references();",
            *(_on_delete(service, table, column, reference) for column, reference in columns.items()),
        ]
    )


def _exists(table: str, columns: Mapping[str, Reference]) -> str:
    return "".join(
        f"""
    PERFORM FROM {reference.target} WHERE id = NEW.{column} FOR KEY SHARE;
    IF NOT FOUND AND NEW.{column} IS NOT NULL THEN
        RAISE foreign_key_violation USING
            MESSAGE = format('{table} refers to %s, which is not in {reference.target}', NEW.{column}),
            TABLE = '{table}', COLUMN = '{column}', CONSTRAINT = '{table}_references';
    END IF;"""
        for column, reference in columns.items()
    )


def _on_delete(service: str, table: str, column: str, reference: Reference) -> str:
    name = f"{table}_{column}_gone"
    if reference.on_delete is OnDelete.CASCADE:
        body = f"DELETE FROM {table} WHERE {column} IN (SELECT id FROM gone);"  # noqa: S608 - names
    else:
        body = f"""IF EXISTS (SELECT FROM {table} WHERE {column} IN (SELECT id FROM gone)) THEN
        RAISE foreign_key_violation USING
            MESSAGE = '{table} refers to rows of {reference.target} that were to be deleted',
            TABLE = '{table}', COLUMN = '{column}', CONSTRAINT = '{table}_references';
    END IF;"""  # noqa: S608 - names of the migration
    return "\n".join(
        [
            _function(service, name, f"\n    {body}", "NULL"),
            f"CREATE OR REPLACE TRIGGER {name} AFTER DELETE ON {reference.target}"
            f" REFERENCING OLD TABLE AS gone\nFOR EACH STATEMENT EXECUTE FUNCTION {name}();",
        ]
    )


def _function(service: str, name: str, body: str, result: str) -> str:
    return f"""CREATE OR REPLACE FUNCTION {name}() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = {service}, public, pg_temp AS $$
BEGIN{body}
    RETURN {result};
END $$;
REVOKE ALL ON FUNCTION {name}() FROM PUBLIC;"""
