"""Frames with boxes of players, ball and referees as COCO detection data."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from footmm.simulation.appearance import Role
from footmm.simulation.export.folder import Item, LabelsOf, encode_json
from footmm.simulation.export.scenes import (
    SPLITS,
    Frame,
    SceneExport,
    SceneUnit,
    clip_box,
    encode_jpeg,
)
from footmm.simulation.labels import Box
from footmm.simulation.moment import NUM_AGENTS, NUM_PLAYERS

CATEGORIES = ("player", "ball", "referee")
"""Ids count from 1."""

_BALL_TRACK = NUM_AGENTS
_GOALKEEPERS = (Role.GOALKEEPER_LEFT, Role.GOALKEEPER_RIGHT)
_TEAMS = {
    Role.PLAYER_LEFT: "left",
    Role.GOALKEEPER_LEFT: "left",
    Role.PLAYER_RIGHT: "right",
    Role.GOALKEEPER_RIGHT: "right",
}


def _annotations(frame: Frame) -> list[dict[str, Any]]:
    """Return the annotations of an image without their ids."""
    size, labels = frame.labels.camera.image_size, frame.labels
    result = []
    for person in labels.persons:
        is_player = person.agent < NUM_PLAYERS
        result.append(
            _annotation("player" if is_player else "referee", person.full_box, size)
            | {
                "track_id": person.agent,
                "team": _TEAMS.get(person.identity.role),
                "goalkeeper": person.identity.role in _GOALKEEPERS,
                "jersey_number": person.identity.jersey_number,
                "jersey_visible": person.jersey_visible,
                "occluded_share": round(person.occluded_share, 4),
                "visible_bbox": [round(value, 2) for value in person.visible_box],
            }
        )
    if labels.ball is not None:
        visible = {"occluded_share": round(1 - labels.ball.visible_share, 4)}
        result.append(
            _annotation("ball", labels.ball.box, size) | {"track_id": _BALL_TRACK} | visible
        )
    return result


def _annotation(category: str, box: Box, image_size: tuple[int, int]) -> dict[str, Any]:
    bbox = [round(value, 2) for value in clip_box(box, image_size)]
    return {
        "category_id": 1 + CATEGORIES.index(category),
        "bbox": bbox,
        "area": round(bbox[2] * bbox[3], 2),
        "iscrowd": 0,
    }


class _DetectionUnit(SceneUnit):
    def item(self, number: int, frame: Frame) -> Item:
        labels = {"camera": frame.kind.value, "annotations": _annotations(frame)}
        return Item({_image_path(self.scenes.split, number): encode_jpeg(frame.image)}, labels)


def _image_path(split: str, number: int) -> str:
    return f"{split}/{number:06d}.jpg"


class CocoExport(SceneExport):
    """Frames of broadcast cameras as COCO detection data.

    ``annotations/<split>.json`` and ``<split>/NNNNNN.jpg``. A box encloses the whole person, hidden
    parts included, as far as the image goes; ``visible_bbox`` the part that is seen. Everybody of
    whom a pixel is seen is annotated, with ``occluded_share`` to tell who is worth it. Further keys
    that COCO does not know: track id, team, goalkeeper and jersey number.

    Args:
        settings: What to draw.
    """

    folders = ("annotations", *SPLITS)
    format_name = "coco"
    unit = _DetectionUnit

    def index_files(self, labels_of: LabelsOf) -> Iterator[tuple[str, bytes]]:
        """Make the annotations of every split."""
        width, height = self.image_settings.image_size
        for split, units in self.plan().items():
            images, annotations = [], []
            for unit in units:
                for number, labels in enumerate(labels_of(unit), unit.scenes.first_image):
                    name = _image_path(split, number).partition("/")[2]
                    size = {"width": width, "height": height}
                    match = {"match": unit.scenes.number, "camera": labels["camera"]}
                    images.append({"id": number, "file_name": name} | size | match)
                    for annotation in labels["annotations"]:
                        ids = {"id": 1 + len(annotations), "image_id": number}
                        annotations.append(ids | annotation)
            categories = [{"id": 1 + i, "name": name} for i, name in enumerate(CATEGORIES)]
            content = {"images": images, "annotations": annotations, "categories": categories}
            yield f"annotations/{split}.json", encode_json(content)
