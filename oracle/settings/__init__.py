"""Settings of every command, from flags, environment, secret files and a TOML file; all checked at start."""

from oracle.settings.sections import (
    ChainSettings,
    ChallengerSettings,
    DevnetAccount,
    DevnetModel,
    DevnetSettings,
    FeeSettings,
    HttpSettings,
    KeeperSettings,
    LogSettings,
    OperatorSettings,
    ScheduleSettings,
    Settings,
    SignerSettings,
    StoreSettings,
    show_url,
)
from oracle.settings.sources import find_config, load_settings

__all__ = [
    "ChainSettings",
    "ChallengerSettings",
    "DevnetAccount",
    "DevnetModel",
    "DevnetSettings",
    "FeeSettings",
    "HttpSettings",
    "KeeperSettings",
    "LogSettings",
    "OperatorSettings",
    "ScheduleSettings",
    "Settings",
    "SignerSettings",
    "StoreSettings",
    "find_config",
    "load_settings",
    "show_url",
]
