"""Second factors: the second step of signing in, and what an account has."""
