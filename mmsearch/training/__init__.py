"""The recipe of the built-in model's eyes: draw captioned pictures, train a small network on them, export, measure.

Nothing here is imported by the program itself. `python -m mmsearch.training --help` lists the stages. All pictures are
drawn by the code in this package from fixed seeds; the only foreign things on them are the glyphs of installed fonts.
"""
