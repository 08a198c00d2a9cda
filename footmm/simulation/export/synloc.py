"""Frames of fixed wide cameras in the layout of Spiideo SynLoc."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from footmm.errors import ConfigError
from footmm.pitch.camera import Camera
from footmm.pitch.frames import world_to_synloc
from footmm.simulation.broadcast import CameraKind
from footmm.simulation.export.folder import Item, LabelsOf, encode_json
from footmm.simulation.export.scenes import (
    Frame,
    ImageExportSettings,
    SceneExport,
    SceneUnit,
    encode_jpeg,
)
from footmm.simulation.labels import PersonLabel

IMAGE_SIZE = (1920, 1080)
"""Of the images; other sizes of the same shape go as well."""

ANNOTATED_SIZE = (3840, 2160)
"""The size for which everything is annotated, as in the official files."""

SPLIT_NAMES = {"train": "train", "valid": "val", "test": "test"}
"""SynLoc's names of the splits."""


def _image_labels(frame: Frame) -> dict[str, Any]:
    """Return camera and annotations of an image, without their ids."""
    camera = frame.labels.camera.resized(*ANNOTATED_SIZE)
    scale = ANNOTATED_SIZE[0] / frame.labels.camera.image_size[0]
    return {
        "camera": camera.to_synloc(),
        "annotations": [_annotation(person, camera, scale) for person in frame.labels.persons],
    }


def _annotation(person: PersonLabel, camera: Camera, scale: float) -> dict[str, Any]:
    points = [person.pelvis, person.pelvis_ground]
    pixels = camera.project(points).tolist()
    world = [world_to_synloc(point).tolist() for point in points]
    left, top, width, height = (value * scale for value in person.visible_box)
    return {
        "keypoints": [[u, v, 1] for u, v in pixels],
        "keypoints_3d": [[*point, 1] for point in world],
        "position_on_pitch": world[1][:2],
        "bbox": [left, top, width, height],
        "area": person.visible_area * scale**2,
    }


class _SynLocUnit(SceneUnit):
    def item(self, number: int, frame: Frame) -> Item:
        path = f"fullhd/{SPLIT_NAMES[self.scenes.split]}/{_file_name(number)}"
        return Item({path: encode_jpeg(frame.image)}, _image_labels(frame))


def _file_name(number: int) -> str:
    return f"{number:06d}.jpg"


class SynLocExport(SceneExport):
    """Frames of fixed wide cameras with strong distortion, as SynLoc gives them.

    ``annotations/<split>.json`` and ``fullhd/<split>/NNNNNN.jpg``; all annotations are for 3840 x
    2160 pixels. Boxes enclose what is seen of a person, ``area`` is that of the pixels seen.

    Args:
        settings: What to draw.

    Raises:
        ConfigError: The images are not 16:9.
    """

    folders = ("annotations", *(f"fullhd/{name}" for name in SPLIT_NAMES.values()))

    format_name = "synloc"
    unit = _SynLocUnit
    mix = {CameraKind.WIDE_FIXED: 1.0}

    def __init__(self, settings: ImageExportSettings) -> None:
        width, height = settings.image_size
        if width * ANNOTATED_SIZE[1] != height * ANNOTATED_SIZE[0]:
            raise ConfigError(
                f"image_size={settings.image_size}: SynLoc's images are 16:9, e.g. "
                f"{IMAGE_SIZE[0]} x {IMAGE_SIZE[1]}"
            )
        super().__init__(settings)

    def index_files(self, labels_of: LabelsOf) -> Iterator[tuple[str, bytes]]:
        """Make the annotations of every split."""
        width, height = ANNOTATED_SIZE
        for split, units in self.plan().items():
            images, annotations = [], []
            for unit in units:
                for number, labels in enumerate(labels_of(unit), unit.scenes.first_image):
                    size = {"width": width, "height": height}
                    name = {"id": number, "file_name": _file_name(number)}
                    images.append(name | size | labels["camera"])
                    for annotation in labels["annotations"]:
                        ids = {"image_id": number, "category_id": 1}
                        annotations.append({"id": len(annotations)} | annotation | ids)
            categories = [{"id": 1, "name": "person"}]
            content = {"images": images, "annotations": annotations, "categories": categories}
            yield f"annotations/{SPLIT_NAMES[split]}.json", encode_json(content)
