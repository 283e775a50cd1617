"""Reads tables in chunks: CSV, gzipped CSV and Parquet."""
