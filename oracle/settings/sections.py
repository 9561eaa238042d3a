"""Every setting of every command: its name, unit, default and limits. `sources` reads them.

Amounts named `_gwei` are gwei, `_ether` ether, `_seconds` seconds, `_blocks` blocks. Nothing here looks at the
file system except `Settings.check`.
"""

import json
import re
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from eth_typing import ChecksumAddress
from eth_utils.address import is_checksum_address, is_checksum_formatted_address, to_checksum_address
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, SecretStr
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from oracle.errors import ConfigError

GWEI = 10**9
MAX_CALLBACK_GAS = 2_000_000


def show_url(url: str) -> str:
    """A URL as scheme, host and port: what may be shown, since paths and user names of RPC URLs are keys."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"


def _address(value: str) -> ChecksumAddress:
    if not re.fullmatch(r"0x[0-9a-fA-F]{40}", value):
        raise ValueError("it is not an address (0x and 40 hex digits)")
    if is_checksum_formatted_address(value) and not is_checksum_address(value):
        raise ValueError("its checksum does not fit: a character was mistyped")
    if int(value, 16) == 0:
        raise ValueError("the zero address is no contract or account of yours")
    return to_checksum_address(value)


def _rpc_url(value: str) -> str:
    parts = urlsplit(value)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise ValueError("an RPC endpoint is an http:// or https:// URL")
    return value


def _list(value: object) -> object:
    """Environment variables hold lists as JSON or separated by commas."""
    if not isinstance(value, str):
        return value
    if value.lstrip().startswith("["):
        return json.loads(value)
    return [item.strip() for item in value.split(",") if item.strip()]


def _mapping(value: object) -> object:
    """Environment variables hold mappings as JSON or as name=value separated by commas."""
    if not isinstance(value, str):
        return value
    if value.lstrip().startswith("{"):
        return json.loads(value)
    return {name.strip(): number for name, _, number in (pair.partition("=") for pair in value.split(","))}


Address = Annotated[str, AfterValidator(_address)]
RpcUrl = Annotated[str, AfterValidator(_rpc_url)]
File = Annotated[Path, AfterValidator(Path.expanduser)]
ModelIdHex = Annotated[str, Field(pattern=r"^0x[0-9a-f]{64}$")]
Seconds = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Count = Annotated[int, Field(ge=1)]
Gwei = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class Section(BaseModel):
    """A group of settings. Unknown names are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class ChainSettings(Section):
    """Which chain, through which endpoints, and how its log is followed."""

    rpc: Annotated[tuple[RpcUrl, ...], BeforeValidator(_list), Field(min_length=1, repr=False)]
    chain_id: Count
    oracle: Address
    registry: Address
    start_block: int = Field(default=0, ge=0)
    confirmations: int = Field(default=2, ge=0)
    poll_seconds: Seconds = 1.0
    timeout_seconds: Seconds = 10.0
    max_log_range: Count = 2_000
    keep_blocks: Count = 512
    max_lag_blocks: Count = 8


class StoreSettings(Section):
    """Where the SQLite file is; None leaves it to the command (`.assay/<role>.db`)."""

    path: File | None = None


class SignerSettings(Section):
    """The encrypted key, and the password or the file that holds it."""

    keystore: File | None = None
    password_file: File | None = None
    password: SecretStr | None = None

    def read_password(self) -> str:
        """The keystore's password, from `password` or `password_file`; raises `ConfigError` if there is neither."""
        if self.password is not None:
            return self.password.get_secret_value()
        if self.password_file is None:
            raise ConfigError(
                "No password is set for the keystore.",
                hint="Set `signer.password_file`, or ASSAY_SIGNER__PASSWORD_FILE.",
            )
        try:
            return self.password_file.read_text().rstrip("\r\n")
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError(f"`signer.password_file` {self.password_file} cannot be read: {error}.") from None


class FeeSettings(Section):
    """What a transaction may cost, and when it is replaced or given up."""

    max_fee_gwei: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 500.0
    min_priority_gwei: Gwei = 0.01
    bump_percent: int = Field(default=12, ge=10, le=1_000, description="nodes refuse replacements below 10 %")
    bump_after_seconds: Seconds = 30.0
    max_bumps: int = Field(default=8, ge=0)
    give_up_seconds: Seconds = 900.0

    @property
    def max_fee_wei(self) -> int:
        """The cap on the fee per gas, in wei."""
        return round(self.max_fee_gwei * GWEI)

    @property
    def min_priority_wei(self) -> int:
        """The least priority fee per gas, in wei."""
        return round(self.min_priority_gwei * GWEI)


class OperatorSettings(Section):
    """Which models an operator serves, on what terms, and how it runs them. `threads` 0 is one per core.

    `fast` bonds onnxruntime's output without a canonical run, for models that allow it. What a defence may take is
    `defence_factor` times what was measured, and `defence_margin_seconds` for its transaction to be mined. Credit of
    won disputes is withdrawn from `collect_above_gwei` on.
    """

    models: Annotated[tuple[File, ...], BeforeValidator(_list)] = ()
    dims: Annotated[dict[str, Count], BeforeValidator(_mapping)] = {}
    min_fee_gwei: int = Field(default=0, ge=0)
    max_bond_gwei: int = Field(default=GWEI, ge=0)
    max_open_answers: Count = 256
    max_batch: Count = 64
    answer_margin_seconds: float = Field(default=3.0, ge=0, allow_inf_nan=False)
    threads: int = Field(default=0, ge=0)
    providers: Annotated[tuple[str, ...], BeforeValidator(_list), Field(min_length=1)] = ("CPUExecutionProvider",)
    optimisation: Literal["disabled", "basic", "extended", "all"] = "all"
    fast: bool = False
    settle: bool = True
    watch: bool = True
    defence_factor: float = Field(default=2.0, ge=1, allow_inf_nan=False)
    defence_margin_seconds: float = Field(default=60.0, ge=0, allow_inf_nan=False)
    traces_kept: Count = 8
    collect_above_gwei: int = Field(default=10_000_000, ge=1)
    dry_run: bool = False


class KeeperSettings(Section):
    """How long a keeper leaves answers to their operators, and how hard it tries to deliver.

    With `disputes` it also ends games whose time has come, and claims bonds for their owners.
    """

    grace_seconds: float = Field(default=30.0, ge=0, allow_inf_nan=False)
    max_batch: Count = 64
    deliver_retries: int = Field(default=5, ge=0)
    deliver_backoff_seconds: Seconds = 60.0
    max_callback_gas: int = Field(default=MAX_CALLBACK_GAS, ge=0, le=MAX_CALLBACK_GAS)
    disputes: bool = True


class ChallengerSettings(Section):
    """Which answers a challenger watches, how it checks them, and what it may stake. `threads` 0 is one per core.

    `models` are ids, `files` bundles and ONNX files; with neither, all announced models are watched. What mirrors serve
    is kept in `bundles`. `max_run_terms` (multiplications of a run), `max_run_seconds` (at worst) and `max_trace_mib`
    bound models that were not named. Credit of won disputes is withdrawn from `collect_above_gwei` on.
    """

    models: Annotated[tuple[ModelIdHex, ...], BeforeValidator(_list)] = ()
    files: Annotated[tuple[File, ...], BeforeValidator(_list)] = ()
    bundles: File = Path(".assay/bundles")
    fetch: bool = True
    allow_local: bool = False
    max_bundle_mib: Count = 512
    max_models: Count = 16
    max_run_terms: Count = 2_000_000_000
    max_run_seconds: Seconds = 20.0
    max_trace_mib: Count = 1_024
    check: Literal["all", "screened"] = "all"
    max_bond_gwei: int = Field(default=GWEI, ge=0)
    max_games: Count = 16
    threads: int = Field(default=0, ge=0)
    collect_above_gwei: int = Field(default=10_000_000, ge=1)
    dry_run: bool = False


class ScheduleSettings(Section):
    """How often periodic work runs, and the balance that calls for a warning."""

    sweep_seconds: Seconds = 5.0
    balance_seconds: Seconds = 30.0
    lag_seconds: Seconds = 10.0
    rescan_seconds: Seconds = 600.0
    misfire_grace_seconds: Count = 300
    low_balance_ether: float = Field(default=0.05, ge=0, allow_inf_nan=False)


class HttpSettings(Section):
    """Where `/health` and `/metrics` are served. `port` None serves nothing, 0 takes a free port."""

    host: str = "127.0.0.1"
    port: int | None = Field(default=None, ge=0, le=65_535)
    progress_seconds: Seconds = 60.0


class LogSettings(Section):
    """How much is logged and in what form. `file` always gets JSON, one event a line."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    format: Literal["auto", "console", "json"] = "auto"
    file: File | None = None


class DevnetAccount(Section):
    """A funded account of the devnet and its keystore."""

    address: Address
    keystore: File


class DevnetModel(Section):
    """A model the devnet has published, and its ONNX file."""

    model_id: ModelIdHex
    path: File


class DevnetSettings(Section):
    """What `assay devnet` has set up, by role or name."""

    accounts: dict[str, DevnetAccount] = {}
    models: dict[str, DevnetModel] = {}
    consumers: dict[str, Address] = {}


class Settings(BaseSettings):
    """All sections. Made by `load_settings`; by itself it reads no environment and no file."""

    model_config = SettingsConfigDict(
        env_prefix="ASSAY_",
        env_nested_delimiter="__",
        env_ignore_empty=True,
        enable_decoding=False,
        extra="forbid",
        frozen=True,
    )

    chain: ChainSettings
    store: StoreSettings = StoreSettings()
    signer: SignerSettings = SignerSettings()
    fees: FeeSettings = FeeSettings()
    operator: OperatorSettings = OperatorSettings()
    keeper: KeeperSettings = KeeperSettings()
    challenger: ChallengerSettings = ChallengerSettings()
    schedule: ScheduleSettings = ScheduleSettings()
    http: HttpSettings = HttpSettings()
    log: LogSettings = LogSettings()
    devnet: DevnetSettings | None = None

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003 (pydantic calls with these names)
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Only what the constructor is given: `load_settings` merges the sources and knows which said what."""
        return (init_settings,)

    def describe(self) -> dict[str, Any]:
        """All settings as JSON-ready values, without secrets: RPC URLs as scheme, host and port only."""
        shown = self.model_dump(mode="json")
        shown["chain"]["rpc"] = [show_url(url) for url in self.chain.rpc]
        return shown

    def secrets(self) -> list[str]:
        """What must never be shown, for `oracle.log.configure`: the password, and what RPC URLs hide."""
        hidden: list[str] = []
        for url in map(urlsplit, self.chain.rpc):
            hidden += [url.netloc.rpartition("@")[0], url.password or "", url.query, url.path, *url.path.split("/")]
        password = [] if self.signer.password is None else [self.signer.password.get_secret_value()]
        return [*password, *(part for part in hidden if len(part) >= 8)]  # shorter parts of paths are words

    def check(self) -> None:
        """Whether the files that settings name exist; raises `ConfigError` that names each that does not."""
        named = {
            "signer.keystore": self.signer.keystore,
            "signer.password_file": self.signer.password_file,
            "log.file's folder": self.log.file and self.log.file.parent,
            **{f"operator.models[{index}]": path for index, path in enumerate(self.operator.models)},
            **{f"challenger.files[{index}]": path for index, path in enumerate(self.challenger.files)},
        }
        absent = [f"`{name}` {path}" for name, path in named.items() if path is not None and not path.exists()]
        if absent:
            raise ConfigError(f"Not found: {', '.join(absent)}.", hint="Correct the path, or create what it names.")
