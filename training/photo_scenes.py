"""Photograph-like pictures of places: landscapes, surfaces, lights, and rooms and streets by ray tracing.

They teach what a photograph looks like as a whole (not what is in it), without any photograph.
"""

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from training.charts import Drawn
from training.graphics import blob

Field = np.ndarray  # float32 (height, width), about 0 to 1


def clouds(rng: np.random.Generator, height: int, width: int, rough: float = 0.55, first: int = 2) -> Field:
    """Noise with detail at every scale: random grids, each twice as fine and `rough` times as strong as the last."""
    total, weight, cells = np.zeros((height, width), np.float32), 1.0, first
    stretch = float(np.exp(rng.normal(0, 0.5)))
    while cells < max(height, width):
        grid = rng.random((max(2, int(cells / stretch)) + 1, int(cells * stretch) + 2)).astype(np.float32)
        layer = Image.fromarray(grid).resize((width, height), Image.Resampling.BICUBIC)
        total += np.asarray(layer) * weight
        weight *= rough
        cells *= 2
    low, high = float(total.min()), float(total.max())
    return (total - low) / (high - low + 1e-6)


def tint(rng: np.random.Generator, field: Field) -> np.ndarray:
    """float32 (height, width, 3) 0 to 255: a field coloured along a natural ramp of muted colours."""
    base = natural(rng)
    other = np.clip(base + rng.normal(0, 45, 3), 0, 255) if rng.random() < 0.7 else natural(rng)
    result: np.ndarray = base + (other - base) * field[..., None]
    return result


def natural(rng: np.random.Generator) -> np.ndarray:
    """A colour such as earth, skin, leaves, stone, cloth and sky have: (3,) 0 to 255."""
    if rng.random() < 0.12:
        return rng.uniform(0, 255, 3)
    bases = (
        (110, 85, 60),
        (70, 100, 50),
        (130, 125, 120),
        (200, 165, 140),
        (95, 120, 150),
        (60, 45, 40),
        (180, 170, 150),
        (40, 60, 35),
        (150, 60, 45),
        (210, 200, 190),
        (30, 35, 45),
        (160, 130, 80),
        (220, 180, 60),
        (90, 50, 90),
    )
    return np.clip(np.array(bases[rng.integers(len(bases))]) * rng.uniform(0.6, 1.3) + rng.normal(0, 14, 3), 0, 255)


def landscape(rng: np.random.Generator, h: int, w: int, kind: str) -> np.ndarray:
    """Sky, ridges or sea, and ground; by day, at sunset, at night."""
    sky = {
        "landscape": ((90, 140, 205), (205, 220, 235)),
        "sky": ((70, 120, 200), (190, 215, 240)),
        "sea": ((120, 165, 210), (215, 225, 230)),
        "sunset": ((70, 60, 110), (250, 150, 70)),
        "night": ((5, 8, 25), (30, 35, 65)),
    }[kind]
    top, low = (np.array(c) + rng.normal(0, 18, 3) for c in sky)
    down = np.linspace(0, 1, h)[:, None, None]
    picture = np.broadcast_to(top + (low - top) * down, (h, w, 3)).copy()
    cover = np.clip((clouds(rng, h, w) - rng.uniform(0.3, 0.8)) * 3, 0, 1)[..., None]
    white = np.array((250, 250, 250)) if kind not in ("night", "sunset") else low * 0.9
    picture += (white - picture) * cover * rng.uniform(0.2, 1)
    if kind in ("night", "sunset") and rng.random() < 0.8:
        disc(
            picture, rng.uniform(0.2, 0.8) * w, rng.uniform(0.2, 0.6) * h, rng.uniform(0.03, 0.12) * w, (255, 240, 200)
        )
    if kind == "night":
        stars = rng.random((h, w)) < 0.002
        picture[stars] = 230
    if kind == "sky":
        return picture
    horizon = rng.uniform(0.35, 0.75) * h
    if kind == "sea":
        rows = np.arange(h) > horizon
        waves = clouds(rng, h, w, 0.8, 8)[..., None]
        water = np.array((40, 90, 120)) + rng.normal(0, 20, 3) + waves * 90 - 30
        picture[rows] = water[rows]
        return picture
    for layer in range(int(rng.integers(1, 5))):
        ridge = horizon + (clouds(rng, 2, w, 0.5)[0] - 0.5) * h * rng.uniform(0.15, 0.5) + layer * h * 0.1
        inside = np.arange(h)[:, None] > ridge[None]
        ground = tint(rng, clouds(rng, h, w, rng.uniform(0.5, 0.9), 4)) * (0.25 if kind in ("sunset", "night") else 1)
        haze = max(0.0, 0.5 - layer * 0.2)
        picture[inside] = (ground + (low - ground) * haze)[inside]
    return picture


def disc(picture: np.ndarray, x: float, y: float, r: float, colour: tuple[int, int, int]) -> None:
    """A glowing disc, in place."""
    yy, xx = np.mgrid[0 : picture.shape[0], 0 : picture.shape[1]]
    away = np.hypot(xx - x, yy - y) / r
    glow = np.clip(1.6 - away, 0, 1)[..., None] + 0.25 * np.exp(-away / 3)[..., None]
    picture += (np.array(colour) - picture) * np.clip(glow, 0, 1)


def objects(rng: np.random.Generator, h: int, w: int, many: bool) -> np.ndarray:
    """Round-shaded, textured bodies with shadows before a blurred background; or a heap that fills the picture."""
    back = tint(rng, clouds(rng, h, w, 0.45))
    if rng.random() < 0.5:  # a table or floor
        edge = int(rng.uniform(0.4, 0.8) * h)
        back[edge:] = tint(rng, clouds(rng, h, w, 0.7, 8))[edge:]
    picture = soft(back, rng.uniform(0, 5))
    light = rng.uniform(0, 2 * np.pi)
    for _ in range(int(rng.integers(25, 120)) if many else int(rng.integers(1, 7))):
        r = min(h, w) * float(rng.gamma(2, 0.05) if many else rng.uniform(0.08, 0.45))
        x, y = rng.uniform(0, w), rng.uniform(0, h) if many else rng.uniform(0.3, 0.9) * h
        body(rng, picture, x, y, max(r, 3), light)
    return picture


def body(rng: np.random.Generator, picture: np.ndarray, x: float, y: float, r: float, light: float) -> None:
    """One shaded body with a soft shadow, in place."""
    h, w = picture.shape[:2]
    x0, x1, y0, y1 = max(0, int(x - 2 * r)), min(w, int(x + 2 * r)), max(0, int(y - 2 * r)), min(h, int(y + 2 * r))
    if x1 - x0 < 3 or y1 - y0 < 3:
        return
    mask = Image.new("L", (x1 - x0, y1 - y0), 0)
    pen, kind = ImageDraw.Draw(mask), rng.integers(4)
    if kind == 0:
        a, b = r * rng.uniform(0.5, 1), r * rng.uniform(0.5, 1)
        pen.ellipse((x - x0 - a, y - y0 - b, x - x0 + a, y - y0 + b), fill=255)
    elif kind == 1:
        turn = rng.uniform(0, 6) + np.array([0, 1.2, 3.14, 4.3])
        pen.polygon([(x - x0 + r * np.cos(t), y - y0 + r * np.sin(t)) for t in turn], fill=255)
    else:
        pen.polygon(blob(rng, x - x0, y - y0, r * 0.8, 0.5), fill=255)
    alpha = np.asarray(mask.filter(ImageFilter.GaussianBlur(0.8)), np.float32)[..., None] / 255
    shadow = np.asarray(mask.filter(ImageFilter.GaussianBlur(r * 0.2)), np.float32)[..., None] / 255
    part = picture[y0:y1, x0:x1]
    part *= 1 - 0.35 * np.roll(shadow, (int(r * 0.15), int(-np.cos(light) * r * 0.2)), (0, 1))
    yy, xx = np.mgrid[y0:y1, x0:x1]
    slope = ((xx - x) * np.cos(light) + (yy - y) * np.sin(light)) / r
    shade = np.clip(0.75 + 0.45 * slope - 0.25 * ((xx - x) ** 2 + (yy - y) ** 2) / r**2, 0.08, 1.6)
    skin = (
        tint(rng, clouds(rng, y1 - y0, x1 - x0, float(rng.uniform(0.3, 0.9)), int(rng.integers(2, 16))))
        * shade[..., None]
    )
    if rng.random() < 0.3:  # a highlight
        skin += 120 * np.exp(-(((slope - 0.5) * 5) ** 2) - ((yy - y) / r) ** 2 * 4)[..., None]
    part += (skin - part) * alpha


def soft(array: np.ndarray, radius: float) -> np.ndarray:
    """Blurred."""
    picture = Image.fromarray(np.clip(array, 0, 255).astype(np.uint8)).filter(ImageFilter.GaussianBlur(float(radius)))
    return np.asarray(picture, np.float32).copy()


def lights(rng: np.random.Generator, h: int, w: int) -> np.ndarray:
    """Discs of light out of focus."""
    picture = tint(rng, clouds(rng, h, w, 0.4)) * rng.uniform(0.1, 0.8)
    image = Image.fromarray(np.clip(picture, 0, 255).astype(np.uint8))
    pen = ImageDraw.Draw(image, "RGBA")
    for _ in range(int(rng.integers(10, 60))):
        x, y, r = rng.uniform(0, w), rng.uniform(0, h), rng.uniform(0.01, 0.09) * w
        hue = (*(int(v) for v in np.clip(natural(rng) * 1.5, 0, 255)), int(rng.integers(60, 200)))
        pen.ellipse((x - r, y - r, x + r, y + r), fill=hue)
    return soft(np.asarray(image), rng.uniform(0.5, 4))


def built(rng: np.random.Generator, h: int, w: int) -> np.ndarray:
    """Streets and rooms: house fronts with windows before a sky, or walls, a floor and boxes, seen at an angle."""
    street = rng.random() < 0.6
    picture = landscape(rng, h, w, "sky") if street else tint(rng, clouds(rng, h, w, 0.3))
    x = 0.0
    while x < w and street:
        wide, top = rng.uniform(0.1, 0.4) * w, int(rng.uniform(0.05, 0.6) * h)
        a, b = int(x), int(min(x + wide, w))
        wall = tint(rng, clouds(rng, h, w, 0.8, 16))[top:, a:b] * rng.uniform(0.6, 1.1)
        step_y, step_x = max(6, int(rng.uniform(0.06, 0.14) * h)), max(5, int(rng.uniform(0.04, 0.1) * w))
        grid_y, grid_x = (
            np.arange(wall.shape[0]) % step_y > step_y * 0.45,
            np.arange(wall.shape[1]) % step_x > step_x * 0.5,
        )
        wall[np.ix_(grid_y, grid_x)] *= rng.uniform(0.2, 0.7)
        picture[top:, a:b] = wall
        x += wide
    edge = int(rng.uniform(0.55, 0.9) * h)
    picture[edge:] = tint(rng, clouds(rng, h, w, 0.8, 8))[edge:]
    for _ in range(int(rng.integers(1, 6))):
        body(rng, picture, rng.uniform(0, w), rng.uniform(0.6, 1) * h, rng.uniform(0.05, 0.2) * w, 4.0)
    shear = float(rng.normal(0, 0.12))
    image = Image.fromarray(np.clip(picture, 0, 255).astype(np.uint8))
    return np.asarray(
        image.transform((w, h), Image.Transform.AFFINE, (1, shear, -shear * h / 2, 0, 1, 0)), np.float32
    ).copy()


def surface(rng: np.random.Generator, h: int, w: int) -> np.ndarray:
    """Stone, grass, cloth, gravel, bricks, bark."""
    field = clouds(rng, h, w, float(rng.uniform(0.7, 1.1)), int(rng.choice([2, 8, 24])))
    if rng.random() < 0.3:
        field = np.abs(field - 0.5) * 2
    picture = tint(rng, field) * rng.uniform(0.6, 1.2)
    if rng.random() < 0.25:  # bricks
        tall, wide = max(5, h // int(rng.integers(5, 14))), max(8, w // int(rng.integers(3, 9)))
        for row in range(h // tall + 1):
            picture[row * tall : row * tall + 2] *= 0.6
            for x in range(row % 2 * wide // 2, w, wide):
                picture[row * tall : (row + 1) * tall, x : x + 2] *= 0.6
    return picture


def camera(rng: np.random.Generator, picture: np.ndarray) -> Image.Image:
    """Exposure, colour cast, darker corners, blur, grain, perhaps grey."""
    h, w = picture.shape[:2]
    across, down = np.meshgrid(np.linspace(-1, 1, w), np.linspace(-1, 1, h))
    if rng.random() < 0.5:
        picture = picture * (1 - rng.uniform(0.05, 0.5) * (across**2 + down**2) / 2)[..., None]
    picture = picture * rng.uniform(0.8, 1.7) * rng.uniform(0.93, 1.07, 3)
    middle = picture.mean()
    picture = middle + (picture - middle) * rng.uniform(0.7, 1.5)
    if rng.random() < 0.25:
        picture = soft(picture, rng.uniform(0.3, 1.3))
    picture = picture + rng.normal(0, rng.uniform(1, 9), (h, w, 1)) + rng.normal(0, rng.uniform(0, 4), (h, w, 3))
    return Image.fromarray(np.clip(picture, 0, 255).astype(np.uint8))


def scene(rng: np.random.Generator) -> Drawn:
    """One photograph-like picture of about 200 x 150 pixels."""
    w, h = int(rng.integers(130, 260)), int(rng.integers(130, 210))
    labels: tuple[str, ...]
    chance = rng.random()
    if chance < 0.25:
        kind = str(rng.choice(["landscape", "landscape", "sky", "sea", "sunset", "night"]))
        picture, labels = landscape(rng, h, w, kind), (kind,)
        if kind == "landscape" and rng.random() < 0.4:
            for _ in range(int(rng.integers(1, 5))):
                body(rng, picture, rng.uniform(0, w), rng.uniform(0.6, 0.95) * h, rng.uniform(0.06, 0.25) * w, 4.0)
    elif chance < 0.55:
        many = rng.random() < 0.35
        picture, labels = objects(rng, h, w, many), ("photo",) if many else ("object photo",)
    elif chance < 0.72:
        picture, labels = built(rng, h, w), ("photo", "?landscape", "?sky")
    elif chance < 0.88:
        picture, labels = surface(rng, h, w), ("texture photo",)
    else:
        picture, labels = lights(rng, h, w), ("bokeh",)
    shot, grey = camera(rng, picture), rng.random() < 0.13
    if grey:
        shot = shot.convert("L").convert("RGB")
    labels = (*labels, *(["grey"] if grey else []), *(["?dark"] if np.asarray(shot).mean() < 60 else []))
    return shot, labels, "", ("natural light", "shadows", "a camera picture")[: 0 if labels[0] == "bokeh" else 3]


Solid = tuple[np.ndarray, np.ndarray]  # two corners of an upright box, or (middle, (radius,)) of a ball


def ray_traced(rng: np.random.Generator, h: int, w: int) -> np.ndarray:
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
