"""What a request must get past: limits, credentials, and what the outside may see."""
