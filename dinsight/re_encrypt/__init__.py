"""`dinsight re-encrypt`: moves every stored secret to the current key."""
