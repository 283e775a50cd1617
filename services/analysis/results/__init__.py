"""Reading analyses: their state, points and features."""
