"""Films through CLIP ViT-B/32: indexing their scenes against reading every frame and encoding as many pictures."""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

from benchmarks import clip_model, measure, ours, pictures
from benchmarks.measure import Setting
from benchmarks.table import Row, rates

SCENES, SCENE_S, RATE = 48, 12.5, 24
WIDTH, HEIGHT = 1280, 720


def rows(setting: Setting) -> list[Row]:
    """Seconds of film that whole commands take in a second, their start included: of one with key frames where x264
    puts them, and of one with a key frame each second, as phones and cameras write them."""
    each_second = ("-g", str(RATE), "-keyint_min", str(RATE), "-sc_threshold", "0")
    few = _film(setting.folder / "film-720p.mp4")
    many = _film(setting.folder / "film-720p-keys.mp4", *each_second)
    return [_row(setting, few, "video"), _row(setting, many, "video, a key frame a second")]


def _row(setting: Setting, film: Path, work: str) -> Row:
    model = clip_model.vit_b_32(setting.folder / "vit-b-32")
    measure.warm([film])
    place = setting.folder / "index-film"
    mine, plain = [], []
    for _ in range(max(1, setting.turns - 1)):
        mine.append(ours.index(place, [film], setting.env, "--no-ocr", "--no-speech", "--model", f"{model}:image"))
        count = str(mine[-1].record["embeddings"])
        plain.append(measure.told("benchmarks.plain_encode", setting.env, "film", str(model), str(film), count))
    seconds, _ = ours.median(mine)
    plainly, _ = measure.medians(plain)
    length = SCENES * SCENE_S
    note = (
        f"{length / 60:.0f} minutes of {HEIGHT}p in {SCENES} scenes; {mine[0].record['segments']} scenes found; plain: "
        f"torchcodec reads all frames, {plain[0]['items']} are encoded; whole commands {seconds:.1f} s and "
        f"{plainly:.1f} s; {mine[0].stages()}; {len(mine)} turns"
    )
    return rates(f"{work}, CLIP ViT-B/32", length / seconds, length / plainly, "s", None, note)


def _film(path: Path, *options: str) -> Path:
    """Drawn pictures over which a camera moves, one scene after the other; made once. `options` go to x264."""
    if path.is_file():
        return path
    print(f"Making {path.name}.", file=sys.stderr)
    with tempfile.TemporaryDirectory(dir=path.parent) as folder:
        scenes = []
        for number in range(SCENES):
            still, scene = Path(folder, f"{number}.png"), Path(folder, f"{number}.mp4")
            pictures.draw(WIDTH * 5 // 4, HEIGHT * 5 // 4, 1000 + number).save(still, compress_level=1)
            move = f"crop={WIDTH}:{HEIGHT}:x='{WIDTH}/4*t/{SCENE_S}':y='{HEIGHT}/4*t/{SCENE_S}'"
            source = ("-framerate", str(RATE), "-i", str(still), "-vf", f"format=yuv420p,loop=-1:1,{move}")
            coded = f"-t {SCENE_S} -c:v libx264 -preset superfast".split()
            ffmpeg(*source, *coded, *options, str(scene))
            scenes.append(f"file '{scene}'\n")
        listed, draft = Path(folder, "scenes.txt"), Path(folder, "film.mp4")
        listed.write_text("".join(scenes), "utf-8")
        ffmpeg("-f", "concat", "-safe", "0", "-i", str(listed), "-c", "copy", str(draft))
        draft.rename(path)
    return path


def long_film(path: Path, hours: float) -> Path:
    """A film of moving test patterns with a tone, small and quickly made; made once."""
    if path.is_file():
        return path
    print(f"Making {path.name}.", file=sys.stderr)
    draft = path.with_suffix(".part.mp4")
    sources = "-f lavfi -i testsrc2=size=640x360:rate=5 -f lavfi -i sine=sample_rate=16000".split()
    coded = f"-t {hours * 3600} -c:v libx264 -preset ultrafast -pix_fmt yuv420p -c:a aac -b:a 32k".split()
    ffmpeg(*sources, *coded, str(draft))
    draft.rename(path)
    return path


def ffmpeg(*arguments: str) -> None:
    """Run it. Raises `CommandFailed`."""
    measure.run(["ffmpeg", "-nostdin", "-v", "error", "-y", *arguments], os.environ)
