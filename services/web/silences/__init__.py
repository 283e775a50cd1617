"""What is silenced, until when and why."""
