from types import SimpleNamespace

import torch
from torch import nn

from footmm.engine.hooks import ChannelsLastHook


def test_outputs_take_the_format_and_keep_their_values():
    torch.manual_seed(0)
    model, image = nn.Conv2d(3, 8, 3), torch.randn(2, 3, 16, 16)
    expected = model(image)
    ChannelsLastHook().before_run(SimpleNamespace(model=model))
    result = model(image)
    assert result.is_contiguous(memory_format=torch.channels_last)
    torch.testing.assert_close(result, expected)


def test_weights_loaded_later_are_in_the_format_too():
    model, other = nn.Conv2d(3, 8, 3), nn.Conv2d(3, 8, 3)
    ChannelsLastHook().before_run(SimpleNamespace(model=model))
    model.load_state_dict(other.state_dict())
    assert model.weight.is_contiguous(memory_format=torch.channels_last)
    assert torch.equal(model.weight, other.weight)
