"""The batch-norm neck."""

import torch

from footmm.models import BNNeck


def test_pools_reduces_and_normalises():
    torch.manual_seed(0)
    neck = BNNeck(8, 4)
    maps = torch.randn(16, 8, 3, 2)
    before, after = neck(maps)
    expected = maps.flatten(2).mean(2) @ neck.reduction.weight.T
    assert torch.allclose(before, expected, atol=1e-6)
    assert torch.allclose(after.mean(0), torch.zeros(4), atol=1e-6)
    assert torch.allclose(after.std(0, correction=0), torch.ones(4), atol=1e-3)


def test_vectors_pass_without_pooling():
    neck = BNNeck(8, 4).eval()
    vectors = torch.randn(2, 8)
    assert torch.allclose(neck(vectors).before_bn, neck(vectors[:, :, None, None]).before_bn)


def test_without_reduction_the_embedding_is_the_pooled_map():
    neck = BNNeck(8, out_channels=None)
    vectors = torch.randn(3, 8)
    features = neck(vectors)
    assert features.before_bn is vectors
    assert features.after_bn.shape == (3, 8)


def test_the_shift_of_the_batch_norm_is_not_trained():
    trained = {name for name, p in BNNeck(8, 4).named_parameters() if p.requires_grad}
    assert trained == {"reduction.weight", "bn.weight"}
