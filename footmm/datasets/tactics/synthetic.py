"""Windows of synthetic matches with the labels of the simulation."""

from __future__ import annotations

from typing import Any

import numpy as np

from footmm.datasets.synthetic_match_windows import SyntheticMatchWindowsDataset
from footmm.datasets.tactics.labels import TACTICS_METAINFO
from footmm.registry import DATASETS
from footmm.simulation.windows import TrajectoryWindow


@DATASETS.register_module()
class SyntheticTacticsDataset(SyntheticMatchWindowsDataset):
    """Windows of synthetic matches, window ``i`` decided by seed, split and ``i`` alone.

    A sample is a window with its labels, see :mod:`footmm.datasets.tactics.labels`. Formation and
    roles are known where they do not change within the observed frames, the strategies always.

    Args:
        num_samples: Number of windows.
        num_frames: Frames of a window.
        num_observed: Frames that predictions are made from.
        rate: Frames a second.
        match_duration_s: Seconds of a match.
        **kwargs: Further arguments of
            :class:`footmm.datasets.synthetic_match_windows.SyntheticMatchWindowsDataset`.

    Raises:
        ConfigError: An argument has an impossible value.
    """

    METAINFO: dict = TACTICS_METAINFO | {"data_source": "simulated matches", "synthetic": True}

    def __init__(
        self,
        num_samples: int = 50_000,
        num_frames: int = 101,
        num_observed: int = 91,
        rate: float = 5.0,
        match_duration_s: float = 180.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            num_samples,
            num_frames=num_frames,
            num_observed=num_observed,
            rate=rate,
            match_duration_s=match_duration_s,
            **kwargs,
        )

    def sample_of(self, number: int, window: TrajectoryWindow) -> dict:
        """Return a window as a sample, before the pipeline."""
        observed = slice(0, self.num_observed)
        formation, role = window.formation[observed], window.role[observed]
        # The ball has no role.
        roles = np.append(role[-1], 0).astype(np.int64)
        steady = np.append((role == role[-1]).all(0), False)
        strategy = window.strategy.astype(np.int64)
        return super().sample_of(number, window) | dict(
            formation=formation[-1].astype(np.int64),
            has_formation=(formation == formation[-1]).all(0),
            role=roles,
            has_role=steady,
            strategy=strategy,
            has_strategy=np.ones(strategy.shape, bool),
        )
