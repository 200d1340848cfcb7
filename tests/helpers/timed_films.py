"""Films of slides in flat colours, in every container by every pattern of times, with where each slide stands."""

import subprocess
from pathlib import Path

import numpy as np

SIZE = (96, 64)  # width, height
RATE = 10
SLIDE_S = 2.0
COLOURS = ((200, 30, 30), (30, 170, 40), (40, 60, 210), (210, 200, 40), (190, 50, 190), (40, 190, 200))
LENGTH_S = SLIDE_S * len(COLOURS)
CONTAINERS = ("mp4", "mov", "mkv", "webm", "ts", "m2ts", "avi", "flv")
PATTERNS = ("steady", "variable", "offset", "delayed")
DELAY_S = 3.0  # of the pictures of a delayed film behind its sound
OFFSET_S = 7.0  # of the clock of a container
CUT_S = 4.0  # from the start of an edited film, by an edit list


def ffmpeg(*arguments: object, data: bytes | None = None) -> None:
    command = ["ffmpeg", "-v", "error", "-y", *map(str, arguments)]
    subprocess.run(command, input=data, check=True, timeout=60)


def slides() -> bytes:
    """The slides as raw RGB frames: each colour with a lighter box, so that no frame is blank."""
    frames = []
    for number, colour in enumerate(COLOURS):
        frame = np.empty((SIZE[1], SIZE[0], 3), np.uint8)
        frame[:] = colour
        frame[8:24, 8 + 12 * number : 20 + 12 * number] = 255
        frames += [frame.tobytes()] * round(SLIDE_S * RATE)
    return b"".join(frames)


def make_films(folder: Path) -> dict[str, tuple[Path, float]]:
    """Films by name, and the second at which each shows its first slide."""
    raw = slides()
    made: dict[str, tuple[Path, float]] = {}
    source = ["-f", "rawvideo", "-pix_fmt", "rgb24", "-s", f"{SIZE[0]}x{SIZE[1]}", "-r", RATE, "-i", "pipe:0"]
    held = ["-vf", f"select='lt(mod(n,{round(SLIDE_S * RATE)}),2)+eq(n,{round(LENGTH_S * RATE) - 1})'", "-vsync", "vfr"]
    codecs = {
        "h264": [
            "-c:v",
            "libx264",
            "-preset",
            "ultrafast",
            "-bf",
            2,
            "-g",
            150,
            "-sc_threshold",
            0,
            "-pix_fmt",
            "yuv420p",
        ],
        "vp8": ["-c:v", "libvpx", "-deadline", "realtime", "-b:v", "1M", "-g", 60],
        "mpeg4": ["-c:v", "mpeg4", "-q:v", 3, "-g", 60],
    }
    sound = ["-f", "lavfi", "-i", f"sine=r=8000:d={LENGTH_S + DELAY_S}"]
    for codec, options in codecs.items():
        for shape, filters in (("steady", []), ("variable", held)):
            ffmpeg(*source, *filters, *options, folder / f"{codec}-{shape}.mkv", data=raw)
    for ending in CONTAINERS:
        codec = {"webm": "vp8", "avi": "mpeg4"}.get(ending, "h264")
        audio = {"webm": "libvorbis", "avi": "pcm_s16le", "flv": "aac"}.get(ending, "aac")
        for pattern in PATTERNS:
            base = folder / f"{codec}-{'variable' if pattern == 'variable' else 'steady'}.mkv"
            path = folder / f"{pattern}.{ending}"
            if pattern == "delayed":
                tracks = ["-map", "0:a", "-map", "1:v", "-c:v", "copy", "-c:a", audio, "-ar", 44100]
                ffmpeg(*sound, "-itsoffset", DELAY_S, "-i", base, *tracks, path)
            else:
                more = ["-output_ts_offset", OFFSET_S] if pattern == "offset" else []
                ffmpeg("-i", base, "-c", "copy", *more, path)
            # AVI has no clock: FFmpeg writes empty frames up to an offset.
            late = {"delayed": DELAY_S, "offset": OFFSET_S if ending == "avi" else 0.0}
            made[path.name] = path, late.get(pattern, 0.0)
    for ending in ("mp4", "mov"):
        steady = folder / f"steady.{ending}"
        for name, options, start in (
            ("edited", ["-ss", CUT_S, "-i", steady, "-c", "copy"], -CUT_S),
            ("turned", ["-i", steady, "-c", "copy", "-metadata:s:v", "rotate=90"], 0.0),
        ):
            path = folder / f"{name}.{ending}"
            ffmpeg(*options, path)
            made[path.name] = path, start
    return made


def colour_at(time_s: float, start_s: float) -> int:
    """The number of the slide that a film shows at a time."""
    return min(max(int((time_s - start_s) / SLIDE_S), 0), len(COLOURS) - 1)


def slide_in(image: np.ndarray) -> int:
    """The number of the slide that an image shows."""
    ground = np.median(image.reshape(-1, 3), axis=0)
    return int(np.argmin([np.abs(ground - np.array(colour)).sum() for colour in COLOURS]))
