"""Index of actors by their Wikidata id."""

from alembic import op

revision = "grid"
down_revision = "reporting"


def upgrade() -> None:
    op.execute("SET LOCAL lock_timeout = '10s'")
    op.execute("SET LOCAL ROLE onrecord_migrator")
    op.execute(
        "CREATE INDEX actors_wikidata ON projections.actors"
        " (generation, (identifiers ->> 'wikidata')) WHERE identifiers ? 'wikidata'"
    )
    op.execute("RESET ROLE")
