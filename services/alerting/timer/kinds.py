"""The kinds of timers. The subject of each is an alert, unless it says otherwise."""

ACKNOWLEDGEMENT_EXPIRY = "acknowledgement_expiry"
