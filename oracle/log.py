"""Structured logs: for a person on a terminal, JSON elsewhere and in files. Secrets reach neither.

Everything that is logged, also by libraries and in tracebacks, passes `redact` on its way to a handler.
"""

import logging
import re
import sys
from collections.abc import Iterable
from logging.handlers import WatchedFileHandler
from pathlib import Path
from typing import Any, Final, Literal, TextIO

import structlog
from structlog.stdlib import BoundLogger, ProcessorFormatter
from structlog.typing import EventDict, Processor, WrappedLogger

from oracle.errors import ConfigError

HIDDEN: Final = "[hidden]"

_NAMES = (
    r"(?:pass(?:word|wd|phrase)|priv(?:ate)?[ _-]?key|secret(?:[ _-]?key)?|mnemonic|seed[ _-]?phrase"
    r"|api[ _-]?key|access[ _-]?token|authorization)"
)
_SECRET_KEY = re.compile(rf"(?i).*{_NAMES}$")
_URL = re.compile(
    r"(?i)\b(?P<scheme>https?|wss?)://(?:[^\s/?#]*@)?"
    r"(?P<host>\[[0-9a-f:.]*\]|[a-z0-9._-]*)(?P<port>:\d+)?(?P<rest>\S*)"
)
_PUNCTUATION = "/\"'`.,;:!?)]}>"
_URL_PATH = re.compile(r"(?i)(\burl: ?)/\S+")  # urllib3 says "Max retries exceeded with url: /v3/KEY"
_NAMED_SECRET = re.compile(rf"(?i)({_NAMES}[\"']?\s*[:=]\s*[\"']?)(?:(?:basic|bearer)\s+)?[^\s\"',;)}}\]]+")
_NAMED_KEY = re.compile(rf"(?i)({_NAMES}\W{{0,8}})(?:0x)?[0-9a-f]{{64}}\b")

_LIBRARIES = ("alembic", "apscheduler", "asyncio", "httpcore", "httpx", "urllib3", "uvicorn", "web3")

_registered: set[str] = set()


def configure(
    level: str = "info",
    format: Literal["auto", "console", "json"] = "auto",  # noqa: A002 (the setting's name)
    file: Path | None = None,
    *,
    secrets: Iterable[str] = (),
    stream: TextIO | None = None,
) -> None:
    """Set up logging for this process: to `stream` (standard error), and as JSON to `file` if given.

    `auto` is `console` on a terminal and `json` elsewhere. `secrets` are hidden wherever they occur from now on.
    Raises `ConfigError` where `file` cannot be opened.
    """
    hide(*secrets)
    stream = stream or sys.stderr
    for_people = format == "console" or (format == "auto" and stream.isatty())
    handlers: list[logging.Handler] = [logging.StreamHandler(stream)]
    handlers[0].setFormatter(_formatter(_console(stream) if for_people else structlog.processors.JSONRenderer()))
    if file is not None:
        try:
            handlers.append(WatchedFileHandler(file, encoding="utf-8"))
        except OSError as error:
            raise ConfigError(
                f"The log file {file} cannot be opened: {error.strerror}.", hint="Correct `log.file`."
            ) from None
        handlers[1].setFormatter(_formatter(structlog.processors.JSONRenderer()))
    logging.basicConfig(handlers=handlers, level=level.upper(), force=True)
    for library in _LIBRARIES:
        logging.getLogger(library).setLevel(logging.DEBUG if level == "debug" else logging.WARNING)
    structlog.configure(
        processors=[structlog.stdlib.filter_by_level, *_shared(), ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=BoundLogger,
        cache_logger_on_first_use=False,
    )


def hide(*secrets: str) -> None:
    """Never show these again, wherever in a log they occur."""
    _registered.update(filter(None, secrets))


def get_logger(name: str) -> BoundLogger:
    """The logger of a module: `get_logger(__name__).info("answered", request=…)`."""
    logger: BoundLogger = structlog.get_logger(name)
    return logger


def redact(value: Any) -> Any:
    """`value` without secrets, at any depth; what is not a number, text, mapping or list becomes text."""
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, dict):
        return {
            redact_text(str(key)): HIDDEN if _SECRET_KEY.match(str(key)) and item is not None else redact(item)
            for key, item in value.items()
        }
    if isinstance(value, list | tuple | set | frozenset):
        return [redact(item) for item in value]
    if isinstance(value, bytes | bytearray):
        return redact_text(f"0x{value.hex()}")
    return redact_text(str(value))


def redact_text(text: str) -> str:
    """`text` without registered secrets, what URLs hide beyond scheme, host and port, named keys and passwords."""
    for secret in sorted(_registered, key=len, reverse=True):
        text = text.replace(secret, HIDDEN)
    text = _URL.sub(_shown_url, text)
    text = _URL_PATH.sub(rf"\g<1>{HIDDEN}", text)
    text = _NAMED_KEY.sub(rf"\g<1>{HIDDEN}", text)
    return _NAMED_SECRET.sub(rf"\g<1>{HIDDEN}", text)


def _shown_url(match: re.Match[str]) -> str:
    rest = match["rest"]
    hidden = rest if not rest.strip(_PUNCTUATION) else f"/{HIDDEN}"
    return f"{match['scheme']}://{match['host']}{match['port'] or ''}{hidden}"


def _redact_event(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    redacted: EventDict = redact(event)
    return redacted


def _shared() -> list[Processor]:
    return [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.stdlib.PositionalArgumentsFormatter(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]


def _console(stream: TextIO) -> Processor:
    return structlog.dev.ConsoleRenderer(colors=stream.isatty(), exception_formatter=structlog.dev.plain_traceback)


def _formatter(renderer: Processor) -> ProcessorFormatter:
    return ProcessorFormatter(
        foreign_pre_chain=_shared(),
        processors=[
            ProcessorFormatter.remove_processors_meta,
            structlog.processors.StackInfoRenderer(),
            structlog.processors.format_exc_info,
            _redact_event,
            renderer,
        ],
    )
