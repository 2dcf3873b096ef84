"""The config file: one table of keys drives reading, validation, `mull config`, the chat's `/set` and the docs.

In: `config.toml` (TOML: flat keys, the tables `[theme]`, `[aliases]`, `[models."NAME"]` and `[endpoints.NAME]`) and the
variables `MULL_*`. Out: a frozen `Config` of typed values, and the layers of settings made from it.
Raises MullError (invalid_config, invalid_setting, unknown_setting) that names the key.
"""

from mull.config.endpoints import check_free, new_endpoint
from mull.config.environment import variable
from mull.config.file import CONFIG_FILE, load
from mull.config.keys import KEYS, ConfigKey, check, find_key, parse, show_value
from mull.config.layers import Config
from mull.config.listing import TABLES, Origin, is_table, origins, rows, value_text
from mull.config.reading import read_config
from mull.config.writing import edited, save_endpoint, save_value

__all__ = [
    "CONFIG_FILE",
    "KEYS",
    "TABLES",
    "Config",
    "ConfigKey",
    "Origin",
    "check",
    "check_free",
    "edited",
    "find_key",
    "is_table",
    "load",
    "new_endpoint",
    "origins",
    "parse",
    "read_config",
    "rows",
    "save_endpoint",
    "save_value",
    "show_value",
    "value_text",
    "variable",
]
