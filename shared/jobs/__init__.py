"""Background work: a job queue in the database, a retry policy, and a loop for everything that runs forever.

A job is a row in the `jobs` table of a service, enqueued in the transaction of the change that needs it. A
worker claims the job under a lease, renews the lease with heartbeats, and ends the job in the transaction
that writes its result. So exactly one attempt takes effect, even if workers die.
"""
