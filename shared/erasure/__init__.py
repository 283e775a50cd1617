"""Deleting everything of an organization, an account, a machine or an analysis, in every service.

The service that is asked ends access and publishes `deletion.requested`. Every service, that one too, deletes
what it has of the subject in a job, batch by batch, and publishes `deletion.reported` with what went, in the
transaction that ends the job. Auth keeps the certificate, which is complete when all services have reported.
"""
