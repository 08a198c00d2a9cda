"""Write a SoccerNet-ReID challenge ranking from the predictions of tools/test.py --out.

tools/data/make_reid_submission.py RESULTS.pkl --annotations challenge_bbox_info.json --out
ranking.json
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
import torch

from footmm.apis.cli import report_errors
from footmm.apis.predictions import load_predictions, write_submission
from footmm.errors import DataFormatError
from footmm.evaluation.functional import (
    DISTANCES,
    action_distance_blocks,
    rank_gallery_per_action,
    validate_ranking,
)

REQUIRED_KEYS = ("role", "sample_id", "action_id", "pred_feature")


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Write a SoccerNet-ReID challenge ranking.")
    parser.add_argument("results", metavar="RESULTS.pkl", help="from tools/test.py --out")
    parser.add_argument("--annotations", required=True, help="<split>_bbox_info.json")
    parser.add_argument("--out", required=True, metavar="RANKING.json", help="file to write")
    parser.add_argument("--distance", choices=DISTANCES, default="cosine")
    return parser.parse_args(argv)


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


def main(argv: list[str] | None = None) -> None:
    args = parse_args(argv)
    with report_errors():
        annotations = load_annotations(args.annotations)
        ranking = make_ranking(load_predictions(args.results, REQUIRED_KEYS), args.distance)
        validate_ranking(ranking, annotations)
        write_submission(args.out, json.dumps(ranking).encode())
        print(f"wrote the rankings of {len(ranking)} queries to {args.out}")


if __name__ == "__main__":
    main()
