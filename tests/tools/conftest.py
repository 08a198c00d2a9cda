"""What tests of tools that train share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest


@pytest.fixture(scope="module")
def unformatted_configs() -> Iterator[None]:
    """Leave out yapf, which MMEngine runs over the config at each start and each checkpoint.

    It is most of the time of a tiny training, and changes nothing but line breaks.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("mmengine.config.config.FormatCode", lambda text, **_: (text, True))
        yield
