"""Small detectors in the form of ``configs/_base_/models``, and batches for them."""

from __future__ import annotations

import copy

import pytest
import torch
from mmdet.structures import DetDataSample
from mmengine.logging import MMLogger
from mmengine.registry import init_default_scope
from mmengine.structures import InstanceData

from footmm.registry import MODELS
from footmm.structures.detected_objects import BALL, PLAYER, REFEREE

SIZE = (64, 96)
BOXES = [[10.0, 12.0, 22.0, 42.0], [40.0, 20.0, 52.0, 50.0], [60.5, 30.5, 65.5, 35.5]]
LABELS = [PLAYER, REFEREE, BALL]
QUERIES = 12
CLASSES = 3


def detr() -> dict:
    attention = dict(embed_dims=256, num_heads=8, dropout=0.1, batch_first=True)
    feed_forward = dict(
        embed_dims=256, feedforward_channels=32, num_fcs=2, act_cfg=dict(type="ReLU", inplace=True)
    )
    return dict(
        type="DETR",
        num_queries=QUERIES,
        data_preprocessor=dict(
            type="mmdet.DetDataPreprocessor",
            mean=[123.675, 116.28, 103.53],
            std=[58.395, 57.12, 57.375],
            bgr_to_rgb=True,
            pad_size_divisor=1,
        ),
        backbone=dict(
            type="mmdet.ResNet",
            depth=18,
            base_channels=8,
            stem_channels=8,
            out_indices=(3,),
            norm_cfg=dict(type="BN", requires_grad=False),
            norm_eval=True,
        ),
        neck=dict(
            type="mmdet.ChannelMapper",
            in_channels=[64],
            kernel_size=1,
            out_channels=256,
            act_cfg=None,
            norm_cfg=None,
            num_outs=1,
        ),
        encoder=dict(num_layers=1, layer_cfg=dict(self_attn_cfg=attention, ffn_cfg=feed_forward)),
        decoder=dict(
            num_layers=2,
            layer_cfg=dict(self_attn_cfg=attention, cross_attn_cfg=attention, ffn_cfg=feed_forward),
            return_intermediate=True,
        ),
        positional_encoding=dict(num_feats=128, normalize=True),
        bbox_head=dict(
            type="DETRHead",
            embed_dims=256,
            matching_loss=dict(type="HungarianMatchingLoss", num_classes=CLASSES),
        ),
        test_cfg=dict(max_per_img=QUERIES),
    )


def conditional_detr() -> dict:
    model = detr()
    attention = dict(embed_dims=256, num_heads=8, attn_drop=0.1)
    model["decoder"]["layer_cfg"].update(
        self_attn_cfg=dict(attention, cross_attn=False),
        cross_attn_cfg=dict(attention, cross_attn=True),
    )
    model["type"] = "ConditionalDETR"
    model["bbox_head"] = dict(
        type="ConditionalDETRHead", embed_dims=256, matching_loss=_focal(class_weight=2.0)
    )
    return model


def dino() -> dict:
    feed_forward = dict(embed_dims=256, feedforward_channels=32, ffn_drop=0.0)
    attention = dict(embed_dims=256, num_levels=2, dropout=0.0)
    model = detr()
    model["backbone"].update(out_indices=(2, 3))
    model["neck"].update(in_channels=[32, 64], norm_cfg=dict(type="GN", num_groups=32), num_outs=2)
    return model | dict(
        type="DINO",
        num_feature_levels=2,
        with_box_refine=True,
        as_two_stage=True,
        encoder=dict(num_layers=1, layer_cfg=dict(self_attn_cfg=attention, ffn_cfg=feed_forward)),
        decoder=dict(
            num_layers=2,
            return_intermediate=True,
            layer_cfg=dict(
                self_attn_cfg=dict(embed_dims=256, num_heads=8, dropout=0.0),
                cross_attn_cfg=attention,
                ffn_cfg=feed_forward,
            ),
            post_norm_cfg=None,
        ),
        positional_encoding=dict(num_feats=128, normalize=True, offset=0.0, temperature=20),
        bbox_head=dict(type="DINOHead", matching_loss=_focal(sync_background=True)),
        dn_cfg=dict(
            label_noise_scale=0.5,
            box_noise_scale=1.0,
            group_cfg=dict(dynamic=True, num_groups=None, num_dn_queries=10),
        ),
    )


def with_centers(model: dict, *labels: int) -> dict:
    """The same with a branch that finds classes on a map of stride 4, 16 x 24 pixels."""
    maps = len(model["neck"]["in_channels"])
    model["backbone"].update(out_indices=(0, 1, 2, 3))
    return model | dict(
        transformer_maps=maps,
        center_neck=dict(type="FinestFeaturePyramid", in_channels=[8, 16, 32, 64], out_channels=16),
        center_head=dict(type="CenterHeatmapHead", labels=labels, in_channels=16, feat_channels=16),
    )


def center_dino() -> dict:
    """Its decoder on a map of stride 8, 8 x 12 pixels."""
    model = with_centers(dino(), PLAYER, BALL, REFEREE)
    model["neck"] = dict(type="Conv2d", in_channels=16, out_channels=256, kernel_size=2, stride=2)
    layer = model["decoder"]["layer_cfg"]
    layer["cross_attn_cfg"] = dict(layer["cross_attn_cfg"], num_levels=1)
    del model["transformer_maps"]
    return model | dict(type="CenterDINO", num_feature_levels=1)


def twin(model: dict, num_classes: int = CLASSES) -> dict:
    """mmdet's own detector of the same family with the same losses."""
    model, family = copy.deepcopy(model), model["type"]
    is_detr = family == "DETR"
    loss_weight = dict(DETR=1.0, ConditionalDETR=2.0, DINO=1.0)[family]
    softmax = dict(
        type="mmdet.CrossEntropyLoss",
        use_sigmoid=False,
        bg_cls_weight=0.1,
        class_weight=1.0,
        loss_weight=loss_weight,
    )
    focal = dict(type="mmdet.FocalLoss", use_sigmoid=True, loss_weight=loss_weight)
    costs = [
        dict(type="mmdet.ClassificationCost", weight=1.0)
        if is_detr
        else dict(type="mmdet.FocalLossCost", weight=2.0),
        dict(type="mmdet.BBoxL1Cost", weight=5.0, box_format="xywh"),
        dict(type="mmdet.IoUCost", iou_mode="giou", weight=2.0),
    ]
    head = dict(
        type=f"mmdet.{family}Head",
        num_classes=num_classes,
        embed_dims=256,
        sync_cls_avg_factor=family == "DINO",
        loss_cls=softmax if is_detr else focal,
        loss_bbox=dict(type="mmdet.L1Loss", loss_weight=5.0),
        loss_iou=dict(type="mmdet.GIoULoss", loss_weight=2.0),
    )
    train_cfg = dict(assigner=dict(type="mmdet.HungarianAssigner", match_costs=costs))
    return model | dict(type=f"mmdet.{family}", bbox_head=head, train_cfg=train_cfg)


def _focal(**kwargs) -> dict:
    return dict(
        type="HungarianMatchingLoss",
        num_classes=CLASSES,
        class_loss="focal",
        class_cost=2.0,
        **kwargs,
    )


def _config(family: str, balls: bool = False) -> dict:
    makers = dict(DETR=detr, ConditionalDETR=conditional_detr, DINO=dino, CenterDINO=center_dino)
    model = makers[family]()
    return with_centers(model, BALL) if balls else model


@pytest.fixture
def make_config():
    """``make_config(family, balls=False)``, a new dict each time."""
    return _config


@pytest.fixture
def make_twin():
    return twin


@pytest.fixture
def build():
    """Builds a part from a copy of its config, with the same weights every time."""

    def build_part(config: dict) -> torch.nn.Module:
        init_default_scope("footmm")
        torch.manual_seed(0)
        part = MODELS.build(copy.deepcopy(config))
        part.init_weights()
        return part

    return build_part


@pytest.fixture
def make_sample():
    return _sample


def _sample(boxes=BOXES, labels=LABELS, size=SIZE, ignored_balls=(), **metainfo) -> DetDataSample:
    """A sample as the pipeline packs it, of an image file twice as wide and three times as high."""
    meta = dict(img_id=1, img_path="frame.png", img_shape=size, scale_factor=(0.5, 1 / 3))
    sample = DetDataSample(metainfo=meta | dict(ori_shape=(3 * size[0], 2 * size[1])) | metainfo)
    sample.gt_instances = _instances(boxes, labels)
    sample.ignored_instances = _instances(ignored_balls, [BALL] * len(ignored_balls))
    return sample


def _instances(boxes, labels) -> InstanceData:
    return InstanceData(
        bboxes=torch.tensor(boxes, dtype=torch.float32).reshape(-1, 4),
        labels=torch.tensor(labels, dtype=torch.long),
    )


@pytest.fixture
def make_batch():
    """``make_batch(*samples)``: with images of their sizes, as the loader gives them."""

    def batch(*samples: DetDataSample) -> dict:
        generator = torch.Generator().manual_seed(1)
        images = [
            torch.randint(256, (3, *s.img_shape), dtype=torch.uint8, generator=generator)
            for s in samples
        ]
        return dict(inputs=images, data_samples=list(samples))

    return batch


@pytest.fixture
def log(caplog):
    """MMEngine's logger does not propagate, so pytest has to be given its records."""
    logger = MMLogger.get_current_instance()
    logger.addHandler(caplog.handler)
    yield caplog
    logger.removeHandler(caplog.handler)
