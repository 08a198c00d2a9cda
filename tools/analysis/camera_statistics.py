"""Compare the simulated main cameras with real ones: quantiles of position, angles and lens."""

from __future__ import annotations

import argparse
import json
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from footmm.apis.cli import report_errors
from footmm.errors import ConfigError, DataFormatError, DatasetNotFoundError
from footmm.pitch.camera import Camera
from footmm.simulation.broadcast import CameraKind, sample_camera_operator
from footmm.simulation.camera_rigs import QUANTILE_LEVELS, REAL_IMAGE_WIDTH
from footmm.simulation.match import MatchSettings, simulate_match

MATCH_SECONDS = 60.0
SECONDS_BETWEEN_FRAMES = 2.0
CAMERAS_PER_MATCH = 10


def parse_args(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "cameras",
        nargs="+",
        type=Path,
        metavar="CAMERAS",
        help="folders or zip files that hold SoccerNet's camera_NNNNN.json",
    )
    parser.add_argument("--num", type=int, default=100, help="simulated cameras")
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args(argv)


def read_cameras(source: Path) -> list[Camera]:
    """Read all cameras of a folder or a zip file.

    Raises:
        DatasetNotFoundError: There are none.
        DataFormatError: A file is damaged; the message names it.
    """
    cameras = []
    for name, text in _camera_files(source):
        try:
            cameras.append(Camera.from_soccernet(json.loads(text)))
        except (DataFormatError, json.JSONDecodeError) as error:
            raise DataFormatError(f"{source}, {name}: {error}") from error
    if not cameras:
        raise DatasetNotFoundError(
            f"no cameras in '{source}': expected a folder or a zip file with camera_NNNNN.json, as "
            "SoccerNet's calibration task has its predictions"
        )
    return cameras


def _camera_files(source: Path) -> Iterator[tuple[str, bytes]]:
    if zipfile.is_zipfile(source):
        with zipfile.ZipFile(source) as archive:
            for name in sorted(archive.namelist()):
                if _is_camera(name):
                    yield name, archive.read(name)
        return
    for path in sorted(source.rglob("*.json")):
        if _is_camera(path.name):
            yield path.name, path.read_bytes()


def _is_camera(name: str) -> bool:
    name = name.rpartition("/")[2]
    return name.startswith("camera_") and name.endswith(".json")


def film_cameras(num: int, seed: int) -> Camera:
    """Film simulated matches with main cameras and take a frame every few seconds.

    Args:
        num: How many operators film.
        seed: Of matches and operators.

    Returns:
        Cameras ``(N,)``.
    """
    films: list[Camera] = []
    settings = MatchSettings(duration_s=MATCH_SECONDS)
    for number, source in enumerate(np.random.SeedSequence(seed).spawn(num)):
        match_source, operator_source = source.spawn(2)
        if number % CAMERAS_PER_MATCH == 0:
            tracks = simulate_match(settings, match_source)
        operator = sample_camera_operator(CameraKind.MAIN, np.random.default_rng(operator_source))
        step = max(1, round(SECONDS_BETWEEN_FRAMES * tracks.rate))
        film = operator.film(tracks, slice(None, None, step))
        films += [film[frame] for frame in range(len(film))]
    return Camera.stack(films)


def measure(cameras: Camera) -> dict[str, np.ndarray]:
    """Measure cameras.

    Args:
        cameras: ``(N,)``.

    Returns:
        What is measured, with its unit, to values ``(N,)``; the width of the view only of those
        that look at the ground.
    """
    x, y, height = cameras.position.numpy().T
    pan, tilt, roll = (angle.numpy() for angle in cameras.pan_tilt_roll())
    focal_length = cameras.intrinsics[:, 0, 0].numpy() * REAL_IMAGE_WIDTH / cameras.image_size[0]
    view_width = REAL_IMAGE_WIDTH / focal_length * height / np.sin(tilt)
    return {
        "along the pitch x (m)": x,
        "distance to the long axis (m)": -y,
        "height (m)": height,
        "elevation from the axis (deg)": np.degrees(np.arctan2(height, -y)),
        "pan (deg)": np.degrees(pan),
        "tilt (deg)": np.degrees(tilt),
        "roll (deg)": np.degrees(roll),
        f"focal length (px of {REAL_IMAGE_WIDTH})": focal_length,
        "horizontal field of view (deg)": 2
        * np.degrees(np.arctan(REAL_IMAGE_WIDTH / 2 / focal_length)),
        "view width at the ground (m)": view_width[view_width > 0],
    }


def quantiles(values: np.ndarray) -> np.ndarray:
    """The quantiles at ``QUANTILE_LEVELS``: they leave out the outliers of an estimator."""
    return np.quantile(values, QUANTILE_LEVELS)


def table_lines(columns: dict[str, dict[str, np.ndarray]]) -> Iterator[str]:
    """Write the quantiles of several sets of cameras side by side.

    Args:
        columns: Title to what :func:`measure` returns.

    Yields:
        Lines of text.
    """
    levels = "".join(f"{f'{level:.0%}':>9}" for level in QUANTILE_LEVELS)
    yield f"{'':32}" + "".join(f"  {title:<{len(levels)}}" for title in columns)
    yield f"{'':32}" + f"  {levels}" * len(columns)
    for quantity in next(iter(columns.values())):
        cells = (
            "".join(f"{value:9.2f}" for value in quantiles(measures[quantity]))
            for measures in columns.values()
        )
        yield f"{quantity:32}  " + "  ".join(cells)


def main(argv: Sequence[str] | None = None) -> None:
    args = parse_args(argv)
    with report_errors():
        if args.num < 1:
            raise ConfigError(f"--num {args.num}: at least one camera is needed")
        real = Camera.stack([camera for source in args.cameras for camera in read_cameras(source)])
        sampled = film_cameras(args.num, args.seed)
        columns = {
            f"real, {len(real)} frames": measure(real),
            f"simulated, {len(sampled)} frames of {args.num} cameras": measure(sampled),
        }
        for line in table_lines(columns):
            print(line.rstrip())


if __name__ == "__main__":
    main()
