"""`dinsight dead-letters`: the records that consumers could not handle, and their replay."""
