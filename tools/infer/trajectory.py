"""Vectors and futures of windows of tracks: tools/infer/trajectory.py CONFIG CHECKPOINT [INPUT].

Writes to the folder --out:

* embeddings.parquet or embeddings.npz: a vector for each window, with --agents for each agent too;
* forecasts.png: true and predicted paths of some windows, half of them the worst;
* forecast.gif: the true and the predicted movement of the query, or of the worst window;
* similar_situations.png: with --query, the windows most like it.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator

import numpy as np

from footmm.apis.cli import add_config_arguments, prepare_folder, report_errors
from footmm.apis.config import load_config
from footmm.apis.frame_cli import add_inference_arguments
from footmm.apis.inferencer import Results
from footmm.apis.trajectory_embeddings import TrajectoryEmbeddings
from footmm.apis.trajectory_inferencer import FORMATS, InferredWindow, TrajectoryInferencer
from footmm.apis.window_inferencer import WindowDataset
from footmm.engine.hooks.validation_pictures import write_png
from footmm.visualization.trajectory import (
    animate_forecast,
    baseline_error,
    choose_windows,
    draw_similar_situations,
    forecast_error,
)


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Vectors and futures of windows of tracks.")
    add_config_arguments(parser)
    parser.add_argument("checkpoint", help="checkpoint file of the config's model")
    parser.add_argument(
        "input",
        nargs="?",
        help="a trajectories.npz, or a folder of them (default: the config's test dataset)",
    )
    add_inference_arguments(parser, batch_size=64)
    parser.add_argument("--format", choices=FORMATS, default="parquet", help="of the embeddings")
    parser.add_argument("--agents", action="store_true", help="also embed each agent")
    parser.add_argument(
        "--query",
        metavar="MATCH:FRAME",
        help="find windows like the one around this frame, or like the window of this number",
    )
    parser.add_argument("--num-similar", type=count, default=5, help="windows to find")
    parser.add_argument(
        "--forecasts", type=count, default=4, help="windows of forecasts.png; 0 for none"
    )
    return parser.parse_args(argv)


def count(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"'{text}' is no number of windows")
    return int(text)


def embed(
    found: Results[InferredWindow], with_agents: bool
) -> tuple[TrajectoryEmbeddings, np.ndarray]:
    """Embed all windows and measure their forecasts; return the errors ``(N, 2)`` in metres.

    They are those of the model and of constant velocity. The windows themselves are not kept.
    """
    errors = []

    def measured() -> Iterator[InferredWindow]:
        for window in found:
            errors.append(
                (forecast_error(window.trajectories), baseline_error(window.trajectories))
            )
            yield window

    return TrajectoryEmbeddings.collect(measured(), with_agents), np.array(errors)


def find_similar(
    args: argparse.Namespace,
    inferencer: TrajectoryInferencer,
    dataset: WindowDataset,
    embeddings: TrajectoryEmbeddings,
    query: int,
) -> None:
    """Draw and print the windows most like one."""
    numbers, distances = embeddings.nearest(query, args.num_similar)
    first, *others = inferencer.predict_some(dataset, [query, *numbers.tolist()])
    picture = draw_similar_situations(first, others, distances.tolist())
    write_png(args.out / "similar_situations.png", picture)
    print(f"\nmost like {embeddings.describe(query)}:")
    for rank, (number, distance) in enumerate(zip(numbers, distances, strict=True), start=1):
        print(f"{rank:>3}  {distance:.4f}  {embeddings.describe(number)}")


def print_summary(embeddings: TrajectoryEmbeddings, errors: np.ndarray, seconds: float) -> None:
    known = errors[np.isfinite(errors).all(1)]
    model, baseline = (f"{value:.2f}" for value in known.mean(0)) if len(known) else "--"
    rows = [
        ("windows", f"{len(embeddings):,}"),
        ("matches", f"{len(np.unique(embeddings.match)):,}"),
        ("numbers per window", f"{embeddings.embedding.shape[1]:,}"),
        ("ms per window", f"{1000 * seconds / len(embeddings):.1f}"),
        ("players' ADE, mean of the windows (m)", model),
        ("that of constant velocity (m)", baseline),
    ]
    print()
    for name, value in rows:
        print(f"{name:<38}{value:>10}")


def infer(args: argparse.Namespace) -> None:
    """Embed all windows, write, draw and print."""
    inferencer = TrajectoryInferencer(
        load_config(args.config, args.cfg_options),
        args.checkpoint,
        args.device,
        args.format,
        args.agents,
        args.forecasts,
    )
    dataset = inferencer.read(args.input) if args.input else inferencer.test_dataset()
    found = inferencer(dataset, args.batch_size, args.show, args.out, overwrite=True)
    embeddings, errors = embed(found, args.agents)
    print_summary(embeddings, errors, found.seconds)
    # The query, or else the worst window.
    animated = choose_windows(errors[:, 0], args.forecasts)[:1]
    if args.query is not None:
        animated = [embeddings.find(args.query)]
        find_similar(args, inferencer, dataset, embeddings, animated[0])
    for window in inferencer.predict_some(dataset, animated):
        animate_forecast(window, args.out / "forecast.gif")


def main(argv: list[str] | None = None) -> None:
    args = parse_args(argv)
    with report_errors():
        prepare_folder(args.out, TrajectoryInferencer.result_files, args.overwrite)
        infer(args)


if __name__ == "__main__":
    main()
