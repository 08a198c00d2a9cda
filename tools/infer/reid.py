"""Embeddings of persons: tools/infer/reid.py CONFIG CHECKPOINT INPUT --out FOLDER [--query QUERY].

INPUT and QUERY are pictures of one person each: an image or a folder. Writes to the folder --out:

* embeddings.npz: a vector for each picture, and what the model reads off it, described in
  footmm/apis/reid_inferencer.py;
* with --query, ranking.csv: for each picture of QUERY those of INPUT that are most like it; and
  ranking.png: some of them.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from footmm.apis.cli import add_config_arguments, prepare_folder, report_errors
from footmm.apis.config import load_config
from footmm.apis.frame_cli import (
    add_inference_arguments,
    exit_if_incomplete,
    print_frame_summary,
)
from footmm.apis.frames import FrameReader
from footmm.apis.reid_inferencer import ReIDInferencer
from footmm.evaluation.functional import DISTANCES
from footmm.structures.person_embedding import PersonRanking

#: Rows of the ranking that are printed.
_NUM_PRINTED = 20


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add_config_arguments(parser)
    parser.add_argument("checkpoint", help="checkpoint file of the config's model")
    parser.add_argument("input", help="a picture of a person, or a folder of such")
    parser.add_argument("--query", help="the same: whom to look for among the input")
    parser.add_argument("--distance", choices=DISTANCES, default=DISTANCES[0])
    parser.add_argument(
        "--num-nearest", type=int, default=10, help="pictures found for each query (%(default)s)"
    )
    add_inference_arguments(parser, batch_size=ReIDInferencer.default_batch_size)
    return parser.parse_args(argv)


def print_ranking(ranking: PersonRanking) -> None:
    """Print whom the first queries are most like."""
    print()
    for number, name in enumerate(ranking.query[:_NUM_PRINTED]):
        nearest, distance = ranking.names(number)[0], ranking.distances[number, 0]
        print(f"{name} is most like {nearest} (distance {distance:.4f})")
    if len(ranking.query) > _NUM_PRINTED:
        print(f"and {len(ranking.query) - _NUM_PRINTED} more in ranking.csv")


def infer(args: argparse.Namespace, readers: Sequence[FrameReader]) -> None:
    """Embed all pictures, rank them if there is a query, write and print."""
    inferencer = ReIDInferencer(
        load_config(args.config, args.cfg_options),
        args.checkpoint,
        args.device,
        args.distance,
        args.num_nearest,
    )
    options = (args.batch_size, args.show, args.out)
    if args.query is not None:
        gallery, query = readers
        print_ranking(inferencer.rank(query, gallery, *options, overwrite=True))
        return
    found = inferencer(readers[0], *options, overwrite=True)
    num_pictures = sum(1 for _ in found)
    print_frame_summary([], num_pictures, found.seconds, readers[0])


def main(argv: list[str] | None = None) -> None:
    args = parse_args(argv)
    with report_errors():
        readers = [FrameReader(path) for path in (args.input, args.query) if path is not None]
        prepare_folder(args.out, ReIDInferencer.result_files, args.overwrite)
        infer(args, readers)
        for reader in readers:
            exit_if_incomplete(reader)


if __name__ == "__main__":
    main()
