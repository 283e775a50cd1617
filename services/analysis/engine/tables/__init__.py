"""Reading tables: CSV, gzipped CSV and Parquet, in chunks."""
