"""The inbox of alerts, and one alert."""
