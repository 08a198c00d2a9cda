"""A person as a jointed figure: pose from the gait, body parts and clothes around the bones.

A figure stands in a frame of its own, in metres: x to the person's right, y forward, z up, the
lowest foot at z = 0. :func:`build_figure` looks at it from one side through a long lens (parallel
projection) and answers with convex parts in camera axes (right, up, towards the camera), sorted so
that they can be painted one over the other.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from footmm.simulation.appearance import Color, Gait, HairStyle, Identity, KitPattern

Point = tuple[float, float, float]

_SIDES = (-1.0, 1.0)
"""Left and right of the person."""

_PREFIXES = ("l_", "r_")
"""How the names of their joints start."""

_SOLE = 0.033
"""Height of the joints of a foot above the ground in metres."""

_HEM = 0.012
"""Radius of the rounded edge of cloth in metres."""


class Part(NamedTuple):
    """The convex hull of some balls, in one colour.

    Attributes:
        balls: Centre (right, up, near) and radius of each ball, in metres.
        color: Colour in neutral light.
    """

    balls: tuple[tuple[Point, float], ...]
    color: Color


class Trunk(NamedTuple):
    """The shirt's body: an elliptical cylinder of varying girth around the spine.

    Attributes:
        base: Middle of the hem (right, up, near).
        top: Base of the neck.
        levels: Rows of (place between base 0 and top 1, half width as seen from the camera).
        facing: Angle of the camera on the ellipse: 0 in front, pi behind.
    """

    base: Point
    top: Point
    levels: tuple[tuple[float, float], ...]
    facing: float


class Decal(NamedTuple):
    """The small number on the shorts.

    Attributes:
        center: Where it is (right, up, near).
        height: Its height in metres.
    """

    center: Point
    height: float


@dataclass(frozen=True)
class Figure:
    """A figure as seen from one side.

    Attributes:
        layers: What to paint, first to last.
        bounds: Left, bottom, right and top of everything, in metres.
        feet: Middle between the feet on the ground (right, up, near).
        joints: Where the joints are in the person's own frame; sides start with ``l_`` and ``r_``.
    """

    layers: tuple[Part | Trunk | Decal, ...]
    bounds: tuple[float, float, float, float]
    feet: Point
    joints: dict[str, Point]


@dataclass(frozen=True)
class _Angles:
    """Joint angles; pairs hold the left and the right side."""

    lean: float
    twist: float
    hips: tuple[float, float]
    knees: tuple[float, float]
    shoulders: tuple[float, float]
    elbows: tuple[float, float]
    spread: float


class _Gait(NamedTuple):
    """Amplitudes of a gait in radians."""

    hip_forward: float
    hip_swing: float
    arm_swing: float
    knee_rest: float
    knee_swing: float
    elbow: float
    lean: float
    spread: float


_GAITS = {
    Gait.STAND: _Gait(0.03, 0.08, 0.10, 0.06, 0.08, 0.22, 0.02, 0.16),
    Gait.WALK: _Gait(0.08, 0.38, 0.34, 0.10, 0.75, 0.30, 0.05, 0.12),
    Gait.RUN: _Gait(0.26, 0.64, 0.52, 0.22, 1.45, 1.25, 0.20, 0.18),
}


def _gait_angles(gait: Gait, phase: float, stride: float) -> _Angles:
    """Legs swing as sines half a cycle apart; arms go with the opposite leg.

    A knee is bent most while its leg swings forward, shortly before it passes below the body, and
    least while the foot is on the ground.
    """
    size = _GAITS[gait]
    cycles = (2 * math.pi * phase, 2 * math.pi * phase + math.pi)
    sines = [math.sin(cycle) for cycle in cycles]
    bends = [(0.5 + 0.5 * math.cos(cycle + 0.45)) ** 1.2 for cycle in cycles]
    return _Angles(
        lean=size.lean,
        twist=0.25 * size.arm_swing * sines[0],
        hips=tuple(size.hip_forward + stride * size.hip_swing * sine for sine in sines),
        knees=tuple(size.knee_rest + stride * size.knee_swing * bend for bend in bends),
        shoulders=tuple(-stride * size.arm_swing * sine for sine in sines),
        elbows=tuple(size.elbow - 0.35 * size.arm_swing * sine for sine in sines),
        spread=size.spread,
    )


def _sagittal(origin: Point, length: float, angle: float, sideways: float = 0.0) -> Point:
    """Go down from ``origin`` by ``length``, swung forward by ``angle``."""
    x, y, z = origin
    reach = length * math.cos(sideways)
    return (
        x + length * math.sin(sideways),
        y + reach * math.sin(angle),
        z - reach * math.cos(angle),
    )


def _leg(side: float, angles: _Angles, height: float) -> dict[str, Point]:
    index = 0 if side < 0 else 1
    hip = (side * 0.052 * height, 0.0, 0.0)
    thigh, shin = angles.hips[index], angles.hips[index] - angles.knees[index]
    knee = _sagittal(hip, 0.245 * height, thigh, side * 0.05)
    ankle = _sagittal(knee, 0.235 * height, shin)
    # On the ground the sole is flat; in the air the foot follows the shin.
    pitch = min(0.25, 0.9 * min(shin, 0.0) + 0.3 * max(shin, 0.0))
    forward, down = math.cos(pitch), math.sin(pitch)
    x, y, z = ankle
    low = 0.028 * height
    heel = (x, y - 0.035 * height * forward + low * down, z - low * forward)
    toe = (x + side * 0.02, y + 0.095 * height * forward, z - low + 0.095 * height * down)
    return {"hip": hip, "knee": knee, "ankle": ankle, "heel": heel, "toe": toe}


def _arm(
    side: float, angles: _Angles, neck: Point, height: float, shoulder_width: float
) -> dict[str, Point]:
    index = 0 if side < 0 else 1
    x, y, z = neck
    across = side * shoulder_width
    shoulder = (
        x + across * math.cos(angles.twist),
        y + across * math.sin(angles.twist) - 0.01,
        z - 0.045 * height,
    )
    swing = angles.shoulders[index] + angles.lean
    elbow = _sagittal(shoulder, 0.175 * height, swing, side * angles.spread)
    bend = swing + angles.elbows[index]
    wrist = _sagittal(elbow, 0.145 * height, bend, -side * 0.25 * math.sin(angles.elbows[index]))
    hand = _sagittal(wrist, 0.045 * height, bend)
    return {"shoulder": shoulder, "elbow": elbow, "wrist": wrist, "hand": hand}


def _skeleton(identity: Identity, angles: _Angles) -> dict[str, Point]:
    """Return the joints, pelvis at the origin; sides are told apart by ``l_`` and ``r_``."""
    height = identity.height_m
    spine = 0.29 * height
    neck = (0.0, spine * math.sin(angles.lean), spine * math.cos(angles.lean))
    # A head hardly grows with the body, so tall people have small heads.
    head = (0.0, neck[1] + 0.02 + 0.05 * math.sin(angles.lean), neck[2] + 0.155)
    joints = {"pelvis": (0.0, 0.0, 0.0), "neck": neck, "head": head}
    shoulder_width = 0.088 * height * identity.build**0.4
    for side, prefix in zip(_SIDES, _PREFIXES, strict=True):
        limbs = _leg(side, angles, height) | _arm(side, angles, neck, height, shoulder_width)
        joints |= {prefix + name: point for name, point in limbs.items()}
    return joints


class _Camera:
    """Parallel projection of the person's frame, seen from an azimuth and an elevation."""

    def __init__(self, azimuth: float, elevation: float) -> None:
        sin_a, cos_a = math.sin(azimuth), math.cos(azimuth)
        sin_e, cos_e = math.sin(elevation), math.cos(elevation)
        self.axes = np.array(
            [
                (-cos_a, sin_a, 0.0),
                (-sin_a * sin_e, -cos_a * sin_e, cos_e),
                (sin_a * cos_e, cos_a * cos_e, sin_e),
            ]
        )
        self._rows = self.axes.tolist()

    def __call__(self, point: Point) -> Point:
        x, y, z = point
        right, up, near = (row[0] * x + row[1] * y + row[2] * z for row in self._rows)
        return right, up, near


def _between(first: Point, second: Point, share: float) -> Point:
    rest = 1 - share
    return (
        rest * first[0] + share * second[0],
        rest * first[1] + share * second[1],
        rest * first[2] + share * second[2],
    )


def _limb(first: Point, second: Point, radii: tuple[float, float], color: Color) -> Part:
    return Part(((first, radii[0]), (second, radii[1])), color)


def _edge(first: Point, second: Point, share: float, radius: float) -> tuple[tuple, tuple]:
    """Two tiny balls at the sides of the bone: where cloth ends in a straight hem."""
    right, up, near = _between(first, second, share)
    along_right, along_up = second[0] - first[0], second[1] - first[1]
    length = math.hypot(along_right, along_up)
    if length < 0.5 * radius:
        # The bone points at the camera: the hem is a disc, its edge as wide as any.
        along_right, along_up, length = 0.0, -1.0, 1.0
    reach = (radius - _HEM) / length
    across_right, across_up = -along_up * reach, along_right * reach
    return (
        ((right - across_right, up - across_up, near), _HEM),
        ((right + across_right, up + across_up, near), _HEM),
    )


def _tube(
    first: Point,
    second: Point,
    span: tuple[float, float],
    radii: tuple[float, float],
    color: Color,
) -> Part:
    """Cloth around the bone between two joints, with a straight hem at both ends.

    Args:
        first: Upper joint.
        second: Lower joint.
        span: Where the cloth starts and ends, as shares of the bone's length.
        radii: Its radius there.
        color: Its colour.
    """
    start = _edge(first, second, span[0], radii[0])
    end = _edge(first, second, span[1], radii[1])
    return Part((*start, *end), color)


def _sleeve(
    first: Point, second: Point, end: float, radii: tuple[float, float], color: Color
) -> Part:
    """Cloth that starts round at a joint and ends in a straight hem on the bone below it."""
    return Part(((first, radii[0]), *_edge(first, second, end, radii[1])), color)


def _leg_parts(identity: Identity, joints: dict[str, Point], prefix: str) -> list[Part]:
    kit, girth = identity.kit, identity.build**0.7
    hip, knee, ankle = (joints[prefix + name] for name in ("hip", "knee", "ankle"))
    calf = _between(knee, ankle, 0.3)
    upper = identity.skin if identity.tights is None else identity.tights
    sock_top = max(1 - identity.sock_height, 0.05)
    sock_radius = girth * (0.063 - 0.016 * sock_top)
    shin = [
        _limb(knee, calf, (0.050 * girth, 0.055 * girth), identity.skin),
        _limb(calf, ankle, (0.055 * girth, 0.036 * girth), identity.skin),
        _sleeve(ankle, knee, 1 - sock_top, (0.040 * girth, sock_radius), kit.socks),
        _tube(knee, ankle, (sock_top, sock_top + 0.1), (sock_radius, sock_radius), kit.trim),
    ]
    if identity.sock_tape is not None:
        radius = 0.052 * girth
        shin.append(_tube(knee, ankle, (0.66, 0.84), (radius, radius), identity.sock_tape))
    boot = Part(
        ((ankle, 0.040), (joints[prefix + "heel"], 0.034), (joints[prefix + "toe"], 0.028)),
        identity.boots,
    )
    hem = 0.098 * girth
    thigh = [
        _limb(hip, knee, (0.086 * girth, 0.054 * girth), upper),
        _sleeve(hip, knee, 0.66, (0.106 * girth, hem), kit.shorts),
        _tube(hip, knee, (0.62, 0.68), (hem, hem), kit.trim),
    ]
    return [*shin, boot, *thigh] if ankle[2] < knee[2] else [*thigh, *shin, boot]


def _sleeve_color(identity: Identity, prefix: str) -> Color:
    kit = identity.kit
    if kit.pattern is KitPattern.SLEEVES:
        return kit.second
    if kit.pattern is KitPattern.HALVES and prefix == "r_":
        return kit.second
    return kit.shirt


def _arm_parts(identity: Identity, joints: dict[str, Point], prefix: str) -> list[Part]:
    girth = identity.build**0.7
    names = ("shoulder", "elbow", "wrist", "hand")
    shoulder, elbow, wrist, hand = (joints[prefix + name] for name in names)
    sleeve = _sleeve_color(identity, prefix)
    bare = identity.skin if identity.undersleeves is None else identity.undersleeves
    forearm = sleeve if identity.long_sleeves else bare
    loose = 0.008 if identity.long_sleeves else 0.0
    parts = [
        _limb(wrist, hand, (0.034, 0.038), identity.gloves or identity.skin),
        _limb(elbow, wrist, (0.041 * girth + loose, 0.029 * girth + loose), forearm),
        _limb(shoulder, elbow, (0.054 * girth, 0.041 * girth + loose), forearm),
    ]
    cuff = 0.064 * girth
    parts.append(_sleeve(shoulder, elbow, 0.74, (0.066 * girth, cuff), sleeve))
    if identity.long_sleeves:
        parts.append(_tube(elbow, wrist, (0.86, 1.0), (0.042, 0.040), identity.kit.trim))
    else:
        parts.append(_tube(shoulder, elbow, (0.68, 0.76), (cuff, cuff), identity.kit.trim))
    if identity.armband is not None and prefix == "l_":
        radius = 0.068 * girth
        parts.append(_tube(shoulder, elbow, (0.34, 0.60), (radius, radius), identity.armband))
    return parts


def _head_point(head: Point, offset: Point) -> Point:
    return head[0] + offset[0], head[1] + offset[1], head[2] + offset[2]


def _hair_parts(identity: Identity, head: Point, camera: _Camera) -> tuple[list[Part], list[Part]]:
    """Return the hair behind the face and the hair above it, as seen from the front."""

    def hull(*balls: tuple[float, float, float, float]) -> Part:
        return Part(
            tuple((camera(_head_point(head, ball[:3])), ball[3]) for ball in balls), identity.hair
        )

    style = identity.hair_style
    if style is HairStyle.BALD:
        return [], []
    if style is HairStyle.AFRO:
        back = [hull((0, -0.03, 0.04, 0.125))]
        return back, [hull((-0.05, 0.0, 0.1, 0.06), (0.05, 0.0, 0.1, 0.06))]
    back = [hull((-0.03, -0.03, 0.05, 0.066), (0.03, -0.03, 0.05, 0.066), (0, -0.03, -0.03, 0.066))]
    top = [hull((-0.04, 0.025, 0.075, 0.038), (0.04, 0.025, 0.075, 0.038), (0, -0.03, 0.07, 0.055))]
    if style is HairStyle.CREST:
        top = [hull((0, 0.045, 0.105, 0.028), (0, -0.07, 0.085, 0.034), (0, -0.015, 0.125, 0.03))]
        back = [hull((0, -0.085, 0.03, 0.03), (0, -0.075, -0.03, 0.025), (0, -0.05, 0.08, 0.03))]
    if style is HairStyle.LONG:
        back.append(
            hull(
                (-0.05, -0.04, 0.02, 0.055),
                (0.05, -0.04, 0.02, 0.055),
                (-0.05, -0.07, -0.14, 0.04),
                (0.05, -0.07, -0.14, 0.04),
            )
        )
    if style is HairStyle.BUN:
        top.append(hull((0, -0.07, 0.125, 0.048)))
    return back, top


def _face_parts(identity: Identity, head: Point, camera: _Camera) -> list[Part]:
    def at(x: float, y: float, z: float) -> Point:
        return camera(_head_point(head, (x, y, z)))

    skull = Part(
        (
            (at(0, 0, 0.03), 0.088),
            (at(0, 0.022, -0.055), 0.058),
        ),
        identity.skin,
    )
    ears = [Part(((at(side * 0.084, -0.005, 0.0), 0.02),), identity.skin) for side in _SIDES]
    parts = [*ears, skull]
    facing = camera.axes[2, 1]
    if facing < -0.3:
        return parts
    nose = Part(((at(0, 0.088, 0.015), 0.012), (at(0, 0.098, -0.018), 0.015)), identity.skin)
    if identity.beard:
        jaw = ((at(-0.04, 0.03, -0.07), 0.03), (at(0.04, 0.03, -0.07), 0.03))
        parts.append(Part((*jaw, (at(0, 0.06, -0.095), 0.026)), identity.hair))
    parts.append(nose)
    if facing > 0.2:
        parts += [Part(((at(s * 0.034, 0.083, 0.018), 0.009),), (40, 44, 56)) for s in _SIDES]
    return parts


def _head_parts(identity: Identity, joints: dict[str, Point], camera: _Camera) -> list[Part]:
    head = joints["head"]
    face = _face_parts(identity, head, camera)
    back, top = _hair_parts(identity, head, camera)
    parts = [*back, *face, *top] if camera.axes[2, 1] > 0.3 else [*face, *top, *back]
    if identity.headband is not None:
        right, up, near = camera(_head_point(head, (0.0, 0.0, 0.06)))
        ends = ((right - 0.078, up, near), (right + 0.078, up, near))
        parts.append(_limb(*ends, (0.017, 0.017), identity.headband))
    return parts


def _trunk(identity: Identity, joints: dict[str, Point], camera: _Camera, yaw: float) -> Trunk:
    """Shirt around the spine; the girths are for a person of 1.80 m with build 1."""
    scale, girth = identity.height_m / 1.8, identity.build
    # Place on the spine, half width, half depth: hem, waist, chest, shoulders, neck.
    rows = (
        (0.0, 0.168 * girth, 0.125 * girth),
        (0.32, 0.150 * girth**1.3, 0.112 * girth**1.3),
        (0.70, 0.172 * girth**0.6, 0.122 * girth**0.6),
        (0.88, 0.172 * girth**0.4, 0.100 * girth**0.4),
        (1.0, 0.058, 0.058),
    )
    cos_y, sin_y = math.cos(yaw), math.sin(yaw)
    levels = tuple(
        (place, scale * math.hypot(width * cos_y, depth * sin_y)) for place, width, depth in rows
    )
    _, chest_width, chest_depth = rows[2]
    facing = math.atan2(chest_depth * sin_y, chest_width * cos_y)
    pelvis, neck = joints["pelvis"], joints["neck"]
    hem = _between(pelvis, neck, -0.1)
    return Trunk(camera(hem), camera(neck), levels, facing)


def _shorts_parts(identity: Identity, joints: dict[str, Point]) -> list[Part]:
    girth = 0.112 * identity.build**0.8
    waist = _between(joints["pelvis"], joints["neck"], 0.2)
    balls = ((joints["l_hip"], girth), (joints["r_hip"], girth), (waist, girth))
    return [Part(balls, identity.kit.shorts)]


def build_figure(
    identity: Identity, gait: Gait, phase: float, stride: float, azimuth: float, elevation: float
) -> Figure:
    """Pose a person and look at them.

    Args:
        identity: Who it is.
        gait: Kind of movement.
        phase: Place in the gait cycle, 0..1.
        stride: Size of the steps, 1 is average.
        azimuth: Where the camera is, seen from the person: 0 in front, pi / 2 on the right.
        elevation: Angle of the camera above the horizon.

    Returns:
        The figure in camera axes; (0, 0) is the point on the ground below the pelvis.
    """
    angles = _gait_angles(gait, phase, stride)
    body = _stand(_skeleton(identity, angles))
    camera = _Camera(azimuth, elevation)
    joints = {name: camera(point) for name, point in body.items()}
    far_arms, near_arms = _sort_arms(joints)
    legs = sorted(_PREFIXES, key=lambda p: joints[p + "knee"][2] + joints[p + "ankle"][2])
    chin = _between(joints["neck"], joints["head"], 0.7)

    layers: list[Part | Trunk | Decal] = []
    for prefix in far_arms:
        layers += _arm_parts(identity, joints, prefix)
    for prefix in legs:
        layers += _leg_parts(identity, joints, prefix)
    layers += _shorts_parts(identity, joints)
    if math.cos(azimuth) > 0.35 and identity.jersey_number is not None:
        layers.append(_shorts_decal(body, camera))
    layers.append(_limb(joints["neck"], chin, (0.056, 0.052), identity.skin))
    layers.append(_trunk(identity, body, camera, azimuth - 0.5 * angles.twist))
    for prefix in near_arms:
        layers += _arm_parts(identity, joints, prefix)
    layers += _head_parts(identity, body, camera)
    feet = camera((*_between(body["l_ankle"], body["r_ankle"], 0.5)[:2], 0.0))
    return Figure(tuple(layers), _bounds(layers), feet, body)


def _stand(body: dict[str, Point]) -> dict[str, Point]:
    """Lift the joints until the lowest sole touches the ground."""
    lowest = min(body[prefix + name][2] for prefix in _PREFIXES for name in ("heel", "toe"))
    rise = _SOLE - lowest
    return {name: (x, y, z + rise) for name, (x, y, z) in body.items()}


def _sort_arms(joints: dict[str, Point]) -> tuple[list[str], list[str]]:
    """Return the arms behind and those in front of the trunk, each from far to near."""
    spine_depth = _between(joints["pelvis"], joints["neck"], 0.6)[2]
    arms = sorted(_PREFIXES, key=lambda prefix: joints[prefix + "elbow"][2])
    far = [prefix for prefix in arms if _arm_depth(joints, prefix) < spine_depth]
    return far, [prefix for prefix in arms if prefix not in far]


def _arm_depth(joints: dict[str, Point], prefix: str) -> float:
    return 0.5 * (joints[prefix + "elbow"][2] + joints[prefix + "wrist"][2])


def _shorts_decal(body: dict[str, Point], camera: _Camera) -> Decal:
    """On the front of the left leg of the shorts."""
    x, y, z = _between(body["l_hip"], body["l_knee"], 0.45)
    return Decal(camera((x - 0.02, y + 0.09, z)), 0.085)


def _bounds(layers: list[Part | Trunk | Decal]) -> tuple[float, float, float, float]:
    balls = np.array(
        [
            (*center[:2], radius)
            for part in layers
            if isinstance(part, Part)
            for center, radius in part.balls
        ]
    )
    low = (balls[:, :2] - balls[:, 2:]).min(axis=0)
    high = (balls[:, :2] + balls[:, 2:]).max(axis=0)
    return float(low[0]), float(low[1]), float(high[0]), float(high[1])
