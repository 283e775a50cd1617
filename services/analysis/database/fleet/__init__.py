"""What runs found: counted and downsampled when they end, and read for the fleet and the timeline."""
