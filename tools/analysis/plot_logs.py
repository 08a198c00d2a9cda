"""Plot losses and metrics of one or more runs from the logs in their work dirs."""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Sequence
from pathlib import Path

import matplotlib

matplotlib.use("Agg")

from matplotlib import pyplot as plt

from footmm.apis.cli import report_errors
from footmm.errors import ConfigError

#: One curve: (step, value) pairs in the order of the steps.
Curve = list[tuple[int, float]]


def parse_args(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("work_dirs", nargs="+", type=Path, metavar="WORK_DIR")
    parser.add_argument("--keys", nargs="+", default=["loss"], help="e.g. loss reid/mAP lr")
    parser.add_argument("--out", type=Path, default=Path("curves.png"), help="picture to write")
    return parser.parse_args(argv)


def read_run(work_dir: Path) -> tuple[dict[str, Curve], dict[str, str]]:
    """Read all curves of a work dir, those of resumed runs joined.

    Where a later run logs a step again (it was resumed from an earlier checkpoint, or started
    anew), its values replace those of the run before from that step on.

    Args:
        work_dir: Holds ``<timestamp>/vis_data/scalars.json``, MMEngine's JSON lines.

    Returns:
        Key to curve, and key to the unit of its steps.

    Raises:
        ConfigError: The folder holds no logs.
    """
    files = sorted(work_dir.glob("*/vis_data/scalars.json"))
    if not files:
        raise ConfigError(
            f"no logs in '{work_dir}': expected <timestamp>/vis_data/scalars.json; give the work "
            "dir of a run whose visualizer has a LocalVisBackend"
        )
    curves: dict[str, Curve] = {}
    units: dict[str, str] = {}
    for file in files:
        records = list(_records(file))
        units |= _units(records)
        for key, points in _points(records).items():
            kept = [point for point in curves.get(key, []) if point[0] < min(points)]
            curves[key] = kept + sorted(points.items())
    return curves, units


def _points(records: Sequence[dict]) -> dict[str, dict[int, float]]:
    points: dict[str, dict[int, float]] = {}
    for record in records:
        for key in _logged_keys(record):
            points.setdefault(key, {})[record["step"]] = record[key]
    return points


def _units(records: Sequence[dict]) -> dict[str, str]:
    # Validations are logged by epoch exactly where training records state their epoch.
    validation_unit = "epoch" if any("epoch" in r for r in records) else "iteration"
    return {
        key: "iteration" if "iter" in record else validation_unit
        for record in records
        for key in _logged_keys(record)
    }


def _logged_keys(record: dict) -> list[str]:
    # Validations log their times under the names that training uses.
    places = {"step", "iter", "epoch"} | (set() if "iter" in record else {"time", "data_time"})
    return [k for k, v in record.items() if k not in places and isinstance(v, (int, float))]


def _records(file: Path) -> Iterator[dict]:
    lines = file.read_text(encoding="utf-8").splitlines()
    for number, line in enumerate(lines, start=1):
        try:
            record = json.loads(line)
        except json.JSONDecodeError as error:
            if number == len(lines):
                return  # a killed run leaves half a line
            raise ConfigError(
                f"{file}, line {number}: not JSON ({error}): {line[:60]!r}"
            ) from error
        if "step" in record:
            yield record


def plot(runs: dict[str, tuple[dict[str, Curve], dict[str, str]]], keys: list[str]) -> plt.Figure:
    """Draw one panel per key with one curve per run that has it."""
    figure, panels = plt.subplots(
        len(keys), 1, figsize=(8, 3 * len(keys)), squeeze=False, layout="constrained"
    )
    for key, axes in zip(keys, panels[:, 0], strict=True):
        for name, (curves, units) in runs.items():
            if key not in curves:
                continue
            steps, values = zip(*curves[key], strict=True)
            axes.plot(steps, values, label=name, marker="." if len(steps) < 50 else None)
            axes.set_xlabel(units[key])
        axes.set_ylabel(key)
        axes.grid(alpha=0.3)
        axes.legend()
    return figure


def check_keys(runs: dict[str, tuple[dict[str, Curve], dict[str, str]]], keys: list[str]) -> None:
    """Check that each key is logged somewhere.

    Raises:
        ConfigError: One is nowhere; the message lists those that are.
    """
    known = sorted({key for curves, _ in runs.values() for key in curves})
    for key in keys:
        if key not in known:
            raise ConfigError(f"--keys {key}: never logged here; logged are {', '.join(known)}")


def main(argv: Sequence[str] | None = None) -> None:
    args = parse_args(argv)
    with report_errors():
        runs = {str(work_dir): read_run(work_dir) for work_dir in args.work_dirs}
        check_keys(runs, args.keys)
        figure = plot(runs, args.keys)
        args.out.parent.mkdir(parents=True, exist_ok=True)
        temporary = args.out.with_name(f".{args.out.name}.tmp")
        figure.savefig(temporary, format=args.out.suffix[1:] or "png", dpi=120)
        plt.close(figure)
        temporary.replace(args.out)
        print(f"curves: {args.out}")


if __name__ == "__main__":
    main()
