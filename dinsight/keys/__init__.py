"""`dinsight keys`: what programs show each other to know whom they talk to."""
