"""The public event contracts: CloudEvents 1.0 on Kafka topics, one module of payloads per producer."""
