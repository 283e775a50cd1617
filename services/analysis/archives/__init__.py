"""Archives of analyses: Parquet files in the object store instead of rows in the database, and back."""
