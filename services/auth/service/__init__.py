"""What one can do with identities. The caller of each method opened the transaction and commits it."""
