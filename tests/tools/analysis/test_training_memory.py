from __future__ import annotations

from pathlib import Path

import torch
from torch import nn

from footmm.apis.config import load_config
from footmm.testing import shrink_config

ROOT = Path(__file__).parents[3]


def test_counts_what_backward_needs_once(tool):
    model = nn.Sequential(nn.Linear(8, 16, bias=False), nn.Sigmoid())
    saved = tool.SavedTensors(model)
    with torch.autograd.graph.saved_tensors_hooks(saved.keep, lambda tensor: tensor):
        model(torch.zeros(4, 8, requires_grad=True)).sum()
    # The inputs of the layer, and the outputs of the sigmoid; the weights are not counted.
    assert saved.num_bytes == 4 * (4 * 8 + 4 * 16)


def test_batch_sizes(tool):
    sizes = tool.batch_sizes(per_image=2**28, weights=2**28, copies=4)
    # 8 GiB: 6.8 usable, 1.5 reserved, 1 of weights: 17 quarters.
    assert sizes[8] == 17
    assert tool.batch_sizes(per_image=2**40, weights=0, copies=4)[80] == 0


def test_prints_a_table(tool, tmp_path, capsys):
    config = shrink_config(
        load_config(ROOT / "configs/reid/osnet_synthetic.py", {"input_size": (32, 16)}), tmp_path
    )
    config.dump(tmp_path / "tiny.py")
    tool.main([str(tmp_path / "tiny.py")])
    lines = capsys.readouterr().out.splitlines()
    assert lines[-8].startswith("kept for the backward pass: ")
    assert lines[-7].endswith("4 copies")
    assert lines[-6].startswith("  8 GiB: batches of ")
