"""${message}"""

from alembic import op

revision = ${repr(up_revision)}
down_revision = ${repr(down_revision)}


def upgrade() -> None:
    # Without a timeout, every reader would queue behind a migration that waits for its lock.
    op.execute("SET LOCAL lock_timeout = '10s'")
    op.execute("SET LOCAL ROLE onrecord_migrator")
    ${upgrades if upgrades else "pass"}
    op.execute("RESET ROLE")
