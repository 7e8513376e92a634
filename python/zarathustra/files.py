"""Reading files of others: bounded, and never anything that can hold code."""

import json
import os

from .errors import Refused

MAX_JSON_BYTES = 64 << 20
"""Largest topology or table that is read."""

MAX_WEIGHTS_BYTES = 16 << 30
"""Largest file of weights that is read."""

MAX_LIST_BYTES = 1 << 30
"""Largest JSON list of weights that is read."""


def bounded(path, limit):
    """``path``, if it is a file of at most ``limit`` bytes."""
    try:
        size = os.stat(path).st_size
    except OSError as error:
        raise Refused("file_unreadable", f"read {path}: {error.strerror}") from error
    if not os.path.isfile(path):
        raise Refused("file_unreadable", f"read {path}: it is no file")
    if size > limit:
        raise Refused("file_too_long", f"{path} has {size} bytes, and at most {limit} are read")
    return path


def read_text(path, limit=MAX_JSON_BYTES):
    """The text of a file of at most ``limit`` bytes."""
    try:
        with open(bounded(path, limit), encoding="utf-8") as file:
            return file.read(limit)
    except UnicodeDecodeError as error:
        raise Refused("file_unreadable", f"read {path}: it is not UTF-8") from error
    except OSError as error:
        raise Refused("file_unreadable", f"read {path}: {error.strerror}") from error


def parse_json(text, what, code):
    """JSON as values; ``code`` is the reason's name where ``text`` is none."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        detail = "it is nested too deeply" if isinstance(error, RecursionError) else error
        raise Refused(code, f"read {what}: {detail}") from error
