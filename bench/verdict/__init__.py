"""The verdict on the reference data sets, beside rivals, and on planted faults: `python -m bench.verdict`."""
