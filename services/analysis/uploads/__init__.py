"""Taking files in: what a client sends, stored before the analysis begins."""
