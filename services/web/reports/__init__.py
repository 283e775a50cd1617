"""A machine as one page, to print or to attach to a work order."""
