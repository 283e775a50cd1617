"""The analysis service: uploads, maps of normal, monitoring, anomalies."""
