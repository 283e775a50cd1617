"""`dinsight maintenance`: keeps an installation's data within its limits, and small."""
