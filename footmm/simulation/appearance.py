"""What a person on the pitch looks like (identity) and how a camera happens to see them (view).

An :class:`Identity` is everything that stays the same during a match: kit, number, skin, hair,
build. A :class:`View` is everything that changes from one picture to the next: the angle, the pose,
the scale and, shared by all persons in the same frame, the :class:`Scene` with its light and lens.
Colours are blue-green-red triples of 0..255, angles are radians, lengths are metres. All sampling
functions depend on nothing but their arguments and the numpy generator they are given.
"""

from __future__ import annotations

import colorsys
from dataclasses import dataclass, replace
from enum import Enum

import numpy as np

Color = tuple[int, int, int]


class KitPattern(str, Enum):
    """How the two colours of a shirt are laid out."""

    PLAIN = "plain"
    STRIPES = "stripes"
    HOOPS = "hoops"
    HALVES = "halves"
    SASH = "sash"
    SLEEVES = "sleeves"


class HairStyle(str, Enum):
    """The outline of the hair."""

    BALD = "bald"
    SHORT = "short"
    CREST = "crest"
    LONG = "long"
    BUN = "bun"
    AFRO = "afro"


class Role(str, Enum):
    """The person classes of SoccerNet-ReID, spelled as in its file names."""

    PLAYER_LEFT = "Player_team_left"
    PLAYER_RIGHT = "Player_team_right"
    GOALKEEPER_LEFT = "Goalkeeper_team_left"
    GOALKEEPER_RIGHT = "Goalkeeper_team_right"
    MAIN_REFEREE = "Main_referee"
    SIDE_REFEREE = "Side_referee"


class Gait(str, Enum):
    """How a person moves."""

    STAND = "stand"
    WALK = "walk"
    RUN = "run"


class Backdrop(str, Enum):
    """What is seen behind a person, above the grass."""

    GRASS = "grass"
    BOARD = "board"
    CROWD = "crowd"


@dataclass(frozen=True)
class Kit:
    """The clothes that all outfield players of a team share.

    Attributes:
        shirt: Main colour of the shirt.
        second: Second colour of the shirt, used by every pattern but the plain one.
        shorts: Colour of the shorts.
        socks: Colour of the socks.
        trim: Colour of collar, cuffs and the stripe on the shorts.
        number: Colour of the jersey number.
        pattern: Layout of the two shirt colours.
    """

    shirt: Color
    second: Color
    shorts: Color
    socks: Color
    trim: Color
    number: Color
    pattern: KitPattern


@dataclass(frozen=True)
class Identity:
    """A person, as they look during one whole match.

    Attributes:
        kit: The clothes shared with the team.
        role: The SoccerNet-ReID class.
        jersey_number: 1..99, or None for referees.
        skin: Skin colour in neutral light.
        hair: Hair colour.
        hair_style: Hair outline.
        height_m: Body height in metres.
        build: Body-mass index divided by 22: 1 is an average athlete.
        boots: Colour of the boots.
        long_sleeves: Whether the shirt has long sleeves.
        undersleeves: Colour of a base layer on bare forearms, None without.
        tights: Colour of a base layer below the shorts, None without.
        gloves: Colour of the gloves, None without.
        headband: Colour of the headband, None without.
        armband: Colour of the captain's armband, None without.
        sock_height: Share of the shin covered by the socks, 0..1.
        sock_tape: Colour of the tape around the socks, None without.
        beard: Whether the person has a beard, in the colour of the hair.
    """

    kit: Kit
    role: Role
    jersey_number: int | None
    skin: Color
    hair: Color
    hair_style: HairStyle
    height_m: float
    build: float
    boots: Color
    long_sleeves: bool
    undersleeves: Color | None
    tights: Color | None
    gloves: Color | None
    headband: Color | None
    armband: Color | None
    sock_height: float
    sock_tape: Color | None
    beard: bool


@dataclass(frozen=True)
class Scene:
    """What all persons in one frame of one camera share.

    Attributes:
        elevation: Angle of the camera above the horizon.
        light_side: Where the light comes from across the image, -1 (left) to 1 (right).
        light_contrast: Strength of the shading, 0 (overcast) to 1 (hard sun).
        gain: Factor on blue, green and red: exposure and white balance.
        gamma: Exponent of the tone curve.
        saturation: 1 leaves colours as they are, 0 is grey.
        grass: Mean colour of the grass.
        mowing: Difference in brightness between two mown bands, in grey levels.
        backdrop: What is behind the grass.
        backdrop_color: Main colour of the advertising board or of the crowd.
        blur: Standard deviation of the lens blur in pixels of the crop.
        noise: Standard deviation of the sensor noise in grey levels.
    """

    elevation: float
    light_side: float
    light_contrast: float
    gain: tuple[float, float, float]
    gamma: float
    saturation: float
    grass: Color
    mowing: float
    backdrop: Backdrop
    backdrop_color: Color
    blur: float
    noise: float


@dataclass(frozen=True)
class Neighbour:
    """Another person in the same crop.

    Attributes:
        identity: Who it is.
        azimuth: As in :class:`View`.
        gait: As in :class:`View`.
        phase: As in :class:`View`.
        offset: Distance to the right of the crop's person, across the image, in metres.
        in_front: Whether the neighbour stands between the camera and the crop's person.
    """

    identity: Identity
    azimuth: float
    gait: Gait
    phase: float
    offset: float
    in_front: bool


@dataclass(frozen=True)
class View:
    """How one camera sees one person at one moment.

    Attributes:
        scene: Light, lens and background, shared with the other persons in the frame.
        azimuth: Where the camera is, seen from the person: 0 in front, pi / 2 on the person's
            right, pi behind.
        gait: Kind of movement.
        phase: Place in the gait cycle, 0..1.
        stride: Size of the steps, 1 is average.
        height_px: Height in pixels at which an upright person of 1.80 m appears.
        motion_blur: Length of the motion blur as a share of the crop's height.
        neighbour: Another person in the crop, or None.
        board: Share of the crop, from below, hidden behind an advertising board.
        line: Whether a pitch marking runs through the background.
        crop_jitter: How far the left, top, right and bottom edges of the crop lie outside
            (inside if negative) of the tight box, as shares of the person's height.
    """

    scene: Scene
    azimuth: float
    gait: Gait
    phase: float
    stride: float
    height_px: float
    motion_blur: float
    neighbour: Neighbour | None
    board: float
    line: bool
    crop_jitter: tuple[float, float, float, float]


KIT_COLORS: tuple[Color, ...] = (
    (238, 238, 238),
    (34, 30, 30),
    (40, 32, 190),
    (160, 60, 24),
    (215, 165, 90),
    (30, 205, 240),
    (52, 120, 24),
    (30, 120, 240),
    (60, 20, 110),
    (90, 36, 20),
    (130, 50, 110),
    (190, 150, 240),
)
GOALKEEPER_COLORS: tuple[Color, ...] = (
    (90, 230, 120),
    (60, 240, 235),
    (40, 140, 250),
    (205, 120, 230),
    (205, 190, 60),
    (120, 120, 125),
    (150, 40, 90),
)
REFEREE_COLORS: tuple[Color, ...] = ((28, 26, 26), (60, 235, 240), (190, 170, 60), (150, 110, 235))
SKIN_TONES: tuple[Color, ...] = (
    (188, 208, 246),
    (150, 182, 230),
    (112, 150, 208),
    (78, 112, 172),
    (54, 78, 128),
    (34, 48, 82),
)
HAIR_COLORS: tuple[Color, ...] = (
    (20, 18, 18),
    (28, 40, 62),
    (44, 72, 112),
    (92, 160, 208),
    (190, 226, 240),
    (30, 78, 176),
)
BOOT_COLORS: tuple[Color, ...] = (
    (22, 22, 22),
    (245, 245, 245),
    (40, 40, 235),
    (235, 130, 20),
    (40, 240, 235),
    (60, 240, 90),
    (180, 70, 250),
    (20, 130, 255),
    (235, 225, 40),
)
BASE_LAYER_COLORS: tuple[Color, ...] = (
    (24, 22, 22),
    (240, 240, 240),
    (40, 40, 215),
    (205, 90, 30),
    (50, 215, 240),
    (70, 170, 50),
)
HEADBAND_COLORS: tuple[Color, ...] = ((240, 240, 240), (24, 22, 22), (40, 40, 220))
TAPE_COLORS: tuple[Color, ...] = ((240, 240, 240), (24, 22, 22), (40, 230, 240))
ARMBAND_COLORS: tuple[Color, ...] = ((40, 220, 245), (240, 240, 240))

_MIN_KIT_CONTRAST = 130.0


def _choice(rng: np.random.Generator, colors: tuple[Color, ...]) -> Color:
    return colors[int(rng.integers(len(colors)))]


def _maybe(rng: np.random.Generator, probability: float, colors: tuple[Color, ...]) -> Color | None:
    """Draw one of ``colors`` with ``probability``; spends the same random numbers either way."""
    chosen = _choice(rng, colors)
    return chosen if rng.random() < probability else None


def _jitter(rng: np.random.Generator, color: Color, spread: float) -> Color:
    blue, green, red = np.clip(np.asarray(color) + rng.normal(0, spread, 3), 8, 250).astype(int)
    return int(blue), int(green), int(red)


def color_distance(first: Color, second: Color) -> float:
    """Return the Euclidean distance between two colours in grey levels."""
    return float(np.linalg.norm(np.subtract(first, second)))


def _sample_contrasting(
    rng: np.random.Generator, colors: tuple[Color, ...], avoid: list[Color], count: int = 1
) -> list[Color]:
    """Draw ``count`` different colours, those far from every colour of ``avoid`` first."""
    order = rng.permutation(len(colors))
    nearest = {
        i: min((color_distance(colors[i], other) for other in avoid), default=np.inf) for i in order
    }
    ranked = sorted(order, key=lambda i: -min(nearest[i], _MIN_KIT_CONTRAST))
    return [colors[i] for i in ranked[:count]]


def _sample_kit(
    rng: np.random.Generator, palette: tuple[Color, ...], avoid: list[Color], plain: bool
) -> Kit:
    shirt = _jitter(rng, _sample_contrasting(rng, palette, avoid)[0], 8)
    second, shorts_other, socks_other = _sample_contrasting(rng, KIT_COLORS, [shirt, *avoid], 3)
    patterns = list(KitPattern)
    pattern = patterns[int(rng.integers(len(patterns)))]
    shorts = (shirt, second, shorts_other)[int(rng.choice(3, p=(0.4, 0.35, 0.25)))]
    socks = (shirt, shorts, socks_other)[int(rng.choice(3, p=(0.5, 0.35, 0.15)))]
    number = _sample_contrasting(rng, ((245, 245, 245), (20, 20, 20), (30, 215, 250)), [shirt])[0]
    return Kit(
        shirt=shirt,
        second=second,
        shorts=shorts,
        socks=socks,
        trim=second,
        number=number,
        pattern=KitPattern.PLAIN if plain else pattern,
    )


def sample_match_kits(rng: np.random.Generator) -> dict[Role, Kit]:
    """Draw the kits of one match: two teams, their goalkeepers, the referees.

    Args:
        rng: Source of all randomness.

    Returns:
        One kit per role. The shirts of any two groups contrast; both referee roles share one kit.
    """
    left = _sample_kit(rng, KIT_COLORS, [], plain=False)
    right = _sample_kit(rng, KIT_COLORS, [left.shirt], plain=False)
    shirts = [left.shirt, right.shirt]
    keepers = []
    for _ in range(2):
        keepers.append(_sample_kit(rng, GOALKEEPER_COLORS, shirts, plain=True))
        shirts.append(keepers[-1].shirt)
    referee = _sample_kit(rng, REFEREE_COLORS, shirts, plain=True)
    referee = replace(referee, shorts=(28, 26, 26), socks=(28, 26, 26))
    return {
        Role.PLAYER_LEFT: left,
        Role.PLAYER_RIGHT: right,
        Role.GOALKEEPER_LEFT: keepers[0],
        Role.GOALKEEPER_RIGHT: keepers[1],
        Role.MAIN_REFEREE: referee,
        Role.SIDE_REFEREE: referee,
    }


def _deal(rng: np.random.Generator, cards: int, count: int) -> list[int]:
    """Draw ``count`` numbers below ``cards``, none a second time before all came once."""
    decks = [rng.permutation(cards) for _ in range(-(-count // cards))]
    return np.concatenate(decks)[:count].tolist()


def _sample_identity(
    rng: np.random.Generator,
    kit: Kit,
    role: Role,
    jersey_number: int | None,
    looks: tuple[int, ...],
) -> Identity:
    """Draw one person; ``looks`` are indices of boots, skin tone, hair style and colour."""
    is_keeper = role in (Role.GOALKEEPER_LEFT, Role.GOALKEEPER_RIGHT)
    boots, skin_tone, hair_style, hair_color = looks
    long_sleeves = bool(rng.random() < (0.9 if is_keeper else 0.3))
    undersleeves = _maybe(rng, 0.4, BASE_LAYER_COLORS)
    return Identity(
        kit=kit,
        role=role,
        jersey_number=jersey_number,
        skin=_jitter(rng, SKIN_TONES[skin_tone], 4),
        hair=_jitter(rng, HAIR_COLORS[hair_color], 4),
        hair_style=tuple(HairStyle)[hair_style],
        height_m=float(np.clip(rng.normal(1.89 if is_keeper else 1.81, 0.07), 1.62, 2.02)),
        build=float(np.clip(rng.normal(1.05, 0.09), 0.85, 1.3)),
        boots=BOOT_COLORS[boots],
        long_sleeves=long_sleeves,
        undersleeves=None if long_sleeves else undersleeves,
        tights=_maybe(rng, 0.35, BASE_LAYER_COLORS),
        gloves=_maybe(rng, 1.0 if is_keeper else 0.2, BASE_LAYER_COLORS),
        headband=_maybe(rng, 0.2, HEADBAND_COLORS),
        armband=None,
        sock_height=float(rng.choice((0.95, 0.85, 0.55), p=(0.45, 0.3, 0.25))),
        sock_tape=_maybe(rng, 0.3, TAPE_COLORS),
        beard=bool(rng.random() < 0.35),
    )


def _sample_group(
    rng: np.random.Generator, kits: dict[Role, Kit], members: list[tuple[Role, int | None]]
) -> list[Identity]:
    """Draw people who can be told apart: boots, skin and hair differ as far as they go round."""
    decks = (len(BOOT_COLORS), len(SKIN_TONES), len(HairStyle), len(HAIR_COLORS))
    looks = zip(*(_deal(rng, cards, len(members)) for cards in decks), strict=True)
    return [
        _sample_identity(rng, kits[role], role, number, look)
        for (role, number), look in zip(members, looks, strict=True)
    ]


def _sample_team(
    rng: np.random.Generator, kits: dict[Role, Kit], keeper: Role, outfield: Role
) -> list[Identity]:
    numbers = (2 + rng.permutation(38)[:10]).tolist()
    members = [(keeper, 1), *((outfield, number) for number in numbers)]
    team = _sample_group(rng, kits, members)
    captain = int(rng.integers(len(team)))
    team[captain] = replace(team[captain], armband=_choice(rng, ARMBAND_COLORS))
    return team


def sample_match_identities(rng: np.random.Generator) -> list[Identity]:
    """Draw the 25 persons of a match.

    Args:
        rng: Source of all randomness.

    Returns:
        Eleven persons of the left team (goalkeeper first), eleven of the right team, one main and
        two side referees. The ten outfield players of a team share one :class:`Kit` and wear
        different numbers.
    """
    kits = sample_match_kits(rng)
    referees = (Role.MAIN_REFEREE, Role.SIDE_REFEREE, Role.SIDE_REFEREE)
    return [
        *_sample_team(rng, kits, Role.GOALKEEPER_LEFT, Role.PLAYER_LEFT),
        *_sample_team(rng, kits, Role.GOALKEEPER_RIGHT, Role.PLAYER_RIGHT),
        *_sample_group(rng, kits, [(role, None) for role in referees]),
    ]


def _sample_color(rng: np.random.Generator, saturation: float, value: float) -> Color:
    red, green, blue = colorsys.hsv_to_rgb(rng.random(), saturation, value)
    return round(255 * blue), round(255 * green), round(255 * red)


def sample_scene(rng: np.random.Generator, main_camera: bool = False) -> Scene:
    """Draw the light, lens and background of one frame.

    Args:
        rng: Source of all randomness.
        main_camera: Whether the frame is that of the main camera, high up in the stand, which
            sees little but grass; other cameras stand anywhere between pitch level and the roof.

    Returns:
        The scene.
    """
    low, high = (0.3, 0.55) if main_camera else (0.03, 0.45)
    elevation = float(rng.uniform(low, high))
    backdrops = [Backdrop.GRASS, Backdrop.BOARD, Backdrop.CROWD]
    weights = (0.9, 0.08, 0.02) if elevation > 0.25 else (0.5, 0.3, 0.2)
    exposure = float(np.exp(rng.normal(0, 0.1)))
    balance = np.exp(rng.normal(0, 0.04, 3))
    blue, green, red = (exposure * balance).tolist()
    return Scene(
        elevation=elevation,
        light_side=float(rng.uniform(-1, 1)),
        light_contrast=float(rng.uniform(0.15, 0.9)),
        gain=(blue, green, red),
        gamma=float(np.exp(rng.normal(0, 0.1))),
        saturation=float(rng.uniform(0.75, 1.05)),
        grass=_jitter(rng, (48, 120, 82), 9),
        mowing=float(rng.uniform(0, 22)),
        backdrop=backdrops[int(rng.choice(3, p=weights))],
        backdrop_color=_sample_color(rng, float(rng.uniform(0, 0.9)), float(rng.uniform(0.2, 1))),
        blur=float(rng.uniform(0.2, 0.8)),
        noise=float(rng.uniform(0.5, 5)),
    )


def _sample_gait(rng: np.random.Generator) -> Gait:
    return (Gait.STAND, Gait.WALK, Gait.RUN)[int(rng.choice(3, p=(0.2, 0.3, 0.5)))]


def _sample_neighbour(rng: np.random.Generator, identity: Identity, azimuth: float) -> Neighbour:
    side = -1.0 if rng.random() < 0.5 else 1.0
    return Neighbour(
        identity=identity,
        azimuth=float(azimuth + rng.uniform(-np.pi, np.pi)),
        gait=_sample_gait(rng),
        phase=float(rng.random()),
        offset=float(side * rng.uniform(0.36, 0.6)),
        in_front=bool(rng.random() < 0.5),
    )


def sample_view(
    rng: np.random.Generator,
    scene: Scene | None = None,
    azimuth: float | None = None,
    height_px: tuple[float, float] = (20.0, 400.0),
    others: tuple[Identity, ...] = (),
    occlusion: float = 0.2,
) -> View:
    """Draw how a camera sees a person.

    Args:
        rng: Source of all randomness.
        scene: The frame's scene; drawn if None.
        azimuth: Direction of the camera as in :class:`View`; uniform if None.
        height_px: Smallest and largest apparent height of an upright person of 1.80 m; drawn
            log-uniformly in between.
        others: Persons who may stand in the way.
        occlusion: Probability that one of ``others`` is in the crop.

    Returns:
        The view.
    """
    scene = sample_scene(rng) if scene is None else scene
    azimuth = float(rng.uniform(-np.pi, np.pi)) if azimuth is None else azimuth
    neighbour = None
    if others and rng.random() < occlusion:
        neighbour = _sample_neighbour(rng, others[int(rng.integers(len(others)))], azimuth)
    gait = _sample_gait(rng)
    left, top, right, bottom = np.clip(rng.normal(0.02, 0.02, 4), -0.03, 0.08).tolist()
    return View(
        scene=scene,
        azimuth=azimuth,
        gait=gait,
        phase=float(rng.random()),
        stride=float(rng.uniform(0.75, 1.2)),
        height_px=float(np.exp(rng.uniform(*np.log(height_px)))),
        motion_blur=float(rng.uniform(0, 0.04)) if gait is Gait.RUN else 0.0,
        neighbour=neighbour,
        board=float(rng.uniform(0.08, 0.25)) if rng.random() < 0.03 else 0.0,
        line=bool(rng.random() < 0.2),
        crop_jitter=(left, top, right, bottom),
    )
