"""Every operation of the merged OpenAPI document, called by those who must not: the isolation matrix."""
