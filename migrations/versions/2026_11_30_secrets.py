"""Secrets of endpoints are encrypted, and the old one is found when its overlap has ended.

All in one transaction: nobody sees a table in which some secrets are plain. The columns change
their names, so that a process of the last release, which would sign with the ciphertext, fails
instead. The change of type makes PostgreSQL write the table anew with the live rows only, so no
plain secret stays in a dead row; the old file is removed with the commit.
"""

from uuid import UUID

import sqlalchemy as sa
from alembic import context, op
from cryptography.fernet import Fernet

from onrecord.kit.settings import BadSettings

revision = "secrets"
down_revision = "keys"

PLAIN = "SELECT id, secret, old_secret FROM webhooks.endpoints WHERE secret <> ''"
ENCRYPT = """
UPDATE webhooks.endpoints SET secret = :secret, old_secret = :old_secret
WHERE id = CAST(:id AS uuid)
"""
COLUMNS = """
ALTER TABLE webhooks.endpoints RENAME COLUMN secret TO encrypted_secret;
ALTER TABLE webhooks.endpoints RENAME COLUMN old_secret TO encrypted_old_secret;
ALTER TABLE webhooks.endpoints
    ALTER COLUMN encrypted_secret TYPE bytea USING convert_to(encrypted_secret, 'UTF8'),
    ALTER COLUMN encrypted_old_secret TYPE bytea USING convert_to(encrypted_old_secret, 'UTF8');
UPDATE webhooks.endpoints SET old_until = NULL WHERE encrypted_old_secret IS NULL;
CREATE INDEX endpoints_overlap ON webhooks.endpoints (old_until) WHERE old_until IS NOT NULL;
"""


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '10s'")
    op.execute("SET LOCAL ROLE onrecord_migrator")
    op.execute("LOCK TABLE webhooks.endpoints IN ACCESS EXCLUSIVE MODE")
    rows = op.get_bind().execute(sa.text(PLAIN)).all()
    if rows:
        encrypt_rows(rows)
    op.execute(COLUMNS)
    op.execute("RESET ROLE")


def encrypt_rows(rows: list[sa.Row[tuple[UUID, str, str | None]]]) -> None:
    key = context.config.attributes.get("secrets_key")
    if key is None:
        raise BadSettings(
            "ONRECORD_SECRETS_KEY must be set, to encrypt the secrets of endpoints: "
            "make a key with `openssl rand -base64 32`"
        )
    fernet = Fernet(key)

    def encrypted(id_: UUID, secret: str | None) -> str | None:
        return None if secret is None else fernet.encrypt(id_.bytes + secret.encode()).decode()

    params = [
        {"id": id_, "secret": encrypted(id_, secret), "old_secret": encrypted(id_, old)}
        for id_, secret, old in rows
    ]
    op.get_bind().execute(sa.text(ENCRYPT), params)
