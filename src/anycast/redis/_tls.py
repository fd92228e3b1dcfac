"""The TLS options of a URL, as a context for connections.

By default the certificate of the server must come from an authority that the system trusts, and
must be for the host that the URL names.
"""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

OPTIONS = ("ssl_ca_certs", "ssl_certfile", "ssl_keyfile", "ssl_cert_reqs", "ssl_check_hostname")
# What `ssl_cert_reqs` can be. For a client, "optional" means the same as "required".
VERIFIED = {"required": True, "optional": True, "none": False}
SWITCH = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}


def new_context(options: Mapping[str, str]) -> ssl.SSLContext:
    """Return a context for connections.

    Args:
        options: by name, the names are in `OPTIONS`.

    Raises:
        ValueError: if an option has a wrong value, or names a file that is of no use.
    """
    verified = _choose(options, "ssl_cert_reqs", VERIFIED, default=True)
    check_hostname = _choose(options, "ssl_check_hostname", SWITCH, default=verified)
    if check_hostname and not verified:
        raise ValueError("`url` has ssl_check_hostname, which needs ssl_cert_reqs=required")
    context = ssl.create_default_context()
    _load(context, options)
    context.check_hostname = check_hostname
    context.verify_mode = ssl.CERT_REQUIRED if verified else ssl.CERT_NONE
    return context


def _choose(
    options: Mapping[str, str], name: str, choices: Mapping[str, bool], *, default: bool
) -> bool:
    value = options.get(name)
    if value is None:
        return default
    if value.lower() not in choices:
        raise ValueError(f"`url` must have one of {', '.join(choices)} as {name}, not {value!r}")
    return choices[value.lower()]


def _load(context: ssl.SSLContext, options: Mapping[str, str]) -> None:
    """Load the files that options name."""
    authorities, certificate, key = (options.get(name) for name in OPTIONS[:3])
    if key is not None and certificate is None:
        raise ValueError("`url` has ssl_keyfile, which needs ssl_certfile")
    step = f"ssl_ca_certs={authorities}"
    try:
        if authorities is not None:
            folder = Path(authorities).is_dir()
            context.load_verify_locations(**{"capath" if folder else "cafile": authorities})
        step = f"ssl_certfile={certificate}" + (f" and ssl_keyfile={key}" if key else "")
        if certificate is not None:
            # With an empty password, the library never asks for a password on the terminal.
            context.load_cert_chain(certificate, key, password="")
    except OSError as error:  # `SSLError` is a subclass
        raise ValueError(f"`url` has {step} that cannot be used: {error}") from error
