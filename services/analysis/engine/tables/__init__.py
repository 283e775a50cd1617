"""Reads tables in chunks: text in every dialect, Excel and Parquet, also within gzip and zip
(docs/engine.md)."""
