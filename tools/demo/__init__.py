"""`dinsight demo`: shows the platform on a generated rig or on the user's own files."""
