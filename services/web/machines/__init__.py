"""A machine: its time axis, map, samples, wear, data quality, baselines and runs."""
