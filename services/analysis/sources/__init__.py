"""Places that are watched for a machine's files."""
