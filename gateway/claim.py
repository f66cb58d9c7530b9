"""One gateway in one data folder."""

import fcntl
import os
from pathlib import Path

from gateway.config import Config, ConfigError


def claim_data(path: Path, config: Config) -> int:
    """Lock the data folder for this process, until it closes the descriptor or ends.

    Raises ConfigError if another gateway works there: two would share spool and client id.
    """
    folder = os.open(config.gateway.data, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        os.close(folder)
        text = f"{config.gateway.data!r} is in use by another gateway: end that one first"
        raise ConfigError(f"{path}: gateway.data: {text}") from error
    return folder
