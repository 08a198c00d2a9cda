"""Windows of the ball in calibrated frames."""

from footmm.datasets.ball3d.hawkeye import HawkEyeBallDataset, read_hawkeye_ball
from footmm.datasets.ball3d.soccernet_ball import SoccerNetBallDataset
from footmm.datasets.ball3d.synthetic import SyntheticBall3DDataset

__all__ = [
    "HawkEyeBallDataset",
    "SoccerNetBallDataset",
    "SyntheticBall3DDataset",
    "read_hawkeye_ball",
]
