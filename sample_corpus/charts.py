"""The charts: one bar, line, pie, scatter, area and survey chart, and a quarter's dashboard."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from drawing import AMBER, GREEN, GREY, INK, NAVY, PALETTE, RED, RULE, TEAL, Canvas, Point
from PIL import Image

MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


@dataclass(frozen=True)
class Frame:
    """Where a plot lies on its canvas, and how its values map to places."""

    x0: float
    y0: float
    x1: float
    y1: float
    low: Point
    high: Point

    def at(self, x: float, y: float) -> Point:
        """The place of a value pair."""
        across = (x - self.low[0]) / (self.high[0] - self.low[0])
        up = (y - self.low[1]) / (self.high[1] - self.low[1])
        return self.x0 + across * (self.x1 - self.x0), self.y1 - up * (self.y1 - self.y0)


def heading(canvas: Canvas, title: str, subtitle: str = "") -> None:
    """The title of a chart, large enough to be read by OCR, and a line below it."""
    canvas.text(48, 28, title, 30, face="bold")
    canvas.text(48, 72, subtitle, 17, GREY)


def axes(
    canvas: Canvas,
    frame: Frame,
    x_ticks: Sequence[tuple[float, str]],
    y_ticks: Sequence[tuple[float, str]],
    x_label: str,
    y_label: str,
    size: float = 15,
) -> None:
    """Grid lines, tick labels and axis labels."""
    for value, label in y_ticks:
        _, y = frame.at(frame.low[0], value)
        canvas.line([(frame.x0, y), (frame.x1, y)], RULE, 1)
        canvas.text(frame.x0 - 10, y, label, size, GREY, anchor="rm")
    for value, label in x_ticks:
        x, _ = frame.at(value, frame.low[1])
        canvas.text(x, frame.y1 + 10, label, size, GREY, anchor="ma")
    canvas.line([(frame.x0, frame.y1), (frame.x1, frame.y1)], INK, 1.5)
    canvas.text((frame.x0 + frame.x1) / 2, frame.y1 + 40, x_label, size + 1, anchor="ma")
    if y_label:
        canvas.upright_text(frame.x0 - 66, (frame.y0 + frame.y1) / 2, y_label, size + 1)


def legend(canvas: Canvas, x: float, y: float, names: Sequence[str], colours: Sequence[str], size: float = 16) -> None:
    """One coloured square and name a line."""
    for row, (name, colour) in enumerate(zip(names, colours, strict=False)):
        top = y + row * size * 1.7
        canvas.box(x, top, x + size, top + size, colour)
        canvas.text(x + size * 1.5, top + size / 2, name, size, anchor="lm")


def passengers() -> Image.Image:
    """Stacked bars: a summer peak, carried by two ships."""
    guillemot = (6.1, 6.4, 8.9, 12.7, 16.8, 21.3, 25.2, 26.4, 17.5, 11.9, 7.2, 6.8)
    razorbill = (3.2, 3.0, 4.4, 6.9, 9.5, 12.6, 15.1, 15.4, 10.2, 5.8, 3.9, 4.1)
    canvas = Canvas(1100, 680)
    heading(canvas, "Passengers carried per month, 2024", "Both ships, all routes, children under six not counted")
    frame = Frame(125, 125, 1060, 580, (0, 0), (12, 50))
    y_ticks = [(v, str(v)) for v in range(0, 51, 10)]
    axes(canvas, frame, [(i + 0.5, m) for i, m in enumerate(MONTHS)], y_ticks, "month", "passengers (thousands)")
    for i, (low, high) in enumerate(zip(guillemot, razorbill, strict=True)):
        x0, y0 = frame.at(i + 0.18, low)
        x1, _ = frame.at(i + 0.82, 0)
        canvas.box(x0, y0, x1, frame.y1, NAVY)
        top = frame.at(0, low + high)[1]
        canvas.box(x0, top, x1, y0, AMBER)
        canvas.text((x0 + x1) / 2, top - 6, f"{low + high:.1f}", 14, anchor="mb")
    legend(canvas, 150, 140, ("MV Razorbill", "MV Guillemot"), (AMBER, NAVY))
    return canvas.finish()


def diesel() -> Image.Image:
    """A price line with its peak marked."""
    price = [0.74, 0.79, 0.98, 1.09, 1.21, 1.38, 1.29, 1.22, 1.17, 1.19, 1.08, 0.96]
    price += [0.93, 0.88, 0.83, 0.80, 0.76, 0.78, 0.84, 0.93, 1.01, 0.97, 0.91, 0.86]
    price += [0.85, 0.87, 0.88, 0.90, 0.86, 0.83, 0.82, 0.78, 0.74, 0.75, 0.76, 0.77]
    canvas = Canvas(1100, 640)
    heading(
        canvas,
        "Price of marine diesel, 2022 to 2024",
        "At the fuel dock of Port Aldern, first of the month",
    )
    frame = Frame(130, 125, 1050, 540, (0, 0.6), (35, 1.5))
    x_ticks = [(i, f"{MONTHS[i % 12]} {2022 + i // 12}") for i in range(0, 36, 6)]
    y_ticks = [(v / 10, f"{v / 10:.1f}") for v in range(6, 16, 1)]
    axes(canvas, frame, x_ticks, y_ticks, "date", "euro per litre")
    canvas.line([frame.at(i, p) for i, p in enumerate(price)], RED, 3.5)
    x, y = frame.at(5, 1.38)
    canvas.disc(x, y, 7, RED)
    canvas.text(x + 16, y - 4, "highest: 1.38 in June 2022", 17, RED, "bold", "lm")
    return canvas.finish()


def routes() -> Image.Image:
    """A pie of four slices with the names beside it."""
    names = ("Port Aldern – Morrow Island", "Port Aldern – Skerra", "Little Fenn", "Evening cruises")
    canvas = Canvas(1000, 640)
    heading(canvas, "Ticket revenue by route, 2024", "Share of 1.94 million euro")
    angle = -90.0
    for share, colour in zip((52, 27, 13, 8), PALETTE, strict=False):
        canvas.pie(320, 370, 215, angle, angle + share * 3.6, colour)
        middle = np.deg2rad(angle + share * 1.8)
        x, y = 320 + 140 * np.cos(middle), 370 + 140 * np.sin(middle)
        canvas.text(x, y, f"{share}%", 22, "white", "bold", "mm")
        angle += share * 3.6
    legend(canvas, 590, 290, names, PALETTE, 19)
    return canvas.finish()


def wind_delay() -> Image.Image:
    """Two clouds of dots: the larger ship minds the wind less."""
    rng = np.random.default_rng(11)
    canvas = Canvas(1050, 680)
    heading(canvas, "Departure delay against wind speed", "Each dot is one sailing, October to December 2024")
    frame = Frame(130, 125, 1010, 580, (0, 0), (40, 60))
    axes(
        canvas,
        frame,
        [(v, str(v)) for v in range(0, 41, 5)],
        [(v, str(v)) for v in range(0, 61, 10)],
        "wind speed (knots)",
        "delay (minutes)",
    )
    for colour, slope, count in ((NAVY, 0.55, 110), (AMBER, 1.05, 90)):
        wind = rng.gamma(4.0, 4.2, count).clip(1, 38)
        delay = (slope * wind**1.05 - 2 + rng.normal(0, 3.5, count)).clip(0.5, 58)
        for x, y in zip(wind, delay, strict=True):
            canvas.disc(*frame.at(x, y), 5, colour, "white")
    legend(canvas, 160, 145, ("MV Guillemot", "MV Razorbill"), (NAVY, AMBER))
    return canvas.finish()


def electricity() -> Image.Image:
    """Stacked areas over a year: the solar roof in summer."""
    x = np.arange(12)
    solar = 2.2 + 7.4 * np.exp(-(((x - 5.6) / 2.5) ** 2))
    generator = np.array([3.1, 2.8, 1.9, 1.0, 0.6, 0.4, 0.3, 0.4, 0.8, 1.4, 2.3, 3.2])
    grid = 16.5 - solar - generator + 1.5 * np.cos(x / 12 * 2 * np.pi)
    canvas = Canvas(1050, 640)
    heading(canvas, "Where the terminal's electricity comes from", "Port Aldern, megawatt hours per month, 2024")
    frame = Frame(120, 125, 760, 540, (0, 0), (11, 20))
    axes(canvas, frame, list(enumerate(MONTHS)), [(v, str(v)) for v in range(0, 21, 5)], "month", "megawatt hours")
    floor = np.zeros(12)
    for layer, colour in ((grid, "#8fa6b8"), (solar, AMBER), (generator, RED)):
        top = floor + layer
        upper = [frame.at(i, v) for i, v in enumerate(top)]
        canvas.polygon(upper + [frame.at(i, floor[i]) for i in range(11, -1, -1)], colour)
        floor = top
    legend(canvas, 790, 250, ("diesel generator", "solar roof", "public grid"), (RED, AMBER, "#8fa6b8"), 18)
    return canvas.finish()


def survey() -> Image.Image:
    """Horizontal bars, the wish that most people have on top."""
    wishes = (
        ("A shelter on the pier", 412),
        ("More bicycle spaces", 356),
        ("A later return sailing", 301),
        ("Coffee on the early boat", 188),
        ("Card payment on board", 97),
    )
    canvas = Canvas(1000, 560)
    heading(canvas, "Passenger survey: what should we improve first?", "1,354 answers, collected in May and June 2024")
    for row, (wish, votes) in enumerate(wishes):
        y = 135 + row * 74
        canvas.text(290, y + 23, wish, 18, anchor="rm")
        canvas.box(305, y, 305 + votes * 1.4, y + 46, TEAL if row else NAVY, radius=4)
        canvas.text(317 + votes * 1.4, y + 23, str(votes), 18, INK, "bold", "lm")
    canvas.text(305, 515, "number of votes", 16, GREY)
    return canvas.finish()


def dashboard() -> Image.Image:
    """Four tiles with figures over two small charts, as an office screen shows them."""
    canvas = Canvas(1280, 760, "#eef2f4")
    canvas.box(0, 0, 1280, 74, NAVY)
    canvas.text(36, 37, "Operations dashboard", 28, "white", "bold", "lm")
    canvas.text(1244, 37, "3rd quarter 2024", 20, "white", anchor="rm")
    tiles = (
        ("Sailings on time", "93.4 %", "+1.9 points", GREEN),
        ("Cancelled sailings", "11", "7 by fog, 4 by repair", RED),
        ("Bicycles carried", "8,270", "+22 % on last year", GREEN),
        ("Complaints", "38", "answered in 2.1 days", GREY),
    )
    for i, (name, figure, remark, colour) in enumerate(tiles):
        x = 36 + i * 307
        canvas.box(x, 102, x + 287, 252, "white", RULE, 10)
        canvas.text(x + 22, 122, name, 18, GREY)
        canvas.text(x + 22, 152, figure, 38, INK, "bold")
        canvas.text(x + 22, 214, remark, 17, colour)
    canvas.box(36, 280, 730, 724, "white", RULE, 10)
    canvas.text(60, 300, "Cars waiting at pier 1, by hour", 20, face="bold")
    frame = Frame(100, 352, 700, 640, (5, 0), (21, 30))
    axes(canvas, frame, [(h, f"{h}:00") for h in range(6, 21, 3)], [(v, str(v)) for v in (0, 10, 20, 30)], "hour", "")
    cars = (3, 8, 17, 14, 9, 7, 10, 12, 9, 8, 13, 24, 27, 18, 9)
    for hour, count in enumerate(cars, start=6):
        (x0, y0), (x1, _) = frame.at(hour - 0.35, count), frame.at(hour + 0.35, 0)
        canvas.box(x0, y0, x1, frame.y1, NAVY)
    canvas.box(754, 280, 1244, 724, "white", RULE, 10)
    canvas.text(778, 300, "Crew hours by task", 20, face="bold")
    tasks = (("Sailing", 4120), ("Maintenance", 1360), ("Training", 540), ("Ticket office", 890), ("Cleaning", 610))
    for row, (task, hours) in enumerate(tasks):
        y = 352 + row * 70
        canvas.text(778, y, task, 17)
        canvas.box(778, y + 26, 778 + hours / 4120 * 340, y + 48, PALETTE[row], radius=3)
        canvas.text(790 + hours / 4120 * 340, y + 37, f"{hours:,} h", 16, GREY, anchor="lm")
    return canvas.finish()


CHARTS: dict[str, Callable[[], Image.Image]] = {
    "passengers_2024.png": passengers,
    "fuel.webp": diesel,
    "routes-pie.png": routes,
    "figure_4.png": wind_delay,
    "terminal-power.png": electricity,
    "survey_results.webp": survey,
    "dashboard_Q3.png": dashboard,
}


def make(folder: Path) -> None:
    """Draw every chart into this folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, draw in CHARTS.items():
        picture = draw()
        if name.endswith(".webp"):
            picture.save(folder / name, quality=88, method=4)
        else:
            picture.quantize(128, dither=Image.Dither.NONE).save(folder / name, optimize=True)
