"""A small network, a known camera and what a perfect network would answer for it."""

import copy
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from mmengine.registry import init_default_scope
from mmengine.structures import InstanceData, PixelData
from mmpose.structures import PoseDataSample

from footmm.pitch.camera import Camera
from footmm.pitch.dimensions import LEFT_RIGHT_MIRROR, STRAIGHT_LINE_CLASSES, PitchDimensions
from footmm.pitch.keypoints import KEYPOINT_SETS
from footmm.registry import KEYPOINT_CODECS, MODELS

INPUT_SIZE = (96, 64)


def configs(keypoint_set="kp29", with_lines=False, input_size=INPUT_SIZE):
    """Configs of the head and of the model, of which tests change what they need."""
    head = dict(
        type="PitchHeatmapHead",
        in_channels=64,
        keypoint_set=keypoint_set,
        deconv_out_channels=(8, 8, 8),
        loss_keypoint=dict(type="KeypointHeatmapLoss"),
        loss_line=dict(type="KeypointHeatmapLoss") if with_lines else None,
        loss_reprojection=dict(type="ReprojectionLoss"),
        decoder=dict(
            type="footmm.PitchHeatmap",
            input_size=input_size,
            heatmap_size=(input_size[0] // 4, input_size[1] // 4),
            with_lines=with_lines,
        ),
    )
    model = dict(
        type="PitchKeypointEstimator",
        data_preprocessor=dict(
            type="mmpose.PoseDataPreprocessor",
            mean=[123.675, 116.28, 103.53],
            std=[58.395, 57.12, 57.375],
            bgr_to_rgb=True,
        ),
        backbone=dict(type="mmpose.ResNet", depth=18, base_channels=8),
        head=head,
    )
    return SimpleNamespace(head=head, model=model)


@pytest.fixture
def make_configs():
    return configs


@pytest.fixture
def build():
    """Builds a part from a copy of its config, with the same weights every time."""

    def build_part(config):
        init_default_scope("footmm")
        torch.manual_seed(0)
        part = MODELS.build(copy.deepcopy(config))
        part.init_weights()
        return part

    return build_part


@pytest.fixture
def camera():
    """A main camera that looks at the left penalty area."""
    return Camera.look_at([-5.0, -60.0, 18.0], [-33.0, -2.0, 0.0], 1250.0, (960, 540))


@pytest.fixture
def scene(camera):
    return lambda **config: Scene(camera, **config)


class Scene:
    """What ``camera`` sees of the pitch at the size of a model's input."""

    def __init__(self, camera, keypoint_set="kp29", with_lines=False, input_size=INPUT_SIZE):
        self.keypoint_set = keypoint_set
        self.camera = camera.resized(*input_size)
        self.codec = KEYPOINT_CODECS.build(
            configs(keypoint_set, with_lines, input_size).head["decoder"]
        )
        world = KEYPOINT_SETS[keypoint_set].world()
        self.visible = self.camera.visible(world)[None].numpy().astype(np.float32)
        self.keypoints = self.camera.project(world)[None].numpy()
        markings = PitchDimensions().sample_markings()
        self.lines = {
            name: self.camera.project(markings[name][shown]).numpy()
            for name in STRAIGHT_LINE_CLASSES
            if (shown := self.camera.visible(markings[name]).numpy()).any()
        }
        self.encode()

    def encode(self):
        self.encoded = self.codec.encode(
            self.keypoints, self.visible, np.ones_like(self.visible), self.lines
        )

    def mirrored(self):
        """The scene in a mirrored image, where left and right have changed their names."""
        view, last = copy.copy(self), self.codec.input_size[0] - 1
        order = list(KEYPOINT_SETS[self.keypoint_set].flip_indices)
        view.keypoints = ([last, 0] + [-1, 1] * self.keypoints)[:, order]
        view.visible = self.visible[:, order]
        view.lines = {
            LEFT_RIGHT_MIRROR[name]: [last, 0] + [-1, 1] * points
            for name, points in self.lines.items()
        }
        view.encode()
        return view

    @property
    def logits(self):
        """What a head answers that has learnt the frame by heart: ``(1, K + L, h, w)``."""
        fields = [self.encoded[n] for n in ("heatmaps", "line_heatmaps") if n in self.encoded]
        return torch.logit(torch.from_numpy(np.concatenate(fields))[None], eps=1e-6)

    def sample(self, ori_shape=(540, 960), image_homography=None):
        """A data sample as the pipeline packs it."""
        sample = PoseDataSample(
            metainfo=dict(
                ori_shape=ori_shape,
                image_homography=np.eye(3) if image_homography is None else image_homography,
            )
        )
        sample.gt_instances = InstanceData(
            keypoints=self.keypoints.astype(np.float32), keypoints_visible=self.visible
        )
        sample.gt_fields = PixelData()
        sample.gt_instance_labels = InstanceData()
        for name, value in self.encoded.items():
            parts = sample.gt_instance_labels if "weights" in name else sample.gt_fields
            parts.set_field(torch.from_numpy(value), name)
        return sample
