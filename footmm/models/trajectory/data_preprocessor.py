"""From the windows of a batch to tensors on the device."""

from __future__ import annotations

from typing import Any

import torch
from mmengine.model import BaseDataPreprocessor
from torch import Tensor

from footmm.models.trajectory.encoder import Tracks
from footmm.models.trajectory.views import drop_agents, mirror, swap_teams
from footmm.registry import MODELS


@MODELS.register_module()
class TrajectoryDataPreprocessor(BaseDataPreprocessor):
    """Stacks windows of equal length; in training, changes what leaves their meaning alone.

    Args:
        mirror_prob: Chance that a window is mirrored at the pitch's long axis.
        swap_prob: Chance that the home team becomes the away team and the window is turned by half
            a turn.
        drop_share: Share of the agents that are taken out.
        non_blocking: Whether the copy to the device may overlap with other work.
    """

    def __init__(
        self,
        mirror_prob: float = 0.5,
        swap_prob: float = 0.5,
        drop_share: float = 0.1,
        non_blocking: bool = False,
    ) -> None:
        super().__init__(non_blocking)
        self.mirror_prob = mirror_prob
        self.swap_prob = swap_prob
        self.drop_share = drop_share

    def forward(self, data: dict[str, Any], training: bool = False) -> dict[str, Any]:
        """Return ``inputs``, stacked and augmented, and ``data_samples``, all on the device.

        Args:
            data: ``inputs``: lists of B tensors by name; ``data_samples``: B data samples.
            training: Whether to augment.
        """
        inputs = {name: torch.stack(list(parts)) for name, parts in data["inputs"].items()}
        data = self.cast_data(dict(data, inputs=self.clean(inputs)))
        if training:
            data["inputs"] = self._augment(Tracks(**data["inputs"]))._asdict()
        return data

    @staticmethod
    def clean(inputs: dict[str, Tensor]) -> dict[str, Tensor]:
        """Put zeros in place of missing positions: a nan, say, must not reach a product.

        Args:
            inputs: The fields of :class:`Tracks` by name.

        Returns:
            The same names and shapes: like ``inputs``.
        """
        missing = ~inputs["present"][..., None]
        return inputs | {"positions": inputs["positions"].masked_fill(missing, 0.0)}

    def _augment(self, tracks: Tracks) -> Tracks:
        draws = torch.rand(2, len(tracks.team), device=tracks.team.device)
        tracks = mirror(tracks, draws[0] < self.mirror_prob)
        tracks = swap_teams(tracks, draws[1] < self.swap_prob)
        return drop_agents(tracks, self.drop_share)
