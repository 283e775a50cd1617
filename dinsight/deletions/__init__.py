"""`dinsight deletions`: the certificates of deletions."""
