"""Logs: what a person sees, what a machine reads, and what neither may see."""

import io
import json
import logging
import string
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Literal

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from oracle import log
from oracle.errors import ConfigError
from oracle.log import HIDDEN, configure, get_logger, redact, redact_text

KEY = "4f3edf983ac636a65a842ce7c78d9aa706d3b113bce9c46f30d7d21715b23b1d"

_plain = st.text(string.ascii_letters + string.digits + "-._~", min_size=1, max_size=12)
_part = st.text(string.ascii_letters + string.digits + "-._~!$&'()*+,;=%", min_size=1, max_size=20)
_secret = st.text(string.ascii_letters + string.digits, min_size=12, max_size=40).map(lambda text: f"zq{text}qz")
_host = st.from_regex(r"[a-z0-9]{1,8}(\.[a-z]{2,6}){0,2}", fullmatch=True) | st.just("[2001:db8::1]")


@st.composite
def urls(draw: st.DrawFn) -> tuple[str, str, str]:
    """A URL with a secret as password, in its path, query or fragment; the secret; and what may be shown."""
    secret = draw(_secret)
    origin = f"{draw(st.sampled_from(['http', 'https', 'wss', 'HTTPS']))}://"
    place = draw(_host) + draw(st.just("") | st.integers(1, 65_535).map(lambda port: f":{port}"))
    hidden = {
        "userinfo": (f"{draw(_part)}:{secret}@", ""),
        "path": ("", f"/{draw(_part)}/{secret}/{draw(_part)}"),
        "query": ("", f"?{draw(_plain)}={secret}&a=b"),
        "path and query": (f"{draw(_part)}@", f"/{draw(_part)}?k={secret}"),
        "fragment": ("", f"/#{secret}"),
    }
    before, after = hidden[draw(st.sampled_from(sorted(hidden)))]
    return f"{origin}{before}{place}{after}", secret, f"{origin}{place}"


@pytest.fixture(autouse=True)
def _restore() -> Iterator[None]:
    """Logging is the process' own: leave it as it was."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()
    log._registered.clear()


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        """Whether a person reads it."""
        return True


def logged(
    write: Callable[[], object], form: Literal["auto", "console", "json"] = "json", stream: io.StringIO | None = None
) -> str:
    """What `write` puts on a stream."""
    stream = stream or io.StringIO()
    configure("debug", form, stream=stream)
    write()
    return stream.getvalue()


def fail(message: str) -> None:
    """Raise, as a library would."""
    raise ConnectionError(message)


@given(
    urls(), st.sampled_from(["console", "json"]), st.sampled_from(["{}", "see {}.", "<{}>", "url='{}', next", '"{}"'])
)
def test_attack_54_urls_in_logs_show_scheme_host_and_port_only(
    url: tuple[str, str, str], form: Literal["console", "json"], frame: str
) -> None:
    """RPC URLs are bearer secrets, and libraries put them into messages, values and exceptions."""
    text, secret, shown = url

    def write() -> None:
        try:
            fail(frame.format(text))
        except ConnectionError as error:
            get_logger("x").exception(
                "event " + frame.format(text), endpoint=text, nested={"of": [(text,)]}, error=error
            )
            logging.getLogger("library").exception("failed: %s", text)

    out = logged(write, form)
    assert secret not in out
    assert out.count(shown) >= 6


@given(
    st.sampled_from(["password", "keystore_password", "private_key", "mnemonic", "apiKey", "Authorization"]), _secret
)
def test_attack_54_values_under_secret_names_are_hidden(name: str, secret: str) -> None:
    """A whole configuration logged by mistake must stay harmless, at any depth, in any spelling."""
    out = logged(lambda: get_logger("x").info("started", **{name: secret}, config={"deep": [{name: secret}]}))
    assert secret not in out
    assert out.count(HIDDEN) == 2


@pytest.mark.parametrize(
    "text",
    [
        f"private key: 0x{KEY}",
        f"PRIVATE_KEY={KEY}",
        f"bad private key '{KEY}'",
        f"{{'private_key': '0x{KEY}', 'n': 1}}",
        f'{{"password": "{KEY}"}}',
        f"Authorization: Bearer {KEY}",
        f"Max retries exceeded with url: /v3/{KEY} (Caused by ...)",
        f"mnemonic = {KEY}",
    ],
)
def test_attack_54_secrets_named_within_a_text_are_hidden(text: str) -> None:
    """Libraries format secrets into their own messages, where no key tells them apart."""
    assert KEY not in redact_text(text)
    assert HIDDEN in redact_text(text)


@given(st.text(min_size=6, max_size=30).filter(lambda text: text.strip() == text), st.text(), st.text())
def test_attack_54_registered_secrets_are_hidden_wherever_they_occur(secret: str, before: str, after: str) -> None:
    """A password read from a file has no shape; only its value gives it away."""
    log._registered.clear()
    log.hide(secret)
    assert secret not in redact_text(f"{before} {secret} {after}").replace(HIDDEN, "")


@pytest.mark.parametrize(
    "text",
    [
        f"request 0x{KEY} answered in transaction 0x{KEY}",
        "answer 0x" + KEY,
        "signer.password_file /etc/assay/password is not readable",
        "http://127.0.0.1:8545 answers again, http://rpc.example/",
        "attempt 3 of 8: nonce too low",
    ],
)
def test_what_is_no_secret_stays_readable(text: str) -> None:
    """Ids and hashes are what logs are searched for; hiding them makes logs useless."""
    assert redact_text(text) == text


def test_redaction_keeps_numbers_and_structure() -> None:
    """Machines read these logs: a count must stay a number."""
    assert redact({"n": 3, "ok": True, "none": None, "list": (1, 2.5), "raw": b"\x01"}) == {
        "n": 3,
        "ok": True,
        "none": None,
        "list": [1, 2.5],
        "raw": "0x01",
    }


def test_a_terminal_gets_lines_for_people_and_anything_else_json() -> None:
    """`auto` has to be right in a shell as well as under systemd or Docker."""

    def write() -> None:
        get_logger("oracle.x").info("started", n=1)

    assert json.loads(logged(write, "auto"))["event"] == "started"
    assert "\x1b[" in logged(write, "auto", Terminal())


def test_the_file_gets_json_with_time_level_and_tracebacks(tmp_path: Path) -> None:
    """What is looked at after the fact must be complete, whatever the terminal showed."""
    file = tmp_path / "assay.log"

    def write() -> None:
        try:
            fail("broken")
        except ConnectionError:
            get_logger("oracle.x").exception("failed", request=7)

    configure("info", "console", file, stream=io.StringIO())
    write()
    event = json.loads(file.read_text())
    assert event.items() >= {"event": "failed", "level": "error", "logger": "oracle.x", "request": 7}.items()
    assert "ConnectionError: broken" in event["exception"]
    assert event["timestamp"].endswith("Z")


def test_events_below_the_level_are_dropped() -> None:
    """Debug events cost time and disk; who did not ask for them gets none."""
    stream = io.StringIO()
    configure("warning", "json", stream=stream)
    get_logger("oracle.x").info("quiet")
    get_logger("oracle.x").warning("loud")
    assert [json.loads(line)["event"] for line in stream.getvalue().splitlines()] == ["loud"]


def test_a_log_file_that_cannot_be_opened_is_a_sentence(tmp_path: Path) -> None:
    """It happens on the first start on a new machine, and must not be a traceback."""
    with pytest.raises(ConfigError, match=r"The log file .*absent/x.log cannot be opened.*`log.file`"):
        configure(file=tmp_path / "absent" / "x.log")
