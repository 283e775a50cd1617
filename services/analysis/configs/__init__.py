"""An organization's parameters, in versions."""
