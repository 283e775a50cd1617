"""`dinsight dead-letters`: the records that consumers gave up, and their replay."""
