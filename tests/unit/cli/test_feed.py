"""What `assay watch` knows: events as they come and go, and the requests that are not over."""

from types import SimpleNamespace

import pytest

from oracle.chain.protocol import Status
from oracle.cli.feed import OVERLAP, Feed
from oracle.cli.watch import _event_json, _line, _request_json
from tests.unit.chain.model_chain import (
    ADDRESSES,
    OPERATOR,
    Content,
    ModelChain,
    about,
    answered,
    make_request,
    requested,
)

REQUEST = make_request(1)


def _refuted(next_attempt: int) -> Content:
    who = dict.fromkeys(("operator", "finder", "opener"), OPERATOR)
    return about("Refuted", REQUEST, **who, nextAttempt=next_attempt)


class Endpoint(ModelChain):
    """The model chain, which also knows its newest block."""

    def block(self, tag):  # type: ignore[no-untyped-def]
        return super().block(len(self.blocks) - 1 if tag == "latest" else tag)


@pytest.fixture
def endpoint() -> Endpoint:
    """A chain with one request, in block 1."""
    chain = Endpoint()
    chain.mine(requested(REQUEST, b"input"))
    return chain


@pytest.fixture
def feed(endpoint: Endpoint) -> Feed:
    """From the first block on."""
    settings = SimpleNamespace(chain=SimpleNamespace(max_log_range=50, start_block=0))
    return Feed(SimpleNamespace(provider=endpoint, addresses=ADDRESSES, settings=settings), 0)  # type: ignore[arg-type]


def test_each_event_comes_once(endpoint: Endpoint, feed: Feed) -> None:
    """However often the newest blocks are read."""
    assert len(feed.poll().came) == 1
    assert feed.poll().came == []
    endpoint.mine(answered(REQUEST))
    news = feed.poll()
    assert [type(item.event).__name__ for item in news.came] == ["Answered"]
    assert news.now == endpoint.blocks[-1].timestamp


def test_what_a_reorg_takes_back_is_told_and_forgotten(endpoint: Endpoint, feed: Feed) -> None:
    """Else a person would go on waiting for an answer's window that nobody has opened."""
    endpoint.mine(answered(REQUEST))
    feed.poll()
    endpoint.drop(1)
    endpoint.mine()
    endpoint.mine()
    news = feed.poll()
    assert (len(news.came), len(news.gone)) == (0, 1)
    assert _event_json(feed, news.gone[0], gone=True)["gone"] is True
    assert "taken back" in _line(feed, news.gone[0], gone=True)
    (pending,) = feed.pending()
    assert pending.status is Status.REQUESTED


def test_a_shorter_chain_takes_back_too(endpoint: Endpoint, feed: Feed) -> None:
    """The head may fall behind what was read."""
    endpoint.mine(answered(REQUEST))
    feed.poll()
    endpoint.drop(1)
    assert len(feed.poll().gone) == 1


def test_old_blocks_are_not_read_again(endpoint: Endpoint, feed: Feed) -> None:
    """A watcher of months costs an endpoint no more than one of minutes."""
    for _ in range(2 * OVERLAP):
        endpoint.mine()
    feed.poll()
    asked: list[int] = []
    logs = endpoint.logs
    endpoint.logs = lambda addresses, first, last: asked.append(first) or logs(addresses, first, last)  # type: ignore[method-assign,assignment,func-returns-value]
    assert feed.poll().came == []
    assert min(asked) >= OVERLAP
    assert len(feed.pending()) == 1


@pytest.mark.parametrize(
    ("happened", "status"),
    [
        ([], Status.REQUESTED),
        ([answered(REQUEST)], Status.ANSWERED),
        ([answered(REQUEST), about("Disputed", REQUEST, operator=OPERATOR, attempt=1)], Status.DISPUTED),
        (
            [answered(REQUEST), _refuted(2)],
            Status.REQUESTED,
        ),
        ([answered(REQUEST), about("Settled", REQUEST, operator=OPERATOR)], None),
        ([about("Expired", REQUEST)], None),
        (
            [answered(REQUEST), _refuted(0)],
            None,
        ),
    ],
    ids=["requested", "answered", "disputed", "reopened", "settled", "expired", "refuted"],
)
def test_requests_are_shown_until_they_are_over(endpoint: Endpoint, feed: Feed, happened, status) -> None:
    """With the clock of the status they are in."""
    endpoint.mine(*happened)
    news = feed.poll()
    found = [each.status for each in feed.pending()]
    assert found == ([] if status is None else [status])
    for each in feed.pending():
        shown = _request_json(each, news.now)
        assert (shown["clock"] is None) == (status is Status.DISPUTED)
