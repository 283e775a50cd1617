"""The alerting service: rules watch machines, open alerts and notify people and systems."""
