"""What a run would have found with another threshold, from its stored distances."""
