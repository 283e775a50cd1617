"""Reliable events over Kafka: outbox and relay to publish; inbox, retries and dead letters to consume."""
