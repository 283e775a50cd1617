"""The local replica of alerts, which the alerting service owns."""
