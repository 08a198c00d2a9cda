"""Write a model as an ONNX file, after onnxruntime has computed the same from it as PyTorch."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from footmm.apis.cli import report_errors
from footmm.apis.config import load_config
from footmm.apis.onnx_export import export_onnx
from footmm.apis.onnx_export.check import BATCHES
from footmm.apis.onnx_export.report import add_model_arguments, describe_export


def parse_args(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    add_model_arguments(parser)
    parser.add_argument("--out", type=Path, help="the file (beside the checkpoint, with .onnx)")
    parser.add_argument(
        "--batch-sizes",
        type=int,
        nargs="+",
        default=BATCHES,
        metavar="N",
        help="batches that are compared with PyTorch; the file takes any (%(default)s)",
    )
    parser.add_argument(
        "--tolerance",
        type=float,
        metavar="SHARE",
        help="largest difference from PyTorch, as a share of an output's largest value (1e-3; "
        "ball3d 1e-2)",
    )
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> None:
    args = parse_args(argv)
    with report_errors():
        exported = export_onnx(
            load_config(args.config, args.cfg_options),
            args.checkpoint,
            args.out or Path(args.checkpoint).with_suffix(".onnx"),
            args.input_size and tuple(args.input_size),
            args.batch_sizes,
            args.tolerance,
        )
        print(describe_export(exported))


if __name__ == "__main__":
    main()
