"""The analysis job: from the stored files to exactly one end."""
