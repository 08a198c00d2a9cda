"""Models for player re-identification."""

from footmm.models.reid.heads import AppearanceHead, BodyShapeHead, JerseyNumberHead
from footmm.models.reid.neck import BNNeck, NeckFeatures
from footmm.models.reid.osnet import OSNet
from footmm.models.reid.reid_model import ReIDModel, ReIDTTAModel
from footmm.models.reid.resnet import ReIDResNet

__all__ = [
    "AppearanceHead",
    "BNNeck",
    "BodyShapeHead",
    "JerseyNumberHead",
    "NeckFeatures",
    "OSNet",
    "ReIDModel",
    "ReIDResNet",
    "ReIDTTAModel",
]
