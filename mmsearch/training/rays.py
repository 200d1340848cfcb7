"""Rooms and streets seen by a camera: boxes, balls, a floor, textures in perspective, one light and its shadows."""

import numpy as np

from mmsearch.training.scenes import clouds, landscape, tint

Solid = tuple[np.ndarray, np.ndarray]  # two corners of an upright box, or (middle, (radius,)) of a ball


def view(rng: np.random.Generator, h: int, w: int) -> np.ndarray:
    """float32 (h, w, 3), 0 to 255: a street with blocks, or the inside of a room, with some balls."""
    inside = rng.random() < 0.5
    solids = blocks(rng, inside)
    zoom, pitch, yaw, roll = rng.uniform(0.5, 1.3), rng.normal(0, 0.15), rng.uniform(-0.6, 0.6), rng.normal(0, 0.04)
    yy, xx = np.mgrid[0:h, 0:w]
    plane = np.stack([(xx - w / 2) / w, -(yy - h / 2) / w, np.full((h, w), zoom)], 2)
    c, s = np.cos(roll), np.sin(roll)
    plane = plane @ np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]])
    c, s = np.cos(pitch), np.sin(pitch)
    plane = plane @ np.array([[1, 0, 0], [0, c, -s], [0, s, c]])
    c, s = np.cos(yaw), np.sin(yaw)
    rays = (plane @ np.array([[c, 0, -s], [0, 1, 0], [s, 0, c]])).reshape(-1, 3)
    rays /= np.linalg.norm(rays, axis=1, keepdims=True)
    eye = np.array([rng.normal(0, 0.3), rng.uniform(0.8, 2.2), 0.0])
    far, which, normal = nearest(eye[None], rays, solids)
    places = eye + rays * np.minimum(far, 60)[:, None]
    lamp = np.array([rng.uniform(-1, 1), rng.uniform(0.4, 1.2), rng.uniform(-1, 0.6)])
    lamp = np.array([0, 0.6, -0.2]) if inside else lamp
    lamp /= np.linalg.norm(lamp)
    colour = textured(rng, places, which, normal, len(solids))
    lit = np.clip(normal @ lamp, 0, 1)
    shadow, _, _ = nearest(
        places + normal * 0.02, np.broadcast_to(lamp, places.shape), solids[: 14 if not inside else 0]
    )
    lit = np.where(shadow < 50, lit * 0.2, lit)
    ambient = rng.uniform(0.25, 0.6)
    made = colour * (ambient + (1.1 - ambient) * lit)[:, None]
    fog, haze = np.exp(-far * rng.uniform(0.005, 0.06))[:, None], np.array([200, 205, 215]) * rng.uniform(0.3, 1.1)
    made = haze + (made - haze) * fog
    sky = landscape(rng, h, w, "sky").reshape(-1, 3)
    return np.where((far > 60)[:, None], sky, made).reshape(h, w, 3).astype(np.float32)


def blocks(rng: np.random.Generator, inside: bool) -> list[Solid]:
    """Furniture in a room (whose walls are the last five solids), or houses along a street; then balls."""
    made: list[Solid] = []
    for _ in range(int(rng.integers(3, 12))):
        if inside:
            size = rng.uniform((0.2, 0.2, 0.2), (1.6, 1.6, 1.2))
            corner = np.array([rng.uniform(-3, 2), 0.0, rng.uniform(1.5, 6)])
        else:
            size = rng.uniform((1, 1, 1), (5, 9, 7))
            corner = np.array([rng.choice([-1, 1]) * rng.uniform(1.5, 5), 0.0, rng.uniform(2, 26)])
            corner[0] -= size[0] if corner[0] < 0 else 0
        made.append((corner, corner + size))
    for _ in range(int(rng.integers(0, 5))):
        r = rng.uniform(0.15, 0.7)
        made.append((np.array([rng.uniform(-2.5, 2.5), r, rng.uniform(2, 8)]), np.array([r])))
    if inside:
        x, y, z = rng.uniform(2, 4), rng.uniform(2.3, 3.5), rng.uniform(4, 9)
        made.append((np.array([-x - 1, -1, -9]), np.array([-x, y + 1, 20])))
        made.append((np.array([x, -1, -9]), np.array([x + 1, y + 1, 20])))
        made.append((np.array([-9, y, -9]), np.array([9, y + 1, 20])))
        made.append((np.array([-9, -1, z]), np.array([9, y + 1, z + 1])))
    made.append((np.array([-90, -1, -90]), np.array([90, 0, 90])))
    return made


def nearest(origin: np.ndarray, rays: np.ndarray, solids: list[Solid]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """What each ray (n, 3) hits first: distance (n,), number of the solid (n,), surface normal (n, 3)."""
    n = len(rays)
    best, which, normal = np.full(n, 1e9), np.zeros(n, int), np.zeros((n, 3))
    safe = np.where(np.abs(rays) < 1e-6, 1e-6, rays)
    rows = np.arange(n)
    for number, (a, b) in enumerate(solids):
        if len(b) == 1:
            toward = origin - a
            half = (toward * rays).sum(1)
            inner = half**2 - (toward**2).sum(1) + b[0] ** 2
            near = np.where(inner > 0, -half - np.sqrt(np.maximum(inner, 0)), 1e9)
            hit = (near > 1e-3) & (near < best)
            out = (toward + rays * near[:, None])[hit] / b[0]
        else:
            one, two = (a - origin) / safe, (b - origin) / safe
            enter, leave = np.minimum(one, two), np.maximum(one, two)
            axis = enter.argmax(1)
            near = enter[rows, axis]
            hit = (near < leave.min(1)) & (near > 1e-3) & (near < best)
            out = np.zeros((int(hit.sum()), 3))
            out[np.arange(len(out)), axis[hit]] = -np.sign(safe[rows, axis][hit])
        best[hit], which[hit], normal[hit] = near[hit], number, out
    return best, which, normal


def textured(
    rng: np.random.Generator, places: np.ndarray, which: np.ndarray, normal: np.ndarray, count: int
) -> np.ndarray:
    """float64 (n, 3): the colour of each solid at a place: a wood-like, stone-like or plain field, windows, tiles."""
    colour = np.zeros((len(places), 3))
    axis = np.abs(normal).argmax(1)
    u = np.where(axis == 0, places[:, 2], places[:, 0])
    v = np.where(axis == 1, places[:, 2], places[:, 1])
    for number in range(count):
        mine = which == number
        if not mine.any():
            continue
        field = tint(rng, clouds(rng, 128, 128, float(rng.uniform(0.3, 1)), int(rng.choice([2, 6, 16]))))
        dense = float(rng.choice([8, 20, 60]))
        made = field[(v[mine] * dense).astype(int) % 128, (u[mine] * dense).astype(int) % 128]
        if rng.random() < 0.45:
            wide, tall = rng.uniform(0.25, 1.4), rng.uniform(0.25, 1.6)
            gap = rng.choice([0.06, 0.5])
            seam = (u[mine] % wide < wide * gap) | (v[mine] % tall < tall * gap)
            made = made * np.where(seam if gap < 0.1 else ~seam, rng.uniform(0.2, 1.3), 1)[:, None]
        colour[mine] = made
    return np.clip(colour, 0, 255)
