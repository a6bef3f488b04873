"""Calls of the read API and the audit API."""

from uuid import UUID

from onrecord.audit.schemas import EventOut, EventPage, EventSearch, LedgerOut
from onrecord.client.call import Call, path
from onrecord.query.answers.correction_schemas import Correction
from onrecord.query.answers.position_schemas import PositionOut
from onrecord.query.answers.quote_schemas import QuoteAnswer
from onrecord.query.answers.record_schemas import PositionRecord
from onrecord.query.answers.schemas import (
    Actor,
    ActorAnswer,
    Listed,
    ListedAsOf,
    NamesAnswer,
    Review,
    Topic,
    TopicAnswer,
)
from onrecord.query.answers.statement_schemas import StatementAnswer, StatementOut
from onrecord.query.answers.step_schemas import ListedPosition, Step, VersionOfStep
from onrecord.query.params import (
    AsOf,
    AtSize,
    ChangeSearch,
    CorrectionSearch,
    GridSearch,
    NameParams,
    Paged,
    PagedAsOf,
    QuoteParams,
    RegistrySearch,
    ReviewSearch,
    StatementSearch,
)


def get_position(actor: str, topic: str, at: AsOf | None = None) -> Call[PositionOut]:
    """What an actor held on a topic, with the statements that it rests on."""
    where = path("actors", actor, "topics", topic, "position")
    return Call(method="GET", path=where, answer=PositionOut, params=at)


def get_timeline(actor: str, topic: str, page: Paged | None = None) -> Call[Listed[Step]]:
    """The positions of an actor on a topic, in the order in which they were held."""
    where = path("actors", actor, "topics", topic, "timeline")
    return Call(method="GET", path=where, answer=Listed[Step], params=page)


def get_history(actor: str, topic: str, page: Paged | None = None) -> Call[Listed[VersionOfStep]]:
    """Every version of these positions: what was believed of each, and until when."""
    where = path("actors", actor, "topics", topic, "history")
    return Call(method="GET", path=where, answer=Listed[VersionOfStep], params=page)


def list_actor_positions(
    actor: str, page: PagedAsOf | None = None
) -> Call[ListedAsOf[ListedPosition]]:
    """What an actor held on each topic."""
    where = path("actors", actor, "positions")
    return Call(method="GET", path=where, answer=ListedAsOf[ListedPosition], params=page)


def list_topic_positions(
    topic: str, page: PagedAsOf | None = None
) -> Call[ListedAsOf[ListedPosition]]:
    """Who held what on a topic."""
    where = path("topics", topic, "positions")
    return Call(method="GET", path=where, answer=ListedAsOf[ListedPosition], params=page)


def list_positions(search: GridSearch | None = None) -> Call[ListedAsOf[ListedPosition]]:
    """What every actor held on every topic."""
    where = path("positions")
    return Call(method="GET", path=where, answer=ListedAsOf[ListedPosition], params=search)


def get_recorded_position(id_: UUID, at: AtSize | None = None) -> Call[PositionRecord]:
    """A position as it was recorded, or corrected since."""
    return Call(method="GET", path=path("positions", id_), answer=PositionRecord, params=at)


def resolve_name(name: NameParams) -> Call[NamesAnswer]:
    """The actor or topic that a spelling names, or those that it may mean."""
    return Call(method="GET", path=path("names"), answer=NamesAnswer, params=name)


def check_quoted_words(quote: QuoteParams) -> Call[QuoteAnswer]:
    """Whether these are the words of a statement on record, and in which words they differ."""
    return Call(method="GET", path=path("quotes", "check"), answer=QuoteAnswer, params=quote)


def list_actors(search: RegistrySearch | None = None) -> Call[Listed[Actor]]:
    return Call(method="GET", path=path("actors"), answer=Listed[Actor], params=search)


def get_actor(actor: str, at: AtSize | None = None) -> Call[ActorAnswer]:
    return Call(method="GET", path=path("actors", actor), answer=ActorAnswer, params=at)


def list_topics(search: RegistrySearch | None = None) -> Call[Listed[Topic]]:
    return Call(method="GET", path=path("topics"), answer=Listed[Topic], params=search)


def get_topic(topic: str, at: AtSize | None = None) -> Call[TopicAnswer]:
    return Call(method="GET", path=path("topics", topic), answer=TopicAnswer, params=at)


def list_statements(search: StatementSearch | None = None) -> Call[Listed[StatementOut]]:
    return Call(method="GET", path=path("statements"), answer=Listed[StatementOut], params=search)


def get_statement(id_: UUID, at: AtSize | None = None) -> Call[StatementAnswer]:
    return Call(method="GET", path=path("statements", id_), answer=StatementAnswer, params=at)


def list_changes(search: ChangeSearch | None = None) -> Call[Listed[Step]]:
    """Changes of positions, of any actor on any topic."""
    return Call(method="GET", path=path("changes"), answer=Listed[Step], params=search)


def list_corrections(search: CorrectionSearch | None = None) -> Call[Listed[Correction]]:
    """Corrections and retractions of positions and statements."""
    return Call(method="GET", path=path("corrections"), answer=Listed[Correction], params=search)


def list_review(search: ReviewSearch | None = None) -> Call[Listed[Review]]:
    """What on record asks to be looked at."""
    return Call(method="GET", path=path("review"), answer=Listed[Review], params=search)


def get_event(id_: UUID) -> Call[EventOut]:
    """An event as it was recorded."""
    return Call(method="GET", path=path("events", id_), answer=EventOut)


def list_events(search: EventSearch | None = None) -> Call[EventPage]:
    """A page of events; `Client.replay` gives all."""
    return Call(method="GET", path=path("events"), answer=EventPage, params=search)


def get_ledger() -> Call[LedgerOut]:
    """How long the record is, and the root hash over all of it."""
    return Call(method="GET", path=path("ledger"), answer=LedgerOut)
