"""Reliable events over Kafka: outbox and relay going out; inbox, retries, dead letters coming in."""
