"""The films: five short ones of drawn scenes with hard cuts, with and without subtitles.

A scene is a background, a drawing that moves a little, and the words on the screen. Subtitles hold other words than the
screen, so that a query shows whether they were read.
"""

from __future__ import annotations

import math
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from drawing import Colour, font
from PIL import Image, ImageDraw
from sounds import EXACT, RATE, chime, encode, seconds

FPS = 12
SIZE = (640, 360)
Motion = Callable[[ImageDraw.ImageDraw, float], None]
Cue = tuple[float, float, str]


@dataclass(frozen=True)
class Scene:
    """Some seconds of one picture: background, words (the first line large), and what moves."""

    length: float
    background: Colour
    lines: tuple[str, ...]
    motion: Motion
    ink: Colour = "white"
    top: int = 40


def ship(pen: ImageDraw.ImageDraw, x: float, y: float, hull: Colour = "#c0392b") -> None:
    """A ferry, seen from the side."""
    pen.polygon([(x, y), (x + 190, y), (x + 165, y + 42), (x + 22, y + 42)], fill=hull)
    pen.rectangle((x + 34, y - 34, x + 146, y), fill="#f4f1e6")
    pen.rectangle((x + 100, y - 62, x + 136, y - 34), fill="#f4f1e6")
    for window in range(4):
        pen.rectangle((x + 44 + window * 25, y - 25, x + 58 + window * 25, y - 12), fill="#5d8aa8")


def waves(pen: ImageDraw.ImageDraw, t: float, top: int, colour: Colour) -> None:
    """The sea below a height, with a moving edge."""
    edge = [(x, top + 6 * math.sin(x / 34 + 3 * t)) for x in range(0, SIZE[0] + 16, 16)]
    pen.polygon([*edge, SIZE, (0, SIZE[1])], fill=colour)


def sailing(speed: float, sea: Colour, start: float = -120, hull: Colour = "#c0392b") -> Motion:
    """A ferry that crosses the picture."""

    def draw(pen: ImageDraw.ImageDraw, t: float) -> None:
        ship(pen, start + speed * t, 248 + 4 * math.sin(2 * t), hull)
        waves(pen, t, 284, sea)

    return draw


def life_ring(pen: ImageDraw.ImageDraw, t: float) -> None:
    """A life ring in the sea."""
    waves(pen, t, 230, "#1b4f72")
    x, y = 320 + 30 * math.sin(t), 270 + 8 * math.sin(2.4 * t)
    for i in range(8):
        colour = "#e74c3c" if i % 2 else "white"
        pen.arc((x - 60, y - 42, x + 60, y + 42), i * 45, i * 45 + 45, fill=colour, width=20)


def life_jacket(pen: ImageDraw.ImageDraw, t: float) -> None:
    """A vest whose strap is pulled tight."""
    pen.rounded_rectangle((240, 160, 400, 330), 26, fill="#f39c12")
    pen.polygon([(290, 160), (350, 160), (320, 240)], fill="#7b3f00")
    pen.rectangle((240, 266, 400 + 40 * abs(math.sin(t)), 284), fill="#2c3e50")


def arrow(pen: ImageDraw.ImageDraw, t: float) -> None:
    """Four people around a sign, and an arrow that points to it."""
    pen.rectangle((440, 150, 560, 270), fill="#1e8449")
    pen.ellipse((480, 175, 520, 215), fill="white")
    pen.polygon([(470, 260), (530, 260), (516, 220), (484, 220)], fill="white")
    x = 120 + 60 * (t % 2)
    pen.rectangle((x, 200, x + 120, 230), fill="white")
    pen.polygon([(x + 120, 175), (x + 180, 215), (x + 120, 255)], fill="white")


def lever(pen: ImageDraw.ImageDraw, t: float) -> None:
    """A pipe with a valve whose handle comes to lie along it."""
    pen.rectangle((60, 250, 580, 300), fill="#7f8c8d")
    angle = (1 - min(t / 4, 1)) * math.pi / 2
    end = (320 + 110 * math.cos(angle), 240 - 110 * math.sin(angle))
    pen.line([(320, 240), end], fill="#e74c3c", width=16)
    pen.ellipse((296, 216, 344, 264), fill="#2c3e50")


def dipstick(pen: ImageDraw.ImageDraw, t: float) -> None:
    """A stick with two marks and the oil between them."""
    y = 150 + 20 * math.sin(t)
    pen.rectangle((310, y - 20, 330, y + 160), fill="#bdc3c7")
    pen.rectangle((310, y + 100, 330, y + 160), fill="#3e2723")
    for mark, name in ((90, "MAX"), (140, "MIN")):
        pen.line([(300, y + mark), (340, y + mark)], fill="white", width=3)
        pen.text((352, y + mark), name, fill="white", font=font(18, "bold"), anchor="lm")


def gauge(pen: ImageDraw.ImageDraw, t: float) -> None:
    """A dial whose needle rises and rests."""
    pen.ellipse((230, 140, 410, 320), fill="white", outline="#2c3e50", width=6)
    pen.arc((250, 160, 390, 300), 150, 300, fill="#27ae60", width=10)
    pen.arc((250, 160, 390, 300), 300, 390, fill="#e74c3c", width=10)
    angle = math.radians(150 + min(t * 25, 120) + 2 * math.sin(9 * t))
    pen.line([(320, 230), (320 + 66 * math.cos(angle), 230 + 66 * math.sin(angle))], fill="#2c3e50", width=6)


def pot(pen: ImageDraw.ImageDraw, t: float) -> None:
    """A kettle that steams."""
    pen.rounded_rectangle((230, 220, 410, 330), 20, fill="#34495e")
    pen.rectangle((215, 212, 425, 230), fill="#2c3e50")
    for i in range(4):
        y = 200 - (t * 30 + i * 25) % 50
        pen.arc((250 + i * 40, y - 14, 276 + i * 40, y + 14), 90, 270, fill="white", width=4)


def rope(pen: ImageDraw.ImageDraw, t: float) -> None:
    """A rope in a loop."""
    points = [(100 + 4.4 * i, 250 + 50 * math.sin(i / 9 + t) * math.sin(i / 22)) for i in range(101)]
    pen.line(points, fill="#6e4b1f", width=12, joint="curve")


def notes(pen: ImageDraw.ImageDraw, t: float) -> None:
    """Notes that dance over five lines."""
    for line in range(5):
        pen.line([(60, 190 + line * 26), (580, 190 + line * 26)], fill="#4a235a", width=2)
    for i in range(7):
        x, y = 100 + i * 72, 242 + 40 * math.sin(i * 1.7 + 2 * t)
        pen.ellipse((x, y, x + 26, y + 20), fill="#4a235a")
        pen.line([(x + 24, y + 8), (x + 24, y - 50)], fill="#4a235a", width=4)


def drum(pen: ImageDraw.ImageDraw, t: float) -> None:
    """A raffle drum with tickets."""
    pen.ellipse((220, 170, 420, 340), fill="#fdebd0", outline="#784212", width=6)
    for i in range(9):
        angle = 2 * t + i * 0.7
        x, y = 320 + 68 * math.cos(angle), 255 + 54 * math.sin(angle)
        pen.rectangle((x - 11, y - 7, x + 11, y + 7), fill=("#e74c3c", "#2e86c1", "#28b463")[i % 3])


def phone(pen: ImageDraw.ImageDraw, t: float) -> None:
    """A telephone on which a finger presses a button."""
    pen.rounded_rectangle((260, 130, 380, 345), 16, fill="#1c2833")
    pen.rectangle((270, 150, 370, 320), fill="#d6eaf8")
    pen.rounded_rectangle((282, 270, 358, 300), 8, fill="#28b463" if t % 1 > 0.5 else "#1d8348")


def calendar(pen: ImageDraw.ImageDraw, t: float) -> None:
    """A month with one day chosen after the other."""
    pen.rectangle((220, 140, 420, 320), fill="white", outline="#7b241c", width=4)
    for i in range(20):
        x, y = 234 + i % 5 * 38, 152 + i // 5 * 42
        pen.rectangle((x, y, x + 26, y + 28), fill="#cb4335" if i == int(t * 2) % 20 else "#e5e8e8")


def night(pen: ImageDraw.ImageDraw, t: float) -> None:
    """A lighthouse that turns its beam."""
    reach = 360 * math.cos(t * 1.6)
    pen.polygon([(450, 120), (450 + reach, 70), (450 + reach, 170)], fill="#f9e79f")
    pen.polygon([(425, 300), (475, 300), (464, 130), (436, 130)], fill="#d7dbdd")
    waves(pen, t, 296, "#0b1d3a")


SAFETY = (
    Scene(5, "#154360", ("Safety on board", "Ternsound Ferry Cooperative"), sailing(26, "#0e2f44", 40)),
    Scene(8, "#7b3f00", ("Life jackets", "under every seat"), life_jacket),
    Scene(8, "#145a32", ("Muster station", "on the upper deck"), arrow),
    Scene(9, "#85c1e9", ("Person overboard", "shout, point, throw"), life_ring, "#1b2631"),
)
SAFETY_CUES: tuple[Cue, ...] = (
    (0.5, 4.5, "Welcome. Please give us half a minute before we cast off."),
    (5.5, 8.8, "Pull the vest over your head and tie the strap around your waist."),
    (9.2, 12.6, "Children's sizes hang in the red locker beside the stairs."),
    (13.5, 16.8, "Seven short blasts and a long one: leave your luggage behind."),
    (17.2, 20.6, "Walk, do not run, and help those who are slow on their feet."),
    (21.5, 25.0, "Keep your eyes on the swimmer and never let your arm sink."),
    (25.4, 29.5, "The orange smoke buoy beside the ramp marks the place."),
)
ENGINE = (
    Scene(4, "#212f3c", ("Auxiliary engine", "how to start it cold"), sailing(12, "#17202a", 200, "#5d6d7e")),
    Scene(7, "#1a5276", ("1  Sea cock",), lever),
    Scene(7, "#6e2c00", ("2  Lubricating oil",), dipstick),
    Scene(8, "#76448a", ("3  Cooling water", "watch the needle"), gauge),
)
ENGINE_CUES: tuple[Cue, ...] = (
    (0.5, 3.6, "This takes five minutes. Do not skip a step, even in a hurry."),
    (4.5, 7.4, "Turn the handle until it lies along the pipe."),
    (7.6, 10.6, "Forgetting this ruins the impeller within a minute."),
    (11.5, 17.4, "Wipe it with a rag first. Milky colour means water: call the chief."),
    (18.5, 21.8, "Above ninety degrees, stop at once and look for seaweed in the strainer."),
    (22.0, 25.6, "Then write your name and the hour in the blue notebook."),
)
OPEN_DAY = (
    Scene(4, "#1f618d", ("Open day 2024", "a look back"), sailing(40, "#154360")),
    Scene(6, "#f5cba7", ("Knot-tying contest", "won by the Morrow Island scouts"), rope, "#4a2c0a"),
    Scene(6, "#196f3d", ("Fish soup for everyone", "300 bowls in two hours"), pot),
    Scene(6, "#d7bde2", ("Brass band on the pier", "the Herring Street Stompers"), notes, "#4a235a"),
    Scene(6, "#922b21", ("Raffle", "winning ticket: 4471"), drum),
)
CROSSING = (
    Scene(5, "#17202a", ("From dawn to dusk", "a day on the Skerra line"), lambda pen, t: None, top=130),
    Scene(6, "#f5b7b1", (), sailing(60, "#5499c7")),
    Scene(6, "#85c1e9", (), sailing(90, "#2874a6", -160, "#117a65")),
    Scene(6, "#1b2a4e", (), night),
)
TRAVESIA = (
    Scene(4, "#0e6655", ("Cómo comprar su billete", "guía rápida"), sailing(30, "#0b5345", 60)),
    Scene(6, "#fad7a0", ("Elija la fecha",), calendar, "#6e2c00"),
    Scene(6, "#5b2c6f", ("Pague con el móvil",), phone),
)
TRAVESIA_CUES: tuple[Cue, ...] = (
    (0.5, 3.6, "Bienvenidos a bordo de nuestra nueva aplicación."),
    (4.5, 9.5, "Los martes y los jueves hay descuento para familias numerosas."),
    (10.5, 15.5, "Si pierde el barco, puede cambiar el billete sin coste hasta medianoche."),
)


def stamp(at: float) -> str:
    """A time as SubRip writes it."""
    return f"00:{int(at // 60):02}:{at % 60:06.3f}".replace(".", ",")


def subrip(cues: Sequence[Cue]) -> str:
    """The cues as an .srt file."""
    blocks = [f"{i}\n{stamp(a)} --> {stamp(b)}\n{words}\n" for i, (a, b, words) in enumerate(cues, start=1)]
    return "\n".join(blocks)


def frames(scenes: Sequence[Scene]) -> bytes:
    """Every frame of a film, raw."""
    raw = bytearray()
    for scene in scenes:
        for number in range(round(scene.length * FPS)):
            image = Image.new("RGB", SIZE, scene.background)
            pen = ImageDraw.Draw(image)
            scene.motion(pen, number / FPS)
            for row, line in enumerate(scene.lines):
                face = font(40 if row == 0 else 26, "bold" if row == 0 else "sans")
                pen.text((SIZE[0] / 2, scene.top + row * 54), line, fill=scene.ink, font=face, anchor="ma")
            raw += image.tobytes()
    return bytes(raw)


def film(
    scenes: Sequence[Scene], path: Path, *, sound: bool, embedded: Sequence[Cue] = (), language: str = "eng"
) -> None:
    """Encode the scenes as the name asks for (.mp4, .mkv: H.264; .webm: VP9), perhaps with a hum and subtitles."""
    codec = ["-c:v", "libx264", "-preset", "slow", "-crf", "27", "-g", "60"]
    if path.suffix == ".webm":
        codec = ["-c:v", "libvpx-vp9", "-crf", "38", "-b:v", "0", "-deadline", "good", "-cpu-used", "3"]
    with tempfile.TemporaryDirectory() as folder:
        command = ["ffmpeg", "-y", "-v", "error", "-f", "rawvideo", "-pix_fmt", "rgb24"]
        command += ["-s", f"{SIZE[0]}x{SIZE[1]}", "-r", str(FPS), "-i", "pipe:0"]
        maps = ["-map", "0:v"]
        if sound:
            t = seconds(sum(scene.length for scene in scenes))
            hum = Path(folder) / "hum.wav"
            track = (0.05 * (1 + 0.3 * (t % 1)) * (t * 54 % 1 - 0.5)).astype("float32")
            bell = chime()
            track[: bell.size] += bell
            encode(track, hum, {})
            maps += ["-map", "1:a", "-c:a", "aac", "-ar", str(RATE), "-b:a", "32k"]
            command += ["-i", str(hum)]
        if embedded:
            captions = Path(folder) / "captions.srt"
            captions.write_text(subrip(embedded), encoding="utf-8")
            command += ["-i", str(captions)]
            kind = "mov_text" if path.suffix == ".mp4" else "srt"
            maps += ["-map", f"{1 + sound}:s", "-c:s", kind, "-metadata:s:s:0", f"language={language}"]
        exact = [*EXACT, "-flags:v", "+bitexact", "-flags:s", "+bitexact"]
        command += [*maps, *codec, "-pix_fmt", "yuv420p", *exact, str(path)]
        subprocess.run(command, input=frames(scenes), check=True)


def make(folder: Path) -> None:
    """Shoot every film into this folder."""
    folder.mkdir(parents=True, exist_ok=True)
    film(SAFETY, folder / "clip_a.mp4", sound=True)
    (folder / "clip_a.srt").write_text(subrip(SAFETY_CUES), encoding="utf-8")
    film(ENGINE, folder / "engine-room-lesson.mkv", sound=True, embedded=ENGINE_CUES)
    film(OPEN_DAY, folder / "VID_20240622.mp4", sound=True)
    film(CROSSING, folder / "timelapse.webm", sound=False)
    film(TRAVESIA, folder / "video_app.mp4", sound=False, embedded=TRAVESIA_CUES, language="spa")
