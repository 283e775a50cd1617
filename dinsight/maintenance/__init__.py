"""`dinsight maintenance`: archives, exports and deletes what has been kept for long enough."""
