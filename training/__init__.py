"""The recipe of the built-in picture model: draw captioned pictures, train a small network, export, measure.

The program imports nothing from here. `python -m training --help` lists the stages. All pictures are drawn by the code
in this folder from fixed seeds; the only foreign things on them are the glyphs of installed fonts.
"""
