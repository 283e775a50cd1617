"""`dinsight demo`: the platform at work on a generated rig, or on the user's own files."""
