"""Mailboxes of contact points, which get nothing before whoever reads them has agreed."""
