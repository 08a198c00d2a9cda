"""Write a SoccerNet-ReID challenge ranking from the predictions of tools/test.py --out.

tools/data/make_reid_submission.py RESULTS.pkl --annotations challenge_bbox_info.json --out
ranking.json
"""

from __future__ import annotations

import argparse
import io
import json
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import torch

from footmm.apis.cli import report_errors
from footmm.errors import DataFormatError
from footmm.evaluation.functional import (
    DISTANCES,
    action_distance_blocks,
    rank_gallery_per_action,
    validate_ranking,
)

#: All that a pickle of dicts, numbers, arrays and tensors refers to. A pickle can name any function
#: to be called while it is read; one that names another is refused.
PLAIN_DATA = {
    ("collections", "OrderedDict"),
    ("torch._utils", "_rebuild_tensor_v2"),
    ("torch.storage", "_load_from_bytes"),
    ("numpy", "dtype"),
    ("numpy", "ndarray"),
    ("numpy.core.multiarray", "_reconstruct"),
    ("numpy.core.multiarray", "scalar"),
    ("numpy._core.multiarray", "_reconstruct"),
    ("numpy._core.multiarray", "scalar"),
    ("_codecs", "encode"),
}

#: A damaged pickle can also lead to wrong values, names and indices while it is read.
READ_ERRORS = (
    OSError,
    EOFError,
    pickle.UnpicklingError,
    ValueError,
    AttributeError,
    IndexError,
    ImportError,
)


class PlainDataUnpickler(pickle.Unpickler):
    """Reads pickles of plain data and tensors only."""

    def find_class(self, module: str, name: str) -> Any:
        """Return one of :data:`PLAIN_DATA`."""
        if (module, name) not in PLAIN_DATA:
            raise pickle.UnpicklingError(f"it refers to {module}.{name}, which is not plain data")
        if name == "_load_from_bytes":
            # torch's own one reads the pickle inside a storage without any restriction.
            return _load_storage
        return super().find_class(module, name)


def _load_storage(content: bytes) -> Any:
    return torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Write a SoccerNet-ReID challenge ranking.")
    parser.add_argument("results", metavar="RESULTS.pkl", help="from tools/test.py --out")
    parser.add_argument("--annotations", required=True, help="<split>_bbox_info.json")
    parser.add_argument("--out", required=True, metavar="RANKING.json", help="file to write")
    parser.add_argument("--distance", choices=DISTANCES, default="cosine")
    return parser.parse_args(argv)


def load_predictions(path: str) -> list[dict]:
    try:
        with open(path, "rb") as file:
            samples = PlainDataUnpickler(file).load()
    except READ_ERRORS as error:
        raise DataFormatError(f"cannot read predictions from '{path}': {error}") from error
    if not isinstance(samples, list) or not all(isinstance(sample, dict) for sample in samples):
        raise DataFormatError(
            f"'{path}' is no list of predictions; write it with tools/test.py --out"
        )
    for sample in samples:
        for key in ("role", "sample_id", "action_id", "pred_feature"):
            if key not in sample:
                raise DataFormatError(f"'{path}': {sample.get('img_path')} has no '{key}'")
    return samples


def load_annotations(path: str) -> dict[str, dict]:
    try:
        annotations = json.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DataFormatError(f"cannot read annotations from '{path}': {error}") from error
    if not {"query", "gallery"} <= set(annotations):
        raise DataFormatError(f"'{path}' has no 'query' and 'gallery'; give <split>_bbox_info.json")
    return annotations


def make_ranking(samples: list[dict], distance: str) -> dict[str, list[int]]:
    features, actions, sample_ids = [], [], []
    for role in ("query", "gallery"):
        chosen = [sample for sample in samples if sample["role"] == role]
        if not chosen:
            raise DataFormatError(f"no {role} images among the {len(samples)} predictions")
        features.append(torch.stack([sample["pred_feature"] for sample in chosen]).float().numpy())
        actions.append(np.array([sample["action_id"] for sample in chosen]))
        sample_ids.append(np.array([sample["sample_id"] for sample in chosen]))
    blocks = action_distance_blocks(*features, *actions, distance)
    return rank_gallery_per_action(blocks, *sample_ids)


def write_json(content: dict, path: str) -> None:
    unfinished = Path(f"{path}.tmp")
    try:
        unfinished.write_text(json.dumps(content), encoding="utf-8")
        unfinished.replace(path)
    except OSError as error:
        raise DataFormatError(f"cannot write '{path}': {error}") from error


def main(argv: list[str] | None = None) -> None:
    args = parse_args(argv)
    with report_errors():
        annotations = load_annotations(args.annotations)
        ranking = make_ranking(load_predictions(args.results), args.distance)
        validate_ranking(ranking, annotations)
        write_json(ranking, args.out)
        print(f"wrote the rankings of {len(ranking)} queries to {args.out}")


if __name__ == "__main__":
    main()
