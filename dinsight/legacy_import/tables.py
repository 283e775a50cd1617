"""The five legacy tables: what they must look like, and how their rows are read.

Rows are read as the platform stores them, so that everything it can show of its own runs it can show of
imported ones: a time that is missing is the epoch, a chunk of one sample is a chunk all the same, metadata
is a list with one object per sample, a merged file has a name and a size. All else is read as it is.
"""

from collections.abc import Mapping
from dataclasses import dataclass

STATUSES = ("pending", "processing", "completed", "failed")

_MERGED_FILES = """
CASE WHEN merged_files IS NULL OR jsonb_typeof(merged_files) = 'null' THEN NULL ELSE (
    SELECT coalesce(jsonb_agg(
        CASE jsonb_typeof(file) WHEN 'object' THEN file ELSE '{}' END
        || jsonb_build_object(
            'filename', coalesce(
                CASE jsonb_typeof(file) WHEN 'object'
                    THEN coalesce(file->>'filename', file->>'original_filename', file->>'name') END,
                file #>> '{}'),
            'size', CASE WHEN jsonb_typeof(file) <> 'object' THEN 0
                WHEN jsonb_typeof(file->'size') = 'number' THEN trunc((file->>'size')::numeric)
                WHEN jsonb_typeof(file->'file_size') = 'number' THEN trunc((file->>'file_size')::numeric)
                ELSE 0 END) ORDER BY place), '[]')
    FROM jsonb_array_elements(CASE jsonb_typeof(merged_files)
        WHEN 'array' THEN merged_files ELSE jsonb_build_array(merged_files) END)
        WITH ORDINALITY AS files(file, place)) END
"""


def _metadata(samples: str) -> str:
    """A list with one object per sample; metadata of the chunk as a whole counts for each of its samples."""
    # LATERAL: an aggregate over nothing but outer columns would count as the outer query's.
    return f"""
CASE WHEN metadata IS NULL OR jsonb_typeof(metadata) = 'null' THEN NULL
     WHEN CASE jsonb_typeof(metadata) WHEN 'array' THEN jsonb_array_length(metadata) = {samples}
          ELSE false END
     THEN (SELECT jsonb_agg({_object("one")} ORDER BY place)
           FROM jsonb_array_elements(metadata) WITH ORDINALITY AS samples(one, place))
     ELSE (SELECT jsonb_agg(whole) FROM generate_series(1, {samples}),
           LATERAL (SELECT {_object("metadata")} AS whole) AS chunk) END
"""  # noqa: S608 - names of this module


def _object(value: str) -> str:
    return (
        f"CASE jsonb_typeof({value}) WHEN 'object' THEN {value} ELSE jsonb_build_object('value', {value}) END"
    )


_FEATURES = "CASE array_ndims(feature_values) WHEN 1 THEN ARRAY[feature_values] ELSE feature_values END"


@dataclass(frozen=True, slots=True)
class LegacyTable:
    """`columns` by name with PostgreSQL's name of the type; `expressions` replace columns when they are read.

    `place` numbers rows that belong together, where the table itself does not.
    """

    name: str
    columns: Mapping[str, str]
    expressions: Mapping[str, str]
    place: str | None = None

    @property
    def staged(self) -> str:
        """The temporary table that the rows are copied into."""
        return f"legacy_{self.name}"

    def reading(self) -> str:
        """The columns as they are compared."""
        return self._select()

    def copying(self) -> str:
        """The columns as they are copied, with their place."""
        return self._select(*([f"{self.place} AS place"] if self.place else []))

    def staging(self) -> str:
        """The statement that makes the temporary table."""
        columns = [f'"{name}" {type_}' for name, type_ in self.columns.items()]
        columns += ["place bigint"] if self.place else []
        return f"CREATE TEMPORARY TABLE {self.staged} ({', '.join(columns)}) ON COMMIT DROP"

    def _select(self, *more: str) -> str:
        chosen = [*map(self._column, self.columns), *more]
        return f"SELECT {', '.join(chosen)} FROM public.{self.name}"  # noqa: S608 - names of this module

    def _column(self, name: str) -> str:
        expression = self.expressions.get(name)
        return f'"{name}"' if expression is None else f'{expression} AS "{name}"'


_TIME = "timestamp with time zone"
_FLOAT = "double precision"
_CREATED = "coalesce(created_at, 'epoch')"

TABLES = (
    LegacyTable(
        "file_uploads",
        {
            "id": "uuid",
            "original_filename": "character varying(255)",
            "file_size": "bigint",
            "file_path": "character varying(500)",
            "status": "character varying(50)",
            "error_message": "text",
            "merged_files": "jsonb",
            "created_at": _TIME,
            "updated_at": _TIME,
        },
        {
            "merged_files": _MERGED_FILES,
            "created_at": _CREATED,
            "updated_at": "coalesce(updated_at, created_at, 'epoch')",
        },
    ),
    LegacyTable(
        "config_data",
        {
            "id": "integer",
            "gamma0": _FLOAT,
            "optimizer": "character varying(50)",
            "alpha": _FLOAT,
            "end_meta": "character varying(255)",
            "start_dim": "character varying(255)",
            "end_dim": "character varying(255)",
            "imax": "integer",
            "lowdim": "integer",
            "eta": _FLOAT,
            "epsilon": _FLOAT,
            "beta1": _FLOAT,
            "beta2": _FLOAT,
            "beta": _FLOAT,
            "a": _FLOAT,
            "w1": _FLOAT,
            "w2": _FLOAT,
            "which_w1": "character varying(50)",
            "mode": "character varying(50)",
            "param_mode": _FLOAT,
            "created_at": _TIME,
        },
        {"created_at": _CREATED},
    ),
    LegacyTable(
        "dinsight_data",
        {
            "id": "uuid",
            "file_upload_id": "uuid",
            "config_id": "integer",
            "x_values": f"{_FLOAT}[]",
            "y_values": f"{_FLOAT}[]",
            "created_at": _TIME,
        },
        {"created_at": _CREATED},
    ),
    LegacyTable(
        "feature_data",
        {
            "id": "uuid",
            "file_upload_id": "uuid",
            "feature_values": f"{_FLOAT}[]",
            "metadata": "jsonb",
            "created_at": _TIME,
        },
        {
            "feature_values": _FEATURES,
            "metadata": _metadata(f"coalesce(array_length({_FEATURES}, 1), 0)"),
            "created_at": _CREATED,
        },
        # The table has no order of its own; rows lie in the order in which they were written.
        place="row_number() OVER (PARTITION BY file_upload_id ORDER BY created_at, ctid) - 1",
    ),
    LegacyTable(
        "monitor_data",
        {
            "id": "uuid",
            "dinsight_id": "uuid",
            "monitor_values": f"{_FLOAT}[]",
            "x_values": f"{_FLOAT}[]",
            "y_values": f"{_FLOAT}[]",
            "metadata": "jsonb",
            "process_order": "integer",
            "created_at": _TIME,
        },
        {"metadata": _metadata("cardinality(monitor_values)"), "created_at": _CREATED},
    ),
)
