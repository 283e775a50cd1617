"""What mail somebody does not want."""
