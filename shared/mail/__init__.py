"""Mail: what a message is, and how it leaves a service."""
