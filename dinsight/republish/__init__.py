"""`dinsight republish`: fills empty topics from the outboxes."""
