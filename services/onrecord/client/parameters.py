"""Query parameters of calls: the models by which the APIs validate them."""

from onrecord.audit.schemas import EventSearch
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
from onrecord.webhooks.api.requests import DeliveryListParams, EndpointListParams, FeedParams

__all__ = [
    "AsOf",
    "AtSize",
    "ChangeSearch",
    "CorrectionSearch",
    "DeliveryListParams",
    "EndpointListParams",
    "EventSearch",
    "FeedParams",
    "GridSearch",
    "NameParams",
    "Paged",
    "PagedAsOf",
    "QuoteParams",
    "RegistrySearch",
    "ReviewSearch",
    "StatementSearch",
]
