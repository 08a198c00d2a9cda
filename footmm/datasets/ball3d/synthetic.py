"""Filmed flights of a synthetic ball, made while they are asked for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from footmm.datasets.ball3d.base import METAINFO, image_truth
from footmm.datasets.synthetic_windows import SyntheticWindowsDataset
from footmm.errors import ConfigError
from footmm.registry import DATASETS
from footmm.simulation.ball_windows import BallWindow, BallWindows, BallWindowSettings

SOURCE = "simulation"


@DATASETS.register_module()
class SyntheticBall3DDataset(SyntheticWindowsDataset):
    """Windows of a synthetic ball through simulated broadcast cameras.

    Flights of four kinds (parabolic, along the ground, bouncing, with spin) and windows of play
    with touches, dribbling and balls out of play; window ``i`` is decided by seed, split and ``i``
    alone. Nothing is written to disk: a block of windows is made when the first of them is asked
    for. Draw training windows with :class:`footmm.datasets.samplers.WindowBlockSampler`, or keep
    all blocks in memory. Flights, cameras and matches of the splits are never the same.

    A sample, before the pipeline, has T observed frames and F after them; unlabelled entries are 0
    and masked:

    * ``sequence``, ``source``, ``rate``, ``frame_ids`` (T,), ``pitch_size``, ``image_size``;
    * ``camera``, a :class:`footmm.pitch.camera.Camera` of T frames, and ``calibrated`` (T,);
    * ``positions`` (T, 3), metres, world frame, the ball's centre; ``velocities`` (T, 3), metres a
      second; ``mode`` (T,) of :class:`footmm.simulation.tracks.BallMode`; with the masks
      ``has_position``, ``has_velocity`` and ``has_mode`` (T,);
    * ``future_positions`` (F, 3) and ``future_mode`` (F,), with ``has_future`` and
      ``has_future_mode`` (F,);
    * how the ball looks: see :func:`footmm.datasets.ball3d.base.image_truth`.

    What a detector sees of it is made by :class:`SimulateBallDetector`, a transform.

    Args:
        num_samples: Number of windows.
        split: ``train``, ``valid`` or ``test``.
        seed: Of the whole data.
        num_frames: Frames of a window.
        num_future: Frames after it that flights are predicted for.
        rate: Frames a second.
        image_size: Width and height in pixels.
        play_share: Share of the windows that are play, not free flights.
        windows_per_block: Windows that are made together.
        cached_blocks: Blocks that are kept in memory.
        pipeline: Transforms, or their configs.
        test_mode: MMEngine's.
        **kwargs: Further arguments of :class:`mmengine.dataset.BaseDataset`.

    Raises:
        ConfigError: An argument has an impossible value.
    """

    METAINFO: dict = METAINFO | {"data_source": "simulated flights", "synthetic": True}

    def __init__(
        self,
        num_samples: int = 50_000,
        split: str = "train",
        seed: int = 0,
        num_frames: int = 50,
        num_future: int = 25,
        rate: float = 25.0,
        image_size: tuple[int, int] = (1920, 1080),
        play_share: float = 0.3,
        windows_per_block: int = 1024,
        cached_blocks: int = 64,
        pipeline: Sequence[Any] = (),
        test_mode: bool = False,
        **kwargs: Any,
    ) -> None:
        if num_samples < 1 or seed < 0:
            raise ConfigError(
                f"SyntheticBall3DDataset(num_samples={num_samples}, seed={seed}): num_samples is "
                "at least 1, seed at least 0"
            )
        self.settings = BallWindowSettings(
            num_frames=num_frames,
            num_future=num_future,
            rate=rate,
            image_size=tuple(image_size),
            play_share=play_share,
            windows_per_block=windows_per_block,
            cached_blocks=cached_blocks,
        )
        super().__init__(num_samples, split, seed, pipeline, test_mode, **kwargs)

    def make_windows(self, seed: int) -> BallWindows:
        """Return the windows of the split's seed."""
        return BallWindows(self.settings, seed)

    def sample_of(self, number: int, window: BallWindow) -> dict:
        """Return a window as a sample, before the pipeline."""
        settings = self.settings
        frames = settings.num_frames
        position, velocity = window.ball_position[:frames], window.ball_velocity[:frames]
        mode = window.ball_mode.astype(np.int64)
        return dict(
            sequence=f"{window.kind}_{number:06d}",
            source=SOURCE,
            rate=settings.rate,
            frame_ids=np.arange(frames),
            pitch_size=(settings.pitch.length, settings.pitch.width),
            image_size=settings.image_size,
            camera=window.camera,
            calibrated=np.ones(frames, bool),
            positions=position,
            has_position=np.ones(frames, bool),
            velocities=velocity,
            has_velocity=np.ones(frames, bool),
            mode=mode[:frames],
            has_mode=np.ones(frames, bool),
            future_positions=window.ball_position[frames:],
            has_future=np.ones(settings.num_future, bool),
            future_mode=mode[frames:],
            has_future_mode=np.ones(settings.num_future, bool),
            **image_truth(window.camera, np.ones(frames, bool), position, velocity, settings.rate),
        )
