"""`dinsight import`: moves machines from retired services, as a client of the gateway."""
