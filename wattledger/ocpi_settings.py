"""What is set for OCPI: the platform's own party, and what partners read of operators beside their names."""

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

_PARTY = re.compile(r"[A-Za-z]{2}-[A-Za-z0-9]{3}")
_WEBSITE, _LOGO = "website", "logo"
# Of URLs in OCPI (types § URL), and how files of images end (mod_locations § Image class, `type`).
_URL_MAX = 255
_IMAGES = ("gif", "jpeg", "jpg", "png", "svg")


def party_of(text: str) -> str:
    """A party as COUNTRY-PARTY in capitals; raises ValueError for what is none."""
    if _PARTY.fullmatch(text) is None:
        raise ValueError("is no party: write it as COUNTRY-PARTY, such as NL-WLP")
    return text.upper()


def checked_business(told: dict[str, dict[str, str]]) -> dict[str, dict[str, str]]:
    """Website and logo by operator id, as they may be told; raises ValueError with what is wrong."""
    for operator, details in told.items():
        for name, url in details.items():
            parts = urlsplit(url)
            if name not in (_WEBSITE, _LOGO):
                raise ValueError(f"names {name!r} for {operator!r}: what can be told is website and logo")
            if parts.scheme not in ("http", "https") or not parts.hostname or len(url) > _URL_MAX:
                raise ValueError(
                    f"has a {name} for {operator!r} that is no web address of up to {_URL_MAX} characters"
                )
            if name == _LOGO and _ending(url) not in _IMAGES:
                raise ValueError(f"has a logo for {operator!r} that does not end in one of {', '.join(_IMAGES)}")
    return told


def business_details(told: Mapping[str, Mapping[str, str]]) -> dict[str, dict[str, Any]]:
    """What is set, by operator id, as in OCPI: `website`, and `logo` as an Image (mod_locations § Image class)."""
    return {
        operator: {name: url if name == _WEBSITE else _image(url) for name, url in details.items()}
        for operator, details in told.items()
    }


def _image(url: str) -> dict[str, str]:
    return {"url": url, "category": "OPERATOR", "type": _ending(url)}


def _ending(url: str) -> str:
    return urlsplit(url).path.rpartition(".")[2].lower()
