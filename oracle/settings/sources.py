"""Where settings come from: flags, then `ASSAY_…` variables, then files named by `…_FILE`, then a TOML file.

What is wrong with a value is said in a sentence that names the setting and where it came from. Values
themselves are never repeated: they may be secrets.
"""

import difflib
import os
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails
from pydantic_settings import EnvSettingsSource

from oracle.errors import ConfigError
from oracle.settings.sections import Settings

DEFAULT_FILES = (Path("assay.toml"), Path(".assay/devnet.toml"))
_PREFIX = "ASSAY_"
_FILE_SUFFIX = "_file"
_PATHS = (  # settings that name files; * stands for every item
    ("store", "path"),
    ("signer", "keystore"),
    ("signer", "password_file"),
    ("log", "file"),
    ("operator", "models", "*"),
    ("challenger", "files", "*"),
    ("challenger", "bundles"),
    ("devnet", "accounts", "*", "keystore"),
    ("devnet", "models", "*", "path"),
)

Tree = dict[str, Any]
Location = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class _Layer:
    """One source's settings."""

    kind: Literal["flag", "environment", "secret file", "file"]
    values: Tree
    file: Path | None = None

    def holds(self, location: Location) -> bool:
        """Whether this source says something at `location`; lists and mappings may still be one string."""
        here: Any = self.values
        for key in location:
            if isinstance(here, str):
                return True
            try:
                here = here[key]
            except (KeyError, IndexError, TypeError):
                return False
        return True

    def origin(self, location: Location) -> str:
        """How a person finds the setting at `location` in this source."""
        variable = _PREFIX + "__".join(str(key) for key in location[:2]).upper()
        return {
            "flag": "given as a flag",
            "environment": f"from the environment variable {variable}",
            "secret file": f"from the file that {variable}_FILE names",
            "file": f"in {self.file}",
        }[self.kind]


def load_settings(config: Path | None = None, **overrides: object) -> Settings:
    """The settings of this process.

    `config` is a TOML file, else `ASSAY_CONFIG` names one, else `./assay.toml` or `./.assay/devnet.toml`; paths in
    it are relative to its folder. `overrides` are flags, named `section__setting`; None means not given. Raises
    `ConfigError` that names every wrong setting, where it came from, and the fix.
    """
    file = find_config(config)
    environment, secrets = _read_environment()
    layers = [
        _Layer("flag", _nest(overrides)),
        _Layer("environment", environment),
        _Layer("secret file", secrets),
        _Layer("file", {} if file is None else _read_toml(file), file),
    ]
    merged: Tree = {}
    for layer in reversed(layers):
        _merge(merged, layer.values)
    try:
        return Settings(**merged)
    except ValidationError as error:
        details = error.errors(include_url=False, include_input=False)
        sentences = "\n".join(_sentence(detail, layers) for detail in details)
        raise ConfigError(sentences, hint=_hint(file, details)) from None


def find_config(config: Path | None = None) -> Path | None:
    """The TOML file that `load_settings` reads, if any; raises `ConfigError` if the one named is absent."""
    named = config or (Path(os.environ["ASSAY_CONFIG"]) if os.environ.get("ASSAY_CONFIG") else None)
    if named is None:
        return next((path for path in DEFAULT_FILES if path.is_file()), None)
    if not named.is_file():
        source = "--config" if config else "ASSAY_CONFIG"
        raise ConfigError(f"There is no configuration file {named}, which {source} names.", hint="Correct the path.")
    return named


def _nest(flags: dict[str, object]) -> Tree:
    nested: Tree = {}
    for name, value in flags.items():
        section, _, setting = name.partition("__")
        if value is not None:
            nested.setdefault(section, {})[setting] = value
    return nested


def _read_environment() -> tuple[Tree, Tree]:
    """Settings in `ASSAY_…` variables, and those in files that `ASSAY_…_FILE` variables name."""
    for variable in os.environ:
        # Only names with __ are ours: Kubernetes sets ASSAY_PORT and the like for a service called assay.
        section, nested, _ = variable.removeprefix(_PREFIX).lower().partition("__")
        if variable.startswith(_PREFIX) and nested and section not in Settings.model_fields:
            raise ConfigError(
                f"The environment variable {variable} names no section of settings.{_nearest(section, Settings)}"
            )
    plain: Tree = EnvSettingsSource(Settings)()
    secret: Tree = {}
    for section, values in plain.items():
        known = _fields(_model_at((section,)))
        for name in [name for name in values if name.endswith(_FILE_SUFFIX) and name not in known]:
            setting = name.removesuffix(_FILE_SUFFIX)
            if setting in known:
                variable = f"{_PREFIX}{section}__{name}".upper()
                secret.setdefault(section, {})[setting] = _read_secret(Path(values.pop(name)), variable)
    return plain, secret


def _read_secret(file: Path, variable: str) -> str:
    try:
        return file.expanduser().read_text().rstrip("\r\n")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(
            f"The file {file}, which {variable} names, cannot be read: {error}.", hint="Correct the path."
        ) from None


def _read_toml(file: Path) -> Tree:
    try:
        tree = tomllib.loads(file.read_text())
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{file} cannot be read: {error}.") from None
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{file} is not valid TOML: {error}.", hint="Correct the file.") from None
    for location in _PATHS:
        _anchor(tree, location, file.absolute().parent)
    return tree


def _anchor(here: Any, location: tuple[str, ...], folder: Path) -> None:
    """Make the relative path at `location` below `here` relative to `folder`; leave what is malformed to validation."""
    key, *rest = location
    for item in _keys(here) if key == "*" else [key]:
        try:
            value = here[item]
        except (KeyError, TypeError):
            continue
        if rest:
            _anchor(value, tuple(rest), folder)
        elif isinstance(value, str):
            here[item] = str(folder / Path(value).expanduser())


def _keys(here: Any) -> list[Any]:
    if isinstance(here, dict):
        return list(here)
    return list(range(len(here))) if isinstance(here, list) else []


def _merge(into: Tree, values: Tree) -> None:
    for key, value in values.items():
        if isinstance(value, dict) and isinstance(into.get(key), dict):
            _merge(into[key], value)
        else:
            into[key] = dict(value) if isinstance(value, dict) else value


def _sentence(detail: ErrorDetails, layers: list[_Layer]) -> str:
    location = detail["loc"]
    name = ".".join(map(str, location))
    if detail["type"] == "missing":
        variable = _PREFIX + "__".join(map(str, location)).upper()
        return f"The setting `{name}` is missing (in the environment: {variable}{'__…' * (len(location) == 1)})."
    layer = next((layer for layer in layers if layer.holds(location)), None)
    origin = f" {layer.origin(location)}" if layer else ""
    if detail["type"] == "extra_forbidden":
        nearest = _nearest(str(location[-1]), _model_at(location[:-1]))
        return f"There is no setting `{name}` ({origin.strip()}).{nearest}"
    message = detail["msg"].removeprefix("Value error, ").rstrip(".")
    return f"The setting `{name}`{origin} is wrong: {message[:1].lower()}{message[1:]}."


def _nearest(name: str, model: type[BaseModel] | None) -> str:
    close = difflib.get_close_matches(name, _fields(model), n=1, cutoff=0.5)
    return f" Did you mean `{close[0]}`?" if close else f" There are: {', '.join(_fields(model))}."


def _model_at(location: Location) -> type[BaseModel] | None:
    """The section at `location`, or what its mapping holds; None where there is none."""
    model: type[BaseModel] | None = Settings
    for key in location:
        field = model.model_fields.get(str(key)) if model else None
        if field is not None:
            model = _section_in(field.annotation)
    return model


def _section_in(annotation: Any) -> type[BaseModel] | None:
    """The section named in an annotation such as `X`, `X | None` or `dict[str, X]`."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next(filter(None, map(_section_in, get_args(annotation))), None)


def _fields(model: type[BaseModel] | None) -> list[str]:
    return list(model.model_fields) if model else []


def _hint(file: Path | None, details: list[ErrorDetails]) -> str | None:
    if file is not None or all(detail["type"] != "missing" for detail in details):
        return None
    files = " nor ".join(f"./{path}" for path in DEFAULT_FILES)
    return f"There is neither {files}: run `assay devnet`, or name a file with --config or ASSAY_CONFIG."
