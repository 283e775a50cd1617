"""The web page: renders what people see, as a client of the public API and of nothing else."""
