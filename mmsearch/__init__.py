"""Search a folder of mixed media by meaning: text, pictures, PDFs, sound and video, locally."""

__version__ = "0.1.0"
