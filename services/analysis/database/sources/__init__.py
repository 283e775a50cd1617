"""Sources and their files in PostgreSQL."""
