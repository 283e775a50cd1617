"""Leased work: one queue in the database, one retry policy, one loop for everything that runs for ever.

A job is a row of the service's `jobs` table, enqueued in the transaction of the change that needs it. A
worker claims it under a lease, keeps the lease with a heartbeat, and ends the job in the transaction that
writes its result, so that exactly one attempt counts, whoever dies.
"""
