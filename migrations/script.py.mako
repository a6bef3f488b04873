"""${message}"""

from alembic import op

revision = ${repr(up_revision)}
down_revision = ${repr(down_revision)}


def upgrade() -> None:
    # A lock that does not come soon is given back, or every reader queues up behind this migration.
    op.execute("SET LOCAL lock_timeout = '10s'")
    op.execute("SET LOCAL ROLE onrecord_migrator")
    ${upgrades if upgrades else "pass"}
    op.execute("RESET ROLE")
