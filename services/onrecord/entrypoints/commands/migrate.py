"""How is a schema brought up to date? `onrecord migrate`, before the processes of a deployment."""

from onrecord.entrypoints import infrastructure
from onrecord.entrypoints.infrastructure import Say
from onrecord.kit.settings import Settings


def migrate(settings: Settings, say: Say) -> None:
    """Run what is pending; safe to repeat, and for two at once."""
    with infrastructure.database(settings, say) as filled:
        infrastructure.prepare(filled)
    say("The schema is up to date")
