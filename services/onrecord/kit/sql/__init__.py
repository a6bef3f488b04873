"""Access to PostgreSQL: connections, pools, migrations, bulk writes."""
