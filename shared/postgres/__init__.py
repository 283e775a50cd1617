"""PostgreSQL: pools and transactions, provisioning of roles and schemas, migrations."""
