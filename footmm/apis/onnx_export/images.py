"""The graphs of models that see images: people, pitches, athletes, objects."""

from __future__ import annotations

from math import ceil
from typing import Any

import numpy as np
import torch
from mmdet.structures.bbox import bbox_cxcywh_to_xyxy
from mmengine.config import Config
from mmengine.model import BaseModel
from torch import Tensor

from footmm.apis.onnx_export.graph import ExportGraph, Port, normalisation_facts
from footmm.apis.onnx_export.tracing import RankingMargin
from footmm.errors import ConfigError
from footmm.structures.detected_objects import BALL, CLASSES

_VIDEO_SHAPE = 9 / 16
"""Height over width of a frame of a broadcast."""

_DECIDED = 1e-5
"""Difference of two scores, as a share of the highest, that rounding does not turn around."""

_DRAWS = 20


class ImageGraph(ExportGraph):
    """A graph of one input, ``images``; see :class:`ExportGraph`."""

    def __init__(
        self, model: BaseModel, config: Config, input_size: tuple[int, int] | None = None
    ) -> None:
        super().__init__(model, config)
        divisor = self.model.data_preprocessor.pad_size_divisor
        if input_size is None:
            self.input_size = tuple(divisor * ceil(side / divisor) for side in self.default_size())
            return
        if min(input_size) < 1 or any(side % divisor for side in input_size):
            raise ConfigError(
                f"--input-size {input_size[0]} {input_size[1]}: give multiples of {divisor}, which "
                "this model's images are padded to"
            )
        self.input_size = tuple(input_size)

    def default_size(self) -> tuple[int, int]:
        """Height and width that the config tests with, pixels.

        Raises:
            ConfigError: The config does not say.
        """
        size = self.config.get("test_input_size") or self.config.get("input_size")
        if size is None:
            raise ConfigError(
                f"config '{self.config.filename}' has no input_size at its head: give --input-size "
                "HEIGHT WIDTH"
            )
        return tuple(size)

    @property
    def inputs(self) -> dict[str, Port]:
        """Images."""
        height, width = self.input_size
        return {"images": Port(f"BGR as cv2.imread, resized to {width} x {height}, channels first")}

    def normalised(self, images: Tensor) -> Tensor:
        """Run the model's data preprocessor on images ``(N, 3, H, W)`` uint8."""
        return self.model.data_preprocessor({"inputs": images, "data_samples": []})["inputs"]

    def draw(self, batch: int, rng: np.random.Generator) -> tuple[Tensor, ...]:
        """Noise: every pixel counts."""
        shape = (batch, 3, *self.input_size)
        return (torch.from_numpy(rng.integers(0, 256, shape, dtype=np.uint8)),)

    def facts(self) -> dict[str, Any]:
        """Size and normalisation of the images."""
        return {
            "input_size": list(self.input_size),
            "channel_order": "BGR",
            **normalisation_facts(self.model.data_preprocessor),
        }


class ReIDGraph(ImageGraph):
    """Crops of people to embeddings, and to what the other heads read off them."""

    task = "reid"
    outside = "ranking: compare the features by cosine similarity"

    _MEANINGS = {
        "pred_feature": "embedding, not normalised",
        "pred_jersey": "probabilities of the numbers 0 to 99, and of none to be seen",
        "pred_body_shape": "height in metres, and build (body-mass index over 22)",
    }

    @property
    def outputs(self) -> dict[str, Port]:
        """Those of the model's heads."""
        with torch.no_grad():
            found = self._predict(torch.zeros(1, 3, *self.input_size))
        return {name.removeprefix("pred_"): Port(self._MEANINGS[name]) for name in found}

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        """Read what the heads predict off images ``(N, 3, H, W)``."""
        return tuple(self._predict(self.normalised(images)).values())

    def _predict(self, inputs: Tensor) -> dict[str, Tensor]:
        features = self.model.extract_features(inputs)
        return {
            name: value
            for head in self.model.heads
            for name, value in head.predict(features).items()
        }


class HomographyGraph(ImageGraph):
    """Frames to heatmaps of pitch keypoints and lines."""

    task = "homography"
    outside = "decoding of the heatmaps (model.head.decoder), and the solver of the camera"

    @property
    def outputs(self) -> dict[str, Port]:
        """Heatmaps."""
        points, lines = len(self.model.head.keypoint_set), len(self.model.head.line_names)
        told = f" and the ends of {lines} lines" if lines else ""
        return {"heatmaps": Port(f"0 to 1, of {points} keypoints{told}")}

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        """Draw the heatmaps of images ``(N, 3, H, W)``."""
        return (self.model(self.normalised(images), mode="tensor").sigmoid(),)

    def facts(self) -> dict[str, Any]:
        """Names of the heatmaps."""
        head = self.model.head
        return super().facts() | {
            "classes": [*head.keypoint_set.names, *head.line_names],
            "flip_test": "outside" if self.model.test_cfg.get("flip_test") else "not used",
        }


class SynLocGraph(ImageGraph):
    """Frames to athletes: what every cell of the dense head says."""

    task = "synloc"
    outside = (
        "score threshold, suppression of overlapping boxes (NMS), and the way from the keypoint on "
        "the ground to the pitch, which needs the camera"
    )

    @property
    def outputs(self) -> dict[str, Port]:
        """Decoded cells, in pixels of the input."""
        return {
            "scores": Port("0 to 1, of each cell"),
            "boxes": Port("left, top, right, bottom, pixels of the input"),
            "keypoints": Port("pelvis, and pelvis on the ground, pixels of the input"),
            "keypoint_scores": Port("0 to 1"),
        }

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        """Decode all cells of images ``(N, 3, H, W)``."""
        found = self.model.head.decode_all(self.model.extract_feat(self.normalised(images)))
        return tuple(
            found[name] for name in ("bbox_scores", "bboxes", "keypoints", "keypoint_scores")
        )

    def facts(self) -> dict[str, Any]:
        """The class, and how the config thins the cells out."""
        return super().facts() | {"classes": ["athlete"], "test_cfg": dict(self.model.test_cfg)}


class DetectionGraph(ImageGraph):
    """Frames to objects: what every query of a detection transformer says."""

    task = "detection"
    outside = (
        "choice of the best (query, class) pairs, merging of the ball branch's balls "
        "(footmm.models.detection.merge_balls), and the way back to the original image's pixels"
    )

    def default_size(self) -> tuple[int, int]:
        """What a 16:9 frame that is fitted into the config's size becomes."""
        height, width = super().default_size()
        fitted = min(width, height / _VIDEO_SHAPE)
        return round(fitted * _VIDEO_SHAPE), round(fitted)

    @property
    def outputs(self) -> dict[str, Port]:
        """Scores and boxes of the queries, and the candidates of a branch for the ball."""
        ports = {
            "scores": Port(f"probabilities of {', '.join(CLASSES)}, of each query"),
            "boxes": Port("left, top, right, bottom, pixels of the input"),
        }
        if self._has_ball_branch:
            ports["ball_scores"] = Port("0 to 1, falling, of the ball branch")
            ports["ball_boxes"] = Port("left, top, right, bottom, pixels of the input")
        return ports

    def draw(self, batch: int, rng: np.random.Generator) -> tuple[Tensor, ...]:
        """Noise on which the choice of queries does not depend on rounding."""
        return (torch.cat([self._draw_decided(rng) for _ in range(batch)]),)

    def _draw_decided(self, rng: np.random.Generator) -> Tensor:
        """An image whose candidates the model ranks by more than rounding, if one is found soon."""
        best_margin, best = -1.0, None
        for _ in range(_DRAWS):
            (images,) = super().draw(1, rng)
            with torch.no_grad(), RankingMargin() as ranking:
                self(images)
            if ranking.margin >= _DECIDED:
                return images
            if ranking.margin > best_margin:
                best_margin, best = ranking.margin, images
        return best

    @property
    def _has_ball_branch(self) -> bool:
        head = self.model.center_head
        return head is not None and BALL in head.labels

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        """Find the objects of images ``(N, 3, H, W)``."""
        logits, boxes, centers = self.model(self.normalised(images), mode="tensor")
        height, width = self.input_size
        limits = boxes.new_tensor((width, height, width, height))
        corners = bbox_cxcywh_to_xyxy(boxes[-1]).clamp(0, 1) * limits
        found = self._probabilities(logits[-1]), corners
        if not self._has_ball_branch:
            return found
        balls, scores, _ = self.model.center_head.candidates(centers, label=BALL)
        return *found, scores, balls

    def _probabilities(self, logits: Tensor) -> Tensor:
        if self.model.bbox_head.loss_cls.use_sigmoid:
            return logits.sigmoid()
        return logits.softmax(-1)[..., :-1]

    def facts(self) -> dict[str, Any]:
        """The classes."""
        return super().facts() | {"classes": list(CLASSES)}
