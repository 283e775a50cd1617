"""Creating an account, and the links in mail: verifying an address, resetting a password, joining."""
