"""Private keys from encrypted files, as geth and ``cast wallet`` write them (V3 keystores)."""

import json
from pathlib import Path

from eth_account import Account


def read_keystore(keystore: str, password_file: str | None) -> str:
    """Decrypts a key; scrypt makes that take a second or so.

    Args:
        password_file: holds the password; a line feed at its end is not part of it.

    Returns:
        The key as ``0x`` and 64 hex digits.

    Raises:
        ValueError: naming the setting and the fix, without key and password.
    """
    if not password_file:
        raise ValueError("needs password_file, the path of a file with its password")
    try:
        password = Path(password_file).read_text(encoding="utf-8").rstrip("\r\n")
    except (OSError, UnicodeDecodeError):
        raise ValueError("the file that password_file names cannot be read") from None
    try:
        encrypted = json.loads(Path(keystore).read_text(encoding="utf-8"))
    except OSError as error:
        raise ValueError(f"the file cannot be read: {error.strerror}") from None
    except ValueError:
        raise ValueError("the file is no JSON, so it is no V3 keystore") from None
    try:
        return "0x" + bytes(Account.decrypt(encrypted, password)).hex()
    except ValueError:
        raise ValueError("the password does not fit, or the file is damaged") from None
    except (KeyError, TypeError, AttributeError, NotImplementedError):
        raise ValueError("the file is no V3 keystore") from None
