"""The alerting service: rules on machines, alerts that they open, deliveries that tell people and systems."""
