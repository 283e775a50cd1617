"""`dinsight re-encrypt`: re-encrypts every stored secret with the current key."""
