"""The analysis service: uploads, baselines, monitoring runs and anomalies."""
