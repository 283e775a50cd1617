"""Lists, counts and acknowledges anomalies."""
