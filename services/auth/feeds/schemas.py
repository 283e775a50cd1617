"""HTTP models of feeds."""

from datetime import datetime
from typing import Literal

from pydantic import BaseModel, Field

from services.auth.feeds.domain import Feed


class FeedState(BaseModel):
    status: Literal["unavailable", "none", "preparing", "ready"] = Field(
        description="Feeds are unavailable if the broker does not require a login. A feed is ready once the"
        " broker knows its user, and contains the events from that moment on"
    )
    feed: "FeedOut | None"

    @classmethod
    def of(cls, feed: Feed | None, bootstrap: str, *, available: bool) -> "FeedState":
        if feed is None:
            return cls(status="none" if available else "unavailable", feed=None)
        status: Literal["preparing", "ready"] = "preparing" if feed.sealed_password else "ready"
        return cls(status=status, feed=FeedOut.of(feed, bootstrap))


class FeedOut(BaseModel):
    topic: str = Field(description="The topic with the organization's events", examples=["feed.<id>"])
    user: str = Field(description="The user of the broker who may read the topic, with SCRAM-SHA-512")
    consumer_groups: str = Field(description="What the names of the user's consumer groups begin with")
    bootstrap: str = Field(description="Where the broker is reached")
    created_at: datetime
    ready_at: datetime | None

    @classmethod
    def of(cls, feed: Feed, bootstrap: str) -> "FeedOut":
        return cls.model_validate(_values(feed, bootstrap))


class NewFeedOut(FeedOut):
    password: str = Field(description="The user's password, which is not shown again")

    @classmethod
    def of_new(cls, feed: Feed, bootstrap: str, password: str) -> "NewFeedOut":
        return cls.model_validate({**_values(feed, bootstrap), "password": password})


def _values(feed: Feed, bootstrap: str) -> dict[str, object]:
    return {
        "topic": feed.topic,
        "user": feed.user,
        "consumer_groups": feed.user,
        "bootstrap": bootstrap,
        "created_at": feed.created_at,
        "ready_at": feed.ready_at,
    }
