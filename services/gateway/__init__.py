"""The gateway: the only way in. It checks tokens, passes requests on, and streams events to clients."""
