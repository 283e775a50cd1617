"""Help: the pages of docs/help and the references of docs, rendered once."""
