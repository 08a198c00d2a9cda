"""Heads: which frames and agents enter which loss, and what is predicted."""

import math

import pytest
import torch

from footmm.models import ContrastiveHead, ForecastHead, ReconstructionHead
from footmm.models.trajectory.heads import ScenePooling
from footmm.models.trajectory.views import hide

DIMS, FRAMES, RATE = 16, 3, 5.0


class Recorder(torch.nn.Module):
    """A loss that keeps what it is given."""

    def forward(self, pred, target, weight):
        self.pred, self.target, self.weight = pred, target, weight
        return (pred.square().sum((-1, -2)) * weight.sum(-1)).sum()


@pytest.fixture
def head():
    def make(**changes):
        torch.manual_seed(0)
        return ForecastHead(DIMS, FRAMES, RATE, **changes)

    return make


def tokens_of(tracks, frames):
    generator = torch.Generator().manual_seed(5)
    return torch.randn(*tracks.present[:, :frames].shape, DIMS, generator=generator)


def future_by_hand(tracks, window, frame, agent, ahead):
    """The weight's sign and the target of one frame that is predicted from another."""
    then = frame + 1 + ahead
    if then >= tracks.positions.shape[1]:
        return False, torch.zeros(2)
    known = tracks.present[window, [frame, then], agent].all().item()
    return known, tracks.positions[window, then, agent]


@pytest.mark.parametrize("dense", [True, False])
@pytest.mark.parametrize("frames", [5, 6, 8, 10])
def test_targets_by_a_loop(head, make_tracks, frames, dense):
    """Of windows without a future, with a part of it, and with more than is predicted."""
    tracks = make_tracks(batch=2, frames=frames)
    module = head(min_observed=3)
    module.loss_module = Recorder()
    losses = module.loss(tokens_of(tracks, 5), tracks, dense)
    assert losses.keys() == {"loss_forecast"}
    steps = [2, 3, 4] if dense else [4]
    shape = (2, len(steps), 7, FRAMES)
    target = module.loss_module.target.view(*shape, 2)
    weight = module.loss_module.weight.view(shape)
    expected = module.frame_weights.tolist()
    for window, step, agent, ahead in torch.cartesian_prod(*map(torch.arange, shape)).tolist():
        known, position = future_by_hand(tracks, window, steps[step], agent, ahead)
        assert torch.equal(target[window, step, agent, ahead], position)
        assert weight[window, step, agent, ahead] == expected[ahead] * known


def test_weights_of_the_frames(head):
    weights = head(near_s=0.5).frame_weights
    expected = torch.tensor([1 / 0.7, 1 / 0.9, 1 / 1.1])
    assert torch.allclose(weights, expected / expected.mean())


def test_a_window_of_fewer_frames_than_are_trained_from_trains_its_last(head, make_tracks):
    tracks = make_tracks(batch=2, frames=5)
    module = head(min_observed=3)
    module.loss_module = Recorder()
    module.loss(tokens_of(tracks, 2), tracks, dense=True)
    assert module.loss_module.target.shape == (2 * 1 * 7, FRAMES, 2)
    expected = tracks.positions[:, 2:5].transpose(1, 2).flatten(0, 1)
    assert torch.equal(module.loss_module.target, expected)


def test_agents_who_are_missing_when_the_future_begins_are_not_trained(head, tracks):
    module = head()
    tokens = tokens_of(tracks, 5).requires_grad_()
    module.loss(tokens, tracks, dense=False)["loss_forecast"].backward()
    trained = tokens.grad[:, 4].any(-1)
    assert torch.equal(trained, tracks.present[:, 4] & tracks.present[:, 5:].any(1))
    assert not tokens.grad[:, :4].any()


def modes_of(head):
    """A head of three futures, which differ by metres."""
    module = head(num_modes=3, score_weight=0.5)
    torch.nn.init.normal_(module.path[-1].weight, std=2.0)
    module.loss_module = Recorder()
    return module


def forecast_by_hand(module, tokens, tracks):
    """What the head says from the fifth frame, and which future is nearest to the truth."""
    velocity = (tracks.positions[:, 4:5] - tracks.positions[:, 3:4]) * RATE
    velocity = velocity * (tracks.present[:, 3:4] & tracks.present[:, 4:5])[..., None]
    forecast = module(tokens[:, 4:], tracks.frames(4, 5), velocity)
    best = []
    for window in range(len(tokens)):
        errors = [0.0, 0.0, 0.0]
        for agent in range(7):
            for ahead in range(FRAMES):
                known, position = future_by_hand(tracks, window, 4, agent, ahead)
                for mode in range(3):
                    mean = forecast.means[window, 0, mode, agent, ahead].tolist()
                    errors[mode] += known * math.dist(mean, position.tolist())
        best.append(errors.index(min(errors)))
    return forecast, best


def test_only_the_best_future_of_each_scene_is_trained(head, make_tracks):
    tracks = make_tracks(batch=6)
    module = modes_of(head)
    tokens = tokens_of(tracks, 5)
    losses = module.loss(tokens, tracks, dense=False)
    forecast, best = forecast_by_hand(module, tokens, tracks)
    assert len(set(best)) > 1
    pred = module.loss_module.pred.view(6, 7, FRAMES, 4)
    for window, mode in enumerate(best):
        assert torch.equal(pred[window, ..., :2], forecast.means[window, 0, mode])
        assert torch.equal(pred[window, ..., 2:], forecast.log_scales[window, 0, mode])
    entropy = -forecast.logits[:, 0].log_softmax(-1)[range(6), best].mean()
    assert losses["loss_mode"].item() == pytest.approx(0.5 * entropy.item(), rel=1e-5)


def test_scenes_without_a_future_do_not_train_the_probabilities(head, make_tracks):
    tracks = make_tracks(batch=2)
    present = tracks.present.clone()
    present[1, 5:] = False
    module = modes_of(head)
    tokens = tokens_of(tracks, 5)
    both = module.loss(tokens, tracks._replace(present=present), dense=False)["loss_mode"]
    one = [part[:1] for part in (tokens, *tracks)]
    alone = module.loss(one[0], type(tracks)(*one[1:]), dense=False)["loss_mode"]
    assert both.item() == pytest.approx(alone.item())


@pytest.mark.parametrize("num_modes", [1, 3])
def test_without_a_future_the_losses_are_zero_with_a_graph(head, make_tracks, num_modes):
    tracks = make_tracks(frames=5)
    module = head(num_modes=num_modes)
    losses = module.loss(tokens_of(tracks, 5), tracks, dense=False)
    sum(losses.values()).backward()
    assert [loss.item() for loss in losses.values()] == [0.0] * len(losses)
    trained = [p for p in module.parameters() if p.requires_grad]
    assert all(p.grad is not None and not p.grad.any() for p in trained)


@torch.no_grad()
def test_a_new_head_predicts_damped_constant_velocity(head, tracks):
    observed = tracks.frames(0, 5)
    forecast = head().predict(tokens_of(tracks, 5), observed)
    assert forecast.means.shape == forecast.log_scales.shape == (3, 1, 1, 7, FRAMES, 2)
    assert forecast.logits.shape == (3, 1, 1)
    known = (observed.present[:, 3] & observed.present[:, 4])[..., None]
    step = (observed.positions[:, 4] - observed.positions[:, 3]) * known
    assert step.abs().max() > 1
    ahead = torch.arange(1, FRAMES + 1)[:, None]
    expected = observed.positions[:, 4, :, None] + 0.8 * ahead * step[:, :, None]
    assert torch.allclose(forecast.means[:, 0, 0], expected, atol=0.3)
    # As uncertain as somebody at a metre a second.
    seconds = (ahead / RATE).expand(3, 7, FRAMES, 2)
    assert torch.allclose(forecast.log_scales[:, 0, 0].exp(), seconds, rtol=0.3)


@torch.no_grad()
def test_probabilities_are_of_those_who_are_there(head, tracks, with_garbage):
    module = head(num_modes=3)
    tokens = tokens_of(tracks, 5)
    changed = torch.where(tracks.present[:, :5, :, None], tokens, tokens + 5)
    first, second = (
        module.predict(value, tracks.frames(0, 5)).logits for value in (tokens, changed)
    )
    assert torch.allclose(first, second)
    assert not torch.allclose(first, module.predict(tokens + 5, tracks.frames(0, 5)).logits)


def reconstruction(**changes):
    torch.manual_seed(0)
    arguments = dict(num_layers=1, num_heads=2, hidden_share=0.5, hidden_frames=3)
    return ReconstructionHead(DIMS, **(arguments | changes))


def test_agents_are_hidden_for_some_frames_in_a_row(make_tracks):
    tracks = make_tracks(batch=100)
    tracks = tracks._replace(present=torch.ones_like(tracks.present))
    seen, hidden = reconstruction().hide(tracks)
    length = hidden.sum(1)
    assert ((length == 0) | (length == 3)).all()
    assert 0.4 < (length == 3).float().mean() < 0.6
    # A row begins once, also where it begins in the first frame.
    begins = torch.cat((hidden[:, :1], hidden[:, 1:] & ~hidden[:, :-1]), dim=1)
    assert torch.equal(begins.sum(1), length // 3)
    assert begins.any(0).any(-1).tolist() == [True] * 6 + [False] * 2
    assert torch.equal(seen.present, ~hidden)


def test_only_who_is_there_can_be_hidden(tracks):
    seen, hidden = reconstruction(hidden_share=1.0, hidden_frames=50).hide(tracks)
    assert torch.equal(hidden, tracks.present)
    assert not seen.present.any()
    assert not seen.positions.any()


@torch.no_grad()
def test_hidden_positions_do_not_leak(build, tracks):
    """Neither themselves, nor by the velocity of the frame after, nor by the place of the ball."""
    model = build().eval()
    hidden = torch.zeros_like(tracks.present[:, :5])
    hidden[:, 1:3, ::2] = True
    observed = tracks.frames(0, 5)
    hidden &= observed.present
    assert hidden[..., -1].any()

    def guess(moved):
        seen = hide(
            observed._replace(positions=observed.positions + 9.0 * moved[..., None]), hidden
        )
        return model.reconstruction_head(model.encode(seen), seen.present)

    nothing = torch.zeros_like(hidden)
    assert torch.equal(guess(hidden), guess(nothing))
    assert not torch.allclose(guess(observed.present & ~hidden), guess(nothing), atol=1e-3)


def test_reconstruction_loss_is_of_hidden_positions_alone(tracks):
    head = reconstruction(loss_weight=2.0)
    torch.nn.init.zeros_(head.position.weight)
    torch.nn.init.zeros_(head.position.bias)
    hidden = torch.zeros_like(tracks.present)
    hidden[0, 2, 0] = hidden[1, 3, 4] = True
    positions = torch.full_like(tracks.positions, 99.0)
    positions[0, 2, 0] = torch.tensor([3.0, 4.0])
    positions[1, 3, 4] = torch.tensor([-5.0, 12.0])
    tracks = tracks._replace(positions=positions)
    losses = head.loss(tokens_of(tracks, 8), tracks, hidden)
    assert losses.keys() == {"loss_reconstruction"}
    assert losses["loss_reconstruction"].item() == pytest.approx(2 * (5 + 13) / 2 / 10, rel=1e-5)


def test_with_nothing_hidden_the_loss_is_zero_with_a_graph(tracks):
    head = reconstruction()
    loss = head.loss(tokens_of(tracks, 8), tracks, torch.zeros_like(tracks.present))
    loss["loss_reconstruction"].backward()
    assert loss["loss_reconstruction"].item() == 0
    assert all(p.grad is not None and not p.grad.any() for p in head.parameters())


def test_pooling_by_a_loop(tracks):
    tokens = tokens_of(tracks, 8)
    agents, frames, window = ScenePooling()(tokens, tracks)
    for batch in range(3):
        for agent in range(7):
            there = tokens[batch, tracks.present[batch, :, agent], agent]
            expected = there.mean(0) if len(there) else torch.zeros(DIMS)
            assert torch.allclose(agents[batch, agent], expected, atol=1e-6)
        for frame in range(8):
            teams = []
            for members in ([0, 1, 2], [3, 4, 5], [6]):
                there = [
                    tokens[batch, frame, a] for a in members if tracks.present[batch, frame, a]
                ]
                teams.append(sum(there) / len(there) if there else torch.zeros(DIMS))
            assert torch.allclose(frames[batch, frame], torch.cat(teams), atol=1e-6)
    assert torch.allclose(window, frames.mean(1))
    assert not agents[0, 1].any()


def test_equal_views_have_a_lower_loss_than_shuffled_ones():
    torch.manual_seed(0)
    head = ContrastiveHead(DIMS, dict(type="ContrastiveLoss", temperature=0.1))
    windows = torch.randn(6, 3 * DIMS)
    equal = head.loss(windows, windows)["loss_contrastive"]
    shuffled = head.loss(windows, windows.roll(1, 0))["loss_contrastive"]
    assert equal < 0.5 * shuffled
    # Two views of a window are each other's only partners: the order of the windows is free.
    order = torch.tensor([3, 1, 5, 0, 2, 4])
    other = windows + 0.5 * torch.randn_like(windows)
    reordered = head.loss(windows[order], other[order])["loss_contrastive"]
    assert reordered.item() == pytest.approx(head.loss(windows, other)["loss_contrastive"].item())
