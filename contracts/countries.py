"""Countries as events name them: two capital letters that ISO 3166 knows."""

from functools import lru_cache
from typing import Annotated

import pycountry
from pydantic import AfterValidator

from contracts.values import Country, bad_value


@lru_cache(maxsize=512)
def _is_country(code: str) -> bool:
    return pycountry.countries.get(alpha_2=code) is not None


def _known_country(code: str) -> str:
    if not _is_country(code):
        raise bad_value("is not an ISO 3166 country; send an alpha-2 code such as DE")
    return code


KnownCountry = Annotated[Country, AfterValidator(_known_country)]
