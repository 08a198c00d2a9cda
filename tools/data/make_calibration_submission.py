"""Write a SoccerNet calibration submission from the predictions of tools/test.py --out.

tools/data/make_calibration_submission.py RESULTS.pkl --images data/calibration-2023/challenge
--out challenge.zip

The zip holds one camera_NNNNN.json per frame that has a camera, without folders, as the challenge's
server and SoccerNet.Evaluation.CameraCalibration expect it (SoccerNet/sn-calibration, issues 4 and
29). Frames without a camera are allowed; they lower the completeness.
"""

from __future__ import annotations

import argparse
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from footmm.apis.archives import pack_files
from footmm.apis.cli import report_errors
from footmm.apis.predictions import load_predictions, write_submission
from footmm.errors import DataFormatError
from footmm.pitch.camera import Camera
from footmm.pitch.frames import world_to_soccernet

#: The keys of a camera and the shapes of their values.
CAMERA_SHAPES: dict[str, tuple[int, ...]] = {
    "pan_degrees": (),
    "tilt_degrees": (),
    "roll_degrees": (),
    "x_focal_length": (),
    "y_focal_length": (),
    "principal_point": (2,),
    "position_meters": (3,),
    "rotation_matrix": (3, 3),
    "radial_distortion": (6,),
    "tangential_distortion": (2,),
    "thin_prism_distortion": (4,),
}
FRAME_NAME = re.compile(r"(\d{5})\.(?:jpg|png|json)")
ROTATION_TOLERANCE = 1e-6


def parse_args(argv: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Write a SoccerNet calibration submission.")
    parser.add_argument("results", metavar="RESULTS.pkl", help="from tools/test.py --out")
    parser.add_argument(
        "--images", required=True, metavar="FOLDER", help="NNNNN.jpg or NNNNN.json of the split"
    )
    parser.add_argument("--out", required=True, metavar="SUBMISSION.zip", help="file to write")
    return parser.parse_args(argv)


def list_frames(folder: str) -> set[str]:
    """The numbers of the frames in the folder of a split."""
    if not Path(folder).is_dir():
        raise DataFormatError(f"'{folder}' is no folder; give the one that holds the split")
    matches = (FRAME_NAME.fullmatch(path.name) for path in Path(folder).iterdir())
    frames = {match.group(1) for match in matches if match}
    if not frames:
        raise DataFormatError(f"'{folder}' holds no frames NNNNN.jpg or annotations NNNNN.json")
    return frames


def checked_camera(sample_id: str, camera: Any) -> dict[str, Any]:
    """Return a camera as plain numbers, if it is one that the evaluation reads as it is meant."""
    if not isinstance(camera, Mapping):
        raise DataFormatError(f"frame '{sample_id}': the camera is {camera!r}, not a dict")
    if camera.keys() != CAMERA_SHAPES.keys():
        missing = sorted(CAMERA_SHAPES.keys() - camera.keys())
        unknown = sorted(camera.keys() - CAMERA_SHAPES.keys())
        raise DataFormatError(
            f"frame '{sample_id}': the camera lacks {missing} and has the unknown keys {unknown}"
        )
    checked = {key: _numbers(sample_id, camera, key) for key in CAMERA_SHAPES}
    for axis in ("x", "y"):
        if checked[f"{axis}_focal_length"] <= 0:
            raise DataFormatError(
                f"frame '{sample_id}': {axis}_focal_length is "
                f"{checked[f'{axis}_focal_length']}, needs to be positive"
            )
    for name in ("pan", "tilt", "roll"):
        if abs(checked[f"{name}_degrees"]) > 180:
            raise DataFormatError(
                f"frame '{sample_id}': {name}_degrees is {checked[f'{name}_degrees']}, needs to "
                "be from -180 to 180"
            )
    _check_rotation(sample_id, checked)
    return checked


def _numbers(sample_id: str, camera: Mapping[str, Any], key: str) -> Any:
    try:
        values = np.asarray(camera[key], dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise DataFormatError(
            f"frame '{sample_id}': {key} is {camera[key]!r}, not numbers"
        ) from error
    if values.shape != CAMERA_SHAPES[key]:
        raise DataFormatError(
            f"frame '{sample_id}': {key} has the shape {values.shape}, needs {CAMERA_SHAPES[key]}"
        )
    if not np.isfinite(values).all():
        raise DataFormatError(f"frame '{sample_id}': {key} is {values.tolist()}, not finite")
    return values.tolist()


def _check_rotation(sample_id: str, camera: dict[str, Any]) -> None:
    from_angles = world_to_soccernet(Camera.from_soccernet(camera).rotation).numpy()
    difference = np.abs(from_angles - camera["rotation_matrix"]).max()
    if difference > ROTATION_TOLERANCE:
        raise DataFormatError(
            f"frame '{sample_id}': rotation_matrix is up to {difference:.2g} off the rotation by "
            "pan, tilt and roll, which is the one that is evaluated"
        )


def collect_cameras(
    samples: list[dict[str, Any]], frames: set[str]
) -> dict[str, dict[str, Any] | None]:
    """Return the camera, or None, of each predicted frame."""
    cameras: dict[str, dict[str, Any] | None] = {}
    for sample in samples:
        sample_id, camera = sample["sample_id"], sample["pred_camera"]
        if sample_id in cameras:
            raise DataFormatError(f"frame '{sample_id}' is predicted twice")
        if sample_id not in frames:
            raise DataFormatError(
                f"frame {sample_id!r} is predicted, but is not among the {len(frames)} frames of "
                "--images; give the folder of the split that was predicted"
            )
        cameras[sample_id] = None if camera is None else checked_camera(sample_id, camera)
    if all(camera is None for camera in cameras.values()):
        raise DataFormatError(f"none of the {len(cameras)} predictions has a camera")
    return cameras


def zip_cameras(cameras: Mapping[str, dict[str, Any] | None]) -> bytes:
    """Return the same bytes for the same cameras, whatever their order."""
    return pack_files(
        {
            f"camera_{sample_id}.json": json.dumps(camera).encode()
            for sample_id, camera in cameras.items()
            if camera is not None
        }
    )


def main(argv: list[str] | None = None) -> None:
    args = parse_args(argv)
    with report_errors():
        frames = list_frames(args.images)
        samples = load_predictions(args.results, ("sample_id", "pred_camera"))
        cameras = collect_cameras(samples, frames)
        write_submission(args.out, zip_cameras(cameras))
        num_cameras = sum(camera is not None for camera in cameras.values())
        print(f"wrote {num_cameras} cameras to {args.out}")
        print(
            f"completeness {num_cameras / len(frames):.3f} of {len(frames)} frames: "
            f"{len(cameras) - num_cameras} without a camera, {len(frames) - len(cameras)} not "
            "predicted"
        )


if __name__ == "__main__":
    main()
