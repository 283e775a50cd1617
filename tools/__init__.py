"""What runs the platform on one machine: the supervisor, the demo, the bootstrap. None of it ships."""
