"""Draws the sample films: frontal chest radiographs of nobody. See README.md.

    draw.py [OUT_FOLDER]

Each film is a projection in the sense of Beer and Lambert: every organ is a shape in the plane with a thickness in
centimetres and an attenuation per centimetre, the sums give the rays' intensity, scatter and blur are added to it, and
its logarithm goes through a film-like tone curve. Coordinates are in the frame: (-1, -1) is its top left corner, the
patient's left is on the right.
"""

import sys
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont
from scipy import ndimage

SIZE = 512
FINE = 2  # drawn at twice the size, then averaged
EXTENT = 1.15  # drawn beyond the frame, so that a rotated film has no corners missing
CANVAS = int(SIZE * FINE * EXTENT)
CM = 2 / 36  # one centimetre in the frame's units

SOFT, LUNG, BONE = 0.20, 0.055, 0.50  # attenuation per centimetre
FONT = Path(__file__).parent.parent / "fonts" / "Inter-SemiBold.ttf"

Y, X = np.mgrid[0:CANVAS, 0:CANVAS]
X = ((X + 0.5) / CANVAS * 2 - 1) * EXTENT
Y = ((Y + 0.5) / CANVAS * 2 - 1) * EXTENT
PIXEL = 2 * EXTENT / CANVAS


@dataclass
class Film:
    """What tells one film from another."""

    name: str
    seed: int
    heart: float = 1.0  # width of the heart
    dome: float = 0.0  # how much higher the diaphragm stands: a shallow breath
    chest: float = 1.0  # half width of the chest
    breast: float = 0.0  # thickness, cm
    portable: bool = False
    effusion: bool = False
    turn: float = 0.0  # degrees in the plane
    zoom: float = 1.0
    shift: tuple = (0.0, 0.0)  # of the patient in the frame, right and down
    rotation: float = 0.0  # of the patient: the midline's front moves sideways
    thick: float = 1.0  # thickness of the body
    marker: tuple = ("L", 0.80, -0.82)
    contrast: float = 1.0
    leads: list = field(default_factory=list)


def blur(image, width):
    return ndimage.gaussian_filter(image, width / PIXEL)


def smooth(points, count=400, closed=False):
    """A Catmull-Rom curve through the points."""
    points = np.asarray(points, float)
    ring = (
        points[np.arange(-1, len(points) + 2) % len(points)]
        if closed
        else np.vstack([2 * points[0] - points[1], points, 2 * points[-1] - points[-2]])
    )
    spans = len(ring) - 3
    at = np.linspace(0, spans, count, endpoint=not closed)
    index = np.minimum(at.astype(int), spans - 1)
    t = (at - index)[:, None]
    a, b, c, d = (ring[index + k] for k in range(4))
    return 0.5 * (2 * b + (c - a) * t + (2 * a - 5 * b + 4 * c - d) * t**2 + (3 * b - a - 3 * c + d) * t**3)


def pixels(points):
    return [tuple(p) for p in (np.asarray(points) / EXTENT + 1) / 2 * CANVAS]


def area(points, curved=True):
    """True inside the outline."""
    image = Image.new("1", (CANVAS, CANVAS))
    ImageDraw.Draw(image).polygon(pixels(smooth(points, 600, closed=True) if curved else points), fill=1)
    return np.array(image)


def inside(mask):
    """Distance from the outline, inside."""
    return ndimage.distance_transform_edt(mask) * PIXEL


def rounded(mask, depth):
    """Thickness of a body with this outline, 1 where it is `depth` or more away from the edge, round at the edge."""
    rest = 1 - np.clip(inside(mask) / depth, 0, 1)
    return np.sqrt(np.clip(1 - rest**2, 0, 1))


def away(curve):
    """Distance from a curve."""
    image = Image.new("1", (CANVAS, CANVAS), 1)
    ImageDraw.Draw(image).line(pixels(curve), fill=0, width=1)
    return ndimage.distance_transform_edt(np.array(image)) * PIXEL


def tube(curve, radius, shell=1.0):
    """Path through a tube, 2 radii at most; a hollow one when its wall is only `shell` of the radius."""
    d = away(curve)
    path = 2 * np.sqrt(np.clip(radius**2 - d**2, 0, None))
    hollow = 2 * np.sqrt(np.clip((radius * (1 - shell)) ** 2 - d**2, 0, None))
    return path - hollow


def grain(rng, size, power):
    """Noise of standard deviation 1 whose amplitude falls with frequency, coarsest at `size`."""
    fy, fx = np.fft.fftfreq(CANVAS, PIXEL)[:, None], np.fft.rfftfreq(CANVAS, PIXEL)[None]
    f = np.hypot(fx, fy)
    spectrum = np.fft.rfft2(rng.standard_normal((CANVAS, CANVAS))) / np.maximum(f, 1 / size) ** power
    spectrum[0, 0] = 0
    image = np.fft.irfft2(spectrum, (CANVAS, CANVAS))
    return image / image.std()


def mirrored(points, side):
    return [(side * x, y) for x, y in points]


def lung_outline(film, side):
    """Outline of the lung on the patient's right (side -1) or left (1)."""
    w, up = film.chest, film.dome
    dome = (0.30 if side < 0 else 0.37) - up
    angle = 0.62 - up * 0.8
    medial = 0.045
    shape = np.random.default_rng([film.seed, side + 1]).normal(0, 0.006, (21, 2))
    shape[8:] *= 0.3
    return mirrored(
        shape
        + [
            (medial + 0.045, -0.55),
            (medial + 0.065, -0.70),
            (0.175, -0.815),
            (0.285 * w, -0.85),
            (0.40 * w, -0.79),
            (0.505 * w, -0.64),
            (0.595 * w, -0.42),
            (0.66 * w, -0.14),
            (0.69 * w, 0.15),
            (0.70 * w, 0.42 - up * 0.6),
            (0.695 * w, angle - 0.06),
            (0.683 * w, angle),
            (0.645 * w, angle - 0.10),
            (0.585 * w, dome + 0.13),
            (0.47 * w, dome + 0.032),
            (0.33 * w, dome),
            (0.20 * w, dome + 0.025),
            (0.105 * w, dome + 0.06),
            (medial + 0.012, dome + 0.07),
            (medial, 0.1 - up * 0.5),
            (medial, -0.2),
        ],
        side,
    )


def heart_outline(film):
    s, up, r = film.heart, film.dome, film.rotation
    wide = 1 + (s - 1) * 0.9
    return [
        (-0.085, -0.42),
        (-0.105, -0.28),
        (-0.115, -0.10),
        (-0.155 * wide, 0.0 - up * 0.7),
        (-0.195 * wide, 0.13 - up * 0.8),
        (-0.185 * wide, 0.27 - up),
        (-0.12 * wide, 0.37 - up),
        (0.05, 0.47 - up),
        (0.25 * s, 0.48 - up),
        (0.385 * s + r, 0.435 - up),
        (0.425 * s + r, 0.36 - up),
        (0.40 * s + r, 0.24 - up),
        (0.315 * s + r, 0.07 - up * 0.8),
        (0.215 * s + r, -0.075 - up * 0.5),
        (0.155 + r, -0.17),
        (0.125 + r, -0.24),
        (0.10, -0.34),
        (0.03, -0.45),
    ]


def vessels(rng, film, side, lung):
    """Path through the vessels of one lung: trees that start at the hilum and thin out to the edge."""
    bins = {}
    reach = inside(lung)

    def depth(p):
        column, row = ((np.asarray(p) / EXTENT + 1) / 2 * CANVAS).astype(int)
        return reach[np.clip(row, 0, CANVAS - 1), np.clip(column, 0, CANVAS - 1)]

    def grow(p, heading, radius, level):
        length = rng.uniform(0.06, 0.12) * (0.8 + 12 * radius)
        points = [p]
        for _ in range(5):
            heading += rng.normal(0, 0.10)
            p = (p[0] + np.cos(heading) * length / 5, p[1] + np.sin(heading) * length / 5)
            if depth(p) < 0.012 and len(points) > 1:
                break
            points.append(p)
        bins.setdefault(round(np.log(radius) * 3), []).append((radius, points))
        if radius < 0.0016 or level > 8 or depth(p) < 0.015:
            return
        turn = rng.uniform(0.25, 0.6) * rng.choice([-1, 1])
        share = rng.uniform(0.72, 0.92)
        grow(p, heading + turn * (1 - share), radius * share, level + 1)
        grow(p, heading - turn * share * 1.3, radius * np.sqrt(1 - share**2) * 0.95, level + 1)

    up = film.dome
    hilum = (side * 0.165 * (0.9 + 0.1 * film.heart), (-0.12 if side < 0 else -0.16) - up * 0.25)
    for direction, radius in [
        (-75, 0.012),
        (-50, 0.0105),
        (-28, 0.009),
        (-8, 0.009),
        (12, 0.010),
        (32, 0.013),
        (50, 0.015),
        (66, 0.016),
        (80, 0.012),
        (40, 0.011),
        (20, 0.008),
        (58, 0.011),
        (-62, 0.009),
        (-88, 0.008),
    ]:
        heading = np.radians(direction + rng.normal(0, 6))
        if side < 0:
            heading = np.pi - heading
        start = (hilum[0] + rng.normal(0, 0.015), hilum[1] + rng.normal(0, 0.04) + 0.05 * np.sin(np.radians(direction)))
        grow(start, heading, radius * rng.uniform(0.85, 1.1), 0)
    path = np.zeros_like(X)
    for group in bins.values():
        image = Image.new("1", (CANVAS, CANVAS), 1)
        pen = ImageDraw.Draw(image)
        for _, points in group:
            pen.line(pixels(points), fill=0, width=1)
        radius = np.mean([r for r, _ in group])
        d = ndimage.distance_transform_edt(np.array(image)) * PIXEL
        path += 2 * np.sqrt(np.clip(radius**2 - d**2, 0, None)) * min(1, (radius / 0.004) ** 0.5)
    # The hilum itself: the larger vessels overlap into one soft shadow.
    for dy, size, cm in [(0.0, 0.05, 0.9), (0.09, 0.04, 0.7), (-0.06, 0.035, 0.5)]:
        path += (
            cm * CM * np.exp(-(((X - hilum[0] + side * 0.015) / size) ** 2 + ((Y - hilum[1] - dy) / (size * 1.7)) ** 2))
        )
    return 3.6 * path / CM


def ribs(film, side, rng):
    """Path through the bone of one side's ribs, cm."""
    path = np.zeros_like(X)
    outline = np.array(smooth(lung_outline(film, 1), 800, closed=True))
    tilt = 0.56 if not film.portable else 0.50
    for number in range(1, 12):
        start = -0.815 + 0.132 * (number - 1) * (1 - 0.12 * film.dome) + 0.004 * number
        drop = tilt * (0.55 + 0.05 * number if number < 9 else 1.0)
        at = start + drop / 2
        edge = outline[(np.abs(outline[:, 1] - min(at, 0.45)) < 0.02)][:, 0]
        reach = (edge.max() if len(edge) else 0.3) + 0.012
        if number == 1:
            reach, drop = 0.30 * film.chest, 0.20
        wobble = rng.normal(0, 0.006, 3)
        for part, (low, high) in enumerate([(0.10, np.pi / 2), (np.pi / 2, 2.45 if number < 8 else 2.1)]):
            if part == 1 and number > 9:
                continue
            t = np.linspace(low, high, 120)
            x = reach * np.sin(t) ** (0.92 if part == 0 else 0.8)
            y = (
                start
                + drop * (1 - np.cos(t)) / 2
                - 0.035 * np.sin(2 * t) * (part == 0)
                + wobble[part]
                + wobble[2] * np.sin(t)
            )
            if part == 1:
                y += 0.10 * (t - np.pi / 2) ** 1.5
            curve = np.stack([side * (x + film.rotation * 0.3 * side * (part == 1)), y], 1)
            radius = (0.027 if part == 0 else 0.031) * rng.uniform(0.93, 1.07) * (0.85 if number in (1, 2, 11) else 1)
            bone = (0.75 * tube(curve, radius, 0.25) + 0.28 * tube(curve, radius)) / CM
            # The end at the breastbone is cartilage: it fades.
            fade = np.clip((np.abs(X) - abs(curve[-1, 0])) / 0.10, 0, 1) if part == 1 else 1
            path += bone * (1.5 if part == 0 else 0.85) * fade
    return path


def shoulder(film, side):
    """Clavicle, scapula and humerus: path through bone, cm."""
    over = 0.16 if film.portable else 0.0  # how far the shoulder blade lies over the lung
    raised = 0.04 if film.portable else 0.0
    shift = film.rotation * 0.5 * side
    path = np.zeros_like(X)
    clavicle = smooth(
        mirrored(
            [
                (0.065 + shift, -0.575 - raised),
                (0.18, -0.63 - raised),
                (0.34, -0.675 - raised),
                (0.52, -0.725 - raised),
                (0.70, -0.765),
                (0.86, -0.745),
            ],
            side,
        )
    )
    path += (1.0 * tube(clavicle, 0.032, 0.25) + 0.25 * tube(clavicle, 0.032)) / CM
    path += 0.4 * tube(clavicle[:40], 0.038, 0.4) / CM
    blade = area(
        mirrored(
            [
                (0.80 - over, -0.72),
                (0.93, -0.70),
                (0.93, -0.50),
                (0.87 - over * 0.6, -0.32),
                (0.80 - over, -0.02),
                (0.755 - over, -0.0),
                (0.735 - over, -0.06),
                (0.705 - over, -0.3),
                (0.69 - over, -0.5),
                (0.72 - over, -0.68),
            ],
            side,
        ),
        curved=False,
    )
    blade = blur(blade.astype(float), 0.012) > 0.5
    rim = inside(blade)
    path += 0.35 * blur(blade.astype(float), 0.006) + blur(
        np.where(blade, np.exp(-(((rim - 0.006) / 0.008) ** 2)), 0), 0.003
    ) * (0.5 + 0.5 * (side * X < 0.78 - over))
    path += 0.3 * np.where(blade, np.exp(-((rim - 0.03) ** 2) / 0.0009), 0)
    spine = smooth(mirrored([(0.70 - over, -0.52), (0.80 - over / 2, -0.62), (0.92, -0.71), (0.98, -0.74)], side))
    path += 0.9 * tube(spine, 0.024, 0.3) / CM
    head = (X - side * 1.0) ** 2 + (Y + 0.585) ** 2 < 0.125**2
    path += 1.6 * rounded(head, 0.125) + 0.5 * np.where(
        head, np.exp(-((((X - side * 1.0) ** 2 + (Y + 0.585) ** 2 - 0.0145) / 0.0016) ** 2)), 0
    )
    socket = tube(smooth(mirrored([(0.905, -0.67), (0.885, -0.6), (0.895, -0.5)], side)), 0.016) / CM
    path += (
        1.2 * socket
        + 0.8 * tube(smooth(mirrored([(0.86, -0.66), (0.80, -0.70), (0.78, -0.665)], side)), 0.025, 0.4) / CM
    )
    end = (1.12, 0.35) if not film.portable else (1.06, 0.45)
    path += 1.3 * tube(smooth(mirrored([(1.03, -0.56), (1.06, -0.2), end], side)), 0.055, 0.3) / CM
    return path


def column(film):
    """The vertebrae: path through bone, cm."""
    path = np.zeros_like(X)
    top, height, half = -1.2, 0.094, 0.066
    while top < 1.2:
        middle = top + height / 2
        body = np.clip((half - np.abs(X) + 0.012 * ((Y - middle) / height * 2) ** 2) / 0.02, 0, 1) * np.clip(
            (height * 0.43 - np.abs(Y - middle)) / 0.012, 0, 1
        )
        path += 0.65 * body
        plate = np.exp(-(((np.abs(Y - middle) - height * 0.41) / 0.007) ** 2)) * np.clip(
            (half - np.abs(X)) / 0.015, 0, 1
        )
        path += 0.30 * plate
        for side in (-1, 1):
            ring = np.hypot((X - side * half * 0.62) / 0.75, Y - middle + height * 0.12)
            path += 0.35 * np.exp(-(((ring - 0.019) / 0.007) ** 2))
            path += (
                0.5
                * tube(
                    smooth(
                        mirrored(
                            [(half * 0.8, middle - 0.012), (half * 1.35, middle - 0.02), (half * 1.75, middle - 0.012)],
                            side,
                        )
                    ),
                    0.016,
                    0.6,
                )
                / CM
            )
        process = np.hypot((X - film.rotation * 0.4) / 0.45, (Y - middle - height * 0.42))
        path += 0.5 * np.exp(-((process / 0.026) ** 2))
        top += height
        height *= 1.036
        half *= 1.013
    return blur(path, 0.006) + 0.7 * np.clip((half * 0.92 - np.abs(X)) / 0.05, 0, 1) * 0.5


def attenuation(film, rng):
    """The sum along each ray of attenuation times path."""
    up = film.dome
    # Body: neck, shoulders, trunk and the arms beside it.
    side_x = 0.95 * film.chest + 0.04 * (film.thick - 1) * 5
    trunk = [
        (0.20, -1.3),
        (0.215, -1.02),
        (0.25, -0.93),
        (0.42, -0.895),
        (0.68, -0.85),
        (0.95, -0.77),
        (1.2, -0.58),
        (1.3, -0.2),
        (1.02 if not film.portable else 1.2, -0.12),
        (side_x + 0.06, -0.03),
        (side_x, 0.16),
        (side_x - 0.01, 0.5),
        (side_x + 0.01, 0.9),
        (side_x + 0.03, 1.4),
    ]
    body = area(trunk + mirrored(trunk[::-1], -1))
    level = np.clip((Y + 0.9) / 1.0, 0, 1)
    depth_cm = film.thick * (13.5 + 6.0 * level**0.8 + 1.6 * np.clip((Y - 0.2) / 0.5, 0, 1))
    tissue = np.maximum(depth_cm * rounded(body, 0.50) ** 0.75, 11.5 * rounded(body, 0.20) ** 0.8)
    # Chest wall and muscles round the shoulder are thicker than a lens.
    tissue += film.thick * 3.2 * np.exp(-(((np.abs(X) - 0.86) / 0.24) ** 2 + ((Y + 0.52) / 0.30) ** 2)) * body
    if film.portable or film.thick > 1.05:
        for side in (-1, 1):
            arm = area(
                mirrored(
                    [(0.98, -0.55), (1.3, -0.4), (1.4, 0.5), (1.3, 1.4), (1.06, 1.4), (0.985, 0.6), (0.97, 0.0)], side
                )
            )
            tissue = np.maximum(tissue, 9.0 * rounded(arm, 0.2))
    for side in (-1, 1):
        if film.breast:
            mask = area(
                mirrored(
                    [
                        (0.14, 0.10),
                        (0.36, -0.06),
                        (0.62, -0.05),
                        (0.80, 0.12),
                        (0.83, 0.34),
                        (0.70, 0.52),
                        (0.46, 0.565),
                        (0.24, 0.50),
                        (0.13, 0.33),
                    ],
                    side,
                )
            )
            sag = np.clip((Y - 0.02) / 0.5, 0, 1) ** 1.2
            tissue += film.breast * blur(rounded(mask, 0.30) ** 0.8 * sag, 0.006)

    # Lungs: air takes the place of tissue.
    air = np.zeros_like(X)
    vascular = np.zeros_like(X)
    fluid = np.zeros_like(X)
    for side in (-1, 1):
        lung = area(lung_outline(film, side))
        reach = 13.0 - 3.5 * np.clip((-Y - 0.25) / 0.55, 0, 1) - 1.0 * np.clip((Y - 0.1) / 0.5, 0, 1)
        own = reach * rounded(lung, 0.15) ** 0.75
        # The part behind the dome of the diaphragm, seen through liver or stomach.
        low = 0.62 - up * 0.8
        behind = area(
            mirrored(
                [
                    (0.10, 0.2 - up),
                    (0.40, 0.15),
                    (0.66 * film.chest, 0.2),
                    (0.69 * film.chest, low - 0.01),
                    (0.55 * film.chest, low - 0.02),
                    (0.30, low - 0.08),
                    (0.12, low - 0.16),
                ],
                side,
            )
        )
        own = np.maximum(own, 1.6 * rounded(behind, 0.12) * (1 - 0.6 * np.clip((Y - 0.35 + up) / 0.3, 0, 1)))
        vascular += np.minimum(vessels(rng, film, side, lung), own * 0.6)
        if film.effusion and side > 0:
            across = np.clip((X - 0.10) / (0.69 * film.chest - 0.10), 0, 1)
            surface = 0.33 - 0.06 * across - 0.30 * across**5
            share = np.clip((Y - surface) / 0.10 + 0.45, 0, 1)
            fluid += own * (share * share * (3 - 2 * share)) * 0.97
        air += own
    air *= np.clip(tissue / 8, 0, 1)

    # What lies in the lungs' place: heart, great vessels, fluid.
    heart = 8.5 * rounded(area(heart_outline(film)), 0.26) ** 0.9
    knob = 6.5 * rounded((X - 0.088 - film.rotation * 0.6) ** 2 + ((Y + 0.375) / 1.08) ** 2 < 0.083**2, 0.083)
    aorta = 3.0 * rounded(
        area([(0.03, -0.38), (0.125, -0.36), (0.115, -0.1), (0.10, 0.2), (0.085, 0.7), (0.0, 0.7)]), 0.05
    )
    cava = 5.5 * rounded(area([(-0.03, -0.6), (-0.105, -0.55), (-0.112, -0.3), (-0.12, -0.05), (0.0, -0.05)]), 0.06)
    subclavian = 5.0 * rounded(area([(0.02, -0.75), (0.085, -0.72), (0.105, -0.55), (0.09, -0.42), (0.0, -0.42)]), 0.05)
    solid = np.maximum(np.maximum(heart, knob) + aorta, np.maximum(cava, subclavian))
    solid = np.minimum(blur(solid, 0.004) + fluid, air * 0.985)

    total = SOFT * tissue - (SOFT - LUNG) * (air - solid)
    open_lung = np.clip((air - solid) / 6, 0, 1)
    total += (SOFT - LUNG) * vascular * np.clip(open_lung * 1.2 + 0.15, 0, 1)
    texture = grain(rng, 0.05, 1.15)
    total += 0.04 * texture * open_lung + 0.035 * grain(rng, 0.6, 1.6) * (tissue > 1)

    # Windpipe and main bronchi.
    tilt = film.rotation * 0.5
    gas = (
        2.1
        * tube(smooth([(0.0, -1.3), (-0.002, -0.9), (-0.012 + tilt, -0.6), (-0.018 + tilt, -0.30)]), 0.037)
        / (2 * 0.037)
    )
    gas = np.maximum(
        gas, 1.5 * tube(smooth([(-0.018 + tilt, -0.31), (-0.07, -0.22), (-0.115, -0.12)]), 0.026) / (2 * 0.026)
    )
    gas = np.maximum(
        gas, 1.4 * tube(smooth([(-0.018 + tilt, -0.31), (0.06, -0.245), (0.14, -0.19)]), 0.022) / (2 * 0.022)
    )
    total -= SOFT * gas
    # Stomach and bowel.
    belly = 0.56 - up
    bubble = rounded(((X - 0.36) / 0.155) ** 2 + ((Y - belly) / 0.088) ** 2 < 1, 0.08)
    level = np.clip((belly + 0.045 - Y) / 0.008, 0, 1) if not film.portable else 1
    total -= SOFT * 3.4 * bubble * level * (0.35 if film.effusion else 1)
    for _ in range(14):
        cx, cy, size = rng.uniform(-0.5, 0.6), rng.uniform(0.78, 1.05), rng.uniform(0.02, 0.055)
        total -= (
            SOFT * rng.uniform(0.4, 1.3) * np.exp(-((((X - cx) / size) ** 2 + ((Y - cy) / (size * 0.7)) ** 2) ** 2))
        )

    bone = column(film)
    for side in (-1, 1):
        # Scatter from the belly veils the ribs over it.
        bone += ribs(film, side, rng) * (0.4 + 0.6 * blur(open_lung, 0.02)) + shoulder(film, side)
    manubrium = area([(-0.075, -0.60), (0.075, -0.60), (0.06, -0.44), (0.045, -0.36), (-0.045, -0.36), (-0.06, -0.44)])
    bone += 0.35 * blur(manubrium.astype(float), 0.01)
    bone *= 1 + 0.10 * grain(rng, 0.03, 0.8)
    return np.maximum(total, 0) + (BONE - SOFT) * bone * np.clip(tissue / 3, 0, 1)


def expose(total, film, rng):
    """Grey levels, 0 to 255, of the film behind this attenuation."""
    rays = np.exp(-total)
    scatter = blur(np.minimum(rays, 0.5), 0.16)
    seen = blur(rays, 0.0022) + 0.45 * scatter + 0.003
    seen *= 1 + (0.010 / np.sqrt(seen / 0.02)) * grain(rng, 0.006, 0.3)
    density = -np.log(seen)
    # The machine's own sharpening.
    density += 0.65 * (density - blur(density, 0.02)) + 0.12 * (density - blur(density, 0.12))
    return density


def tone(density, film):
    low, high = -0.05, 4.15
    x = np.clip((density - low) / (high - low), -0.2, 1.4)
    x = 0.5 + (x - 0.5) * film.contrast
    # Toe and shoulder of a film.
    grey = 1 / (1 + np.exp(-(x - 0.50) * 5.0))
    bottom, top = 1 / (1 + np.exp(2.9)), 1 / (1 + np.exp(-2.6))
    return np.clip((grey - bottom) / (top - bottom), 0, 1.02) * 236


def stamp(image, text, x, y, size, value=248):
    """Writes text with its middle at (x, y)."""
    pen = ImageDraw.Draw(image)
    font = ImageFont.truetype(str(FONT), int(size * SIZE * FINE / 2))
    pen.text(((x + 1) / 2 * SIZE * FINE, (y + 1) / 2 * SIZE * FINE), text, fill=value, font=font, anchor="mm")


def wires(film, rng):
    """Electrodes and their wires over the patient: path through metal, in attenuation."""
    path = np.zeros_like(X)
    for (x, y), route in film.leads:
        path += 0.9 * rounded((X - x) ** 2 + (Y - y) ** 2 < 0.022**2, 0.008)
        path += 0.35 * np.exp(-(((np.hypot(X - x, Y - y) - 0.034) / 0.006) ** 2))
        path += 0.34 * np.clip(1.25 - away(smooth([(x, y), *route])) / 0.0042, 0, 1)
    return path


def place(image, film):
    """Turns, scales and moves the patient in the frame."""
    angle = np.radians(film.turn)
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]]) / film.zoom
    middle = np.full(2, CANVAS / 2)
    moved = middle + np.array(film.shift[::-1]) / PIXEL
    return ndimage.affine_transform(image, turn, middle - turn @ moved, order=1, mode="nearest")


def draw(film):
    rng = np.random.default_rng(film.seed)
    total = attenuation(film, rng)
    total = place(total, film)
    total += wires(film, rng)
    grey = tone(expose(total, film, rng), film)
    edge = (CANVAS - SIZE * FINE) // 2
    grey = grey[edge : edge + SIZE * FINE, edge : edge + SIZE * FINE]
    # Collimation: a soft dark edge, wider on one side.
    along = (np.arange(SIZE * FINE) + 0.5) / (SIZE * FINE)
    left, right, top, bottom = rng.uniform(0.002, 0.012, 4)
    rows = np.clip(np.minimum(along - top, 1 - bottom - along) / 0.006, 0, 1)
    columns = np.clip(np.minimum(along - left, 1 - right - along) / 0.006, 0, 1)
    grey = 6 + (grey - 6) * rows[:, None] * columns[None]
    image = Image.fromarray(np.clip(grey, 0, 255).astype(np.uint8))
    letter, x, y = film.marker
    stamp(image, letter, x, y, 0.085)
    if film.portable:
        stamp(image, "PORTABLE", -0.80, -0.74, 0.042)
        stamp(image, "AP", 0.80, -0.70, 0.042)
        cx, cy = (np.array([-0.80, -0.85]) + 1) / 2 * SIZE * FINE
        arrow = np.array([(0, -26), (17, -6), (7, -6), (7, 22), (-7, 22), (-7, -6), (-17, -6)])
        ImageDraw.Draw(image).polygon([(cx + a, cy + b) for a, b in arrow], fill=248)
    return image.resize((SIZE, SIZE), Image.Resampling.BOX)


FILMS = [
    Film("drawn_normal_pa", seed=11, zoom=1.05, shift=(0.0, 0.03), marker=("L", 0.82, -0.86)),
    Film(
        "drawn_large_heart_pa",
        seed=23,
        heart=1.42,
        breast=4.5,
        dome=0.04,
        thick=1.06,
        zoom=0.95,
        shift=(0.01, 0.04),
        marker=("L", 0.84, -0.84),
    ),
    Film(
        "drawn_portable_ap",
        seed=37,
        heart=1.22,
        dome=0.13,
        portable=True,
        turn=-3.0,
        zoom=0.97,
        shift=(-0.02, 0.07),
        rotation=0.03,
        thick=1.08,
        contrast=0.8,
        marker=("L", 0.80, -0.82),
        leads=[
            ((-0.42, -0.38), [(-0.58, -0.62), (-0.72, -0.95), (-0.80, -1.2)]),
            ((0.44, -0.36), [(0.52, -0.55), (0.33, -0.78), (0.38, -1.2)]),
            ((0.52, 0.34), [(0.72, 0.24), (0.86, -0.10), (1.2, -0.30)]),
        ],
    ),
    Film(
        "drawn_effusion_pa",
        seed=58,
        effusion=True,
        chest=0.96,
        dome=-0.02,
        breast=3.0,
        thick=0.98,
        zoom=1.03,
        shift=(-0.015, 0.02),
        marker=("L", 0.85, -0.85),
    ),
]


def main():
    out = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent
    for film in FILMS:
        draw(film).save(out / f"{film.name}.png", optimize=True)
        print(film.name)


if __name__ == "__main__":
    main()
