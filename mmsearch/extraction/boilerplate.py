"""Texts that cameras and programs write into metadata by themselves, and that say nothing about a file.

Only whole values that are known are boilerplate: a caption that merely contains such words is somebody's.
"""

from __future__ import annotations

import re

_VERSION = r"[ v]*\d[\w.,:+()\- ]{0,60}"
_BY = r"(?:with|by|in|using)"
_PROGRAM = (
    r"(?:the )?(?:gimp|adobe [\w ®]{1,40}|imagemagick|graphicsmagick|paint\.net|photoshop|paint shop pro|inkscape|"
    r"ezgif(?:\.com)?(?: gif maker)?|ffmpeg|lavf|lavc|libjpeg[\w\-]{0,20}|gd-jpeg|irfanview|xnview|picasa|jpegmini|"
    r"jpeg-recompress|tinypng|tinyjpg|mozjpeg|guetzli|imageoptim|shutterstock|ulead systems, inc\.?|"
    r"lead technologies,? inc\.?|accusoft|handbrake|itunes|quicktime|lame|flac|nero(?: aac codec)?|oggenc|opusenc|"
    r"exact audio copy|audacity|windows media player|winamp|fraunhofer[\w ]{0,30}|x264|x265|screentogif|gifsicle)"
)
_IMAGES = (
    r"(?:olympus|sony|minolta|konica|konica minolta|samsung|hp|kodak|fujifilm|pentax|nikon|canon|casio|panasonic)?[ _]?"
    r"(?:digital (?:still )?camera|dsc|dcim|img)[\w\\/]{0,40}",
    r"(?:sec_|lg|motorola|huawei)?_?exif[_ ]jpeg[_ ]?\w{0,12}",
    r"cof|rhdr|ptr|dav|mde|sdr|hdr|oznor(?:ww?o)?|hdrpl|nfd|nor|binary comment|applemark",
    r"charset=(?:ascii|unicode)|ascii|default|none|image|<(?:untitled|digimax|kenox|samsung)[^>]{0,60}>",
    r"(?:gif |image |photo )?(?:created|made|edited|processed|generated|drawn|(?:re)?compressed|optimi[sz]ed|resized)"
    rf" {_BY} {_PROGRAM}(?:{_VERSION}| on a mac)?",
    rf"file written by adobe photoshop\W{{0,3}}(?:{_VERSION})?",
    rf"(?:software|creator): ?(?:{_PROGRAM}|microsoft (?:office|windows photo [\w ]{{1,20}}))"
    rf"(?:{_VERSION})?[^\n]{{0,80}}",
    rf"(?:lead technologies,? inc\.?|leadtools|intel\(r\) jpeg library|jpeg encoder|scansnap(?: manager)?)"
    rf"(?:,? ?(?:#\w{{1,10}}|version|{_VERSION})[^\n]{{0,40}})?",
)
_SOUNDS = (
    r"lav[fc](?:[\d.]+| \w{1,20})?|libmp3lame|lame ?[\d.]+\w{0,10}|itun(?:norm|smpb|pgap)[ :\w]{0,200}",
    r"(?:[0-9a-f]{8}\s*){4,}|core media \w{1,20}|(?:video|sound|subtitle|apple|alias|data)[ ]?(?:media )?handler",
    rf"(?:encoded|ripped|converted|created) {_BY} {_PROGRAM}(?:{_VERSION})?(?: with {_PROGRAM}(?:{_VERSION})?)?",
    rf"(?:handbrake|exactaudiocopy|eac|audiograbber|cdex|freac|fre:ac|dbpoweramp|winamp|audacity){_VERSION}",
)
_ANY = r"unknown|untitled|untitled-\d{1,3}|[\W_0]*"
_IMAGE_VALUE = re.compile(rf"(?:{'|'.join([*_IMAGES, _SOUNDS[0], _ANY])})", re.IGNORECASE)
_SOUND_VALUE = re.compile(rf"(?:{'|'.join([*_SOUNDS, _ANY])})", re.IGNORECASE)
LONGEST = 300  # characters of a value that may be boilerplate


def is_image_boilerplate(value: str) -> bool:
    """Whether a caption, title, keyword or comment of a picture is one that a camera or program wrote."""
    return len(value) <= LONGEST and _IMAGE_VALUE.fullmatch(value.strip()) is not None


def is_sound_boilerplate(value: str) -> bool:
    """Whether a tag of a recording is one that an encoder or a container wrote."""
    return len(value) <= LONGEST and _SOUND_VALUE.fullmatch(value.strip()) is not None
