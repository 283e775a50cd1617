"""Makes the pictures of docs/pictures."""
