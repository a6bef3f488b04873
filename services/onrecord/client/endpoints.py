"""Calls of the webhooks API."""

from uuid import UUID

from pydantic import BaseModel

from onrecord.client.call import AnswerT, Call, path
from onrecord.webhooks.api.requests import (
    DeliveryListParams,
    DryRunIn,
    EndpointIn,
    EndpointListParams,
    EndpointPatch,
    FeedParams,
    PauseIn,
    ReplayIn,
    ResendIn,
)
from onrecord.webhooks.api.responses import (
    Delivery,
    DeliveryPage,
    DryRun,
    Endpoint,
    EndpointMade,
    EndpointPage,
    FeedPage,
    Replay,
    Resent,
    Rotated,
)


def create_endpoint(endpoint: EndpointIn) -> Call[EndpointMade]:
    """The answer alone holds the secret. A repeated request would make a second endpoint."""
    return _post(EndpointMade, endpoint, repeatable=False)


def list_endpoints(page: EndpointListParams | None = None) -> Call[EndpointPage]:
    return Call(method="GET", path=path("endpoints"), answer=EndpointPage, params=page)


def dry_run_filter(dry_run: DryRunIn) -> Call[DryRun]:
    """Which of the last events an endpoint of these filters would get."""
    return _post(DryRun, dry_run, "dry-run")


def get_endpoint(id_: UUID) -> Call[Endpoint]:
    return Call(method="GET", path=path("endpoints", id_), answer=Endpoint)


def update_endpoint(id_: UUID, patch: EndpointPatch) -> Call[Endpoint]:
    return Call(method="PATCH", path=path("endpoints", id_), answer=Endpoint, body=patch)


def delete_endpoint(id_: UUID) -> Call[None]:
    where = path("endpoints", id_)
    return Call(method="DELETE", path=where, answer=type(None), repeatable=False)


def pause_endpoint(id_: UUID, pause: PauseIn | None = None) -> Call[Endpoint]:
    return _post(Endpoint, pause, str(id_), "pause")


def resume_endpoint(id_: UUID) -> Call[Endpoint]:
    return _post(Endpoint, None, str(id_), "resume")


def ping_endpoint(id_: UUID) -> Call[Delivery]:
    return _post(Delivery, None, str(id_), "ping", repeatable=False)


def rotate_secret(id_: UUID) -> Call[Rotated]:
    """A repeated request would replace the secret that the first one answered."""
    return _post(Rotated, None, str(id_), "rotate", repeatable=False)


def replay_events(id_: UUID, replay: ReplayIn) -> Call[Replay]:
    return _post(Replay, replay, str(id_), "replay", repeatable=False)


def resend_failed_deliveries(id_: UUID, resend: ResendIn) -> Call[Resent]:
    return _post(Resent, resend, str(id_), "resend")


def list_deliveries(id_: UUID, page: DeliveryListParams | None = None) -> Call[DeliveryPage]:
    where = path("endpoints", id_, "deliveries")
    return Call(method="GET", path=where, answer=DeliveryPage, params=page)


def get_endpoint_feed(id_: UUID, page: FeedParams | None = None) -> Call[FeedPage]:
    """What the endpoint was sent, or would have been: for a receiver that was away."""
    return Call(method="GET", path=path("endpoints", id_, "feed"), answer=FeedPage, params=page)


def get_delivery(id_: int) -> Call[Delivery]:
    return Call(method="GET", path=path("deliveries", str(id_)), answer=Delivery)


def resend_delivery(id_: int) -> Call[Delivery]:
    return Call(method="POST", path=path("deliveries", str(id_), "resend"), answer=Delivery)


def _post(
    answer: type[AnswerT], body: BaseModel | None, *parts: str, repeatable: bool = True
) -> Call[AnswerT]:
    where = path("endpoints", *parts)
    return Call(method="POST", path=where, answer=answer, body=body, repeatable=repeatable)
