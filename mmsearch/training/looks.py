"""The looks that the eyes are taught: what each is called, and which broader look each belongs to.

One line a look: `name > parents: phrases`. The name itself is a phrase too. Every phrase of a look and of all its
ancestors is true of a picture that has it, and every other phrase is false: the sigmoid loss relies on both. A drawing
function that cannot tell marks the look with a leading "?", and the loss then leaves it out.
"""

import numpy as np

TABLE = """
chart: graph, plot, data chart, statistical graphic, data visualization, diagram with axes
bar > chart: bar chart, bar graph, column chart, column graph, bar plot, bars
horizontal bar > bar: horizontal bar chart, horizontal bar graph, sideways bars
vertical bar > bar: vertical bar chart, vertical columns
grouped bar > bar: grouped bar chart, clustered column chart, side by side bars
stacked bar > bar: stacked bar chart, stacked column graph
negative bar > bar: bar chart with negative values, diverging bar chart, bars above and below zero
histogram > bar: histogram, frequency distribution bars, binned histogram
gantt > bar: gantt chart, project schedule chart, ranged bars, timeline of tasks
waterfall > bar: waterfall chart
error bars > chart: error bars, chart with error bars, confidence intervals
line > chart: line chart, line graph, line plot, curve, trend line chart, time series
multi-line > line: multi-series line chart, several lines, line graph with several series
step line > line: step chart, step line, staircase line chart
dashed line > line: dashed lines, line chart with dashed lines
marker line > line: line chart with markers, line with points
slope > line: slope graph, slope chart
sparkline > line: sparkline
error band > line: error band, confidence band, line with shaded band
parallel > line: parallel coordinates, parallel coordinate plot
area > chart: area chart, area graph, filled area plot, filled line chart, shaded area under a curve
stacked area > area: stacked area chart, stacked area graph
streamgraph > area: streamgraph, stream graph
points > chart: scatter plot, scatterplot, scatter chart, point chart, scatter graph, point plot, dots on axes
coloured points > points: scatter plot with colored groups, colored scatterplot
bubble > points: bubble chart, bubble plot, bubbleplot, points of different sizes
dot plot > points: dot plot, wilkinson dot plot, stacked dots
dumbbell > points: ranged dot plot, dumbbell chart
regression > points: scatter plot with a regression line, scatter plot with trend line
strip > chart: strip plot, tick plot, tick marks, barcode plot
box > chart: box plot, boxplot, box and whisker plot, box chart, quartile plot, whisker diagram
horizontal box > box: horizontal box plot, horizontal boxplot
vertical box > box: vertical box plot, vertical boxplot
violin > chart: violin plot, violin chart
pie > chart: pie chart, pie graph, pie, circle chart
donut > pie: donut chart, doughnut chart, ring chart
radar > chart: radar chart, spider chart, star plot
gauge > chart: gauge, speedometer, dial
heatmap > chart: heatmap, heat map, matrix plot, colored grid of cells
calendar heatmap > heatmap: calendar heatmap
punchcard > points: punchcard, punch card chart, grid of dots
candlestick > chart: candlestick chart, stock candlesticks, ohlc chart
treemap > chart: treemap, tree map
funnel > chart: funnel chart, funnel
contour plot > chart: contour plot, isolines, density contours
small multiples > chart: small multiples, trellis chart, faceted chart, grid of charts, panels
dashboard > chart: dashboard, several charts together, charts side by side
combined > chart: layered chart, bars and line combined, dual axis chart, combination chart
table: table, data table, table of numbers, grid with rows and columns
spreadsheet > table: spreadsheet, worksheet, excel sheet
text page: page of text, document page, text document, printed page, page, written text
two columns > text page: two column page, scientific paper, article in two columns, newspaper page
title page > text page: title page, cover page, book cover
letter > text page: letter, business letter, correspondence
contents > text page: table of contents, index page
formulas > text page: mathematical formulas, equations, math page
handwriting: handwriting, handwritten note, handwritten page, cursive writing, notes by hand
scan: scan, scanned document, scanned paper
receipt: receipt, cash receipt, till receipt, shop receipt, sales slip, purchase receipt
invoice: invoice, bill
form: form, form to fill in, application form, questionnaire
card: business card, id card, identity card
ticket: ticket, boarding pass, coupon
calendar: calendar, month calendar, calendar page
barcode: barcode, bar code
qr code: qr code, matrix barcode
slide: slide, presentation slide, powerpoint slide, keynote slide
bullet slide > slide: slide with bullet points, bullet list slide
diagram: diagram, schematic, diagram with boxes and arrows, drawing of a structure
flowchart > diagram: flowchart, flow chart, process diagram, flow diagram
network > diagram: network diagram, node link diagram, network graph, graph of nodes and edges
tree diagram > diagram: tree diagram, organization chart, org chart, hierarchy, dendrogram
sequence diagram > diagram: sequence diagram, uml sequence diagram
class diagram > diagram: class diagram, uml diagram, entity relationship diagram, database schema
mind map > diagram: mind map, concept map
venn > diagram: venn diagram, overlapping circles
timeline > diagram: timeline, chronology
architecture > diagram: architecture diagram, block diagram, system diagram
circuit > diagram: circuit diagram, electrical circuit, wiring diagram
map: map, geographic map, geography
street map > map: street map, city map, road map
choropleth > map: choropleth map, map of states, map of countries, regions colored by value
topographic map > map: topographic map, contour map, elevation map
floor plan: floor plan, house plan, blueprint
screenshot: screenshot, screen capture, user interface, software screenshot, computer screen
web page > screenshot: web page, website, web page in a browser
dialog > screenshot: dialog box, popup window, message box
settings > screenshot: settings page, preferences window
login > screenshot: login screen, login form, sign in page
chat > screenshot: chat, chat messages, text messages, conversation on a phone
phone screen > screenshot: mobile app, phone screenshot, smartphone screen
desktop window > screenshot: application window, desktop program, file manager
code > screenshot: source code, code editor, program code, code snippet, programming
terminal > screenshot: terminal, command line, console, shell session
photo: photo, photograph, picture taken with a camera, photographic image, real scene
landscape > photo: landscape photo, scenery, mountains and sky, nature photo
sunset > photo: sunset, evening sky
sky > photo: sky with clouds, clouds
sea > photo: sea, water, ocean
night > photo: night photo, dark night scene, night sky
object photo > photo: photo of an object, close-up photo, still life
texture photo > photo: surface texture, rough texture, close-up of a surface
bokeh > photo: blurred background, out of focus lights
desk photo: photo of a document, paper lying on a desk, photographed page
drawing: drawing, illustration, clip art, cartoon, graphic
line drawing > drawing: line drawing, sketch, line art, pencil drawing, outline
icon > drawing: icon, symbol, pictogram, app icon
icon set > icon: set of icons, icon sheet, many icons
emoji > drawing: emoji, emoticon
smiley > emoji: smiley face, smiling face
logo > drawing: logo, company logo, brand mark, emblem
shape > drawing: geometric shape, shapes
circle > shape: circle, disc
square > shape: square
rectangle > shape: rectangle
triangle > shape: triangle
star > shape: star
heart > shape: heart
hexagon > shape: hexagon
arrow > shape: arrow
cross > shape: cross, plus sign
pattern: pattern, repeating pattern, wallpaper
stripes > pattern: stripes, striped pattern
checkerboard > pattern: checkerboard, checkered pattern, chess board
polka dots > pattern: polka dots, dotted pattern
gradient > pattern: color gradient, gradient
noise > pattern: noise, static
plain: blank image, solid color, single color, empty page
sheet music: sheet music, musical notation, score
crossword: crossword, puzzle grid
dark: dark background, dark mode, dark theme, black background
grey: black and white, grayscale, monochrome, gray
rotated: rotated, tilted, crooked
"""

# A query names a look if one of the phrases stands in it: those of several words, and these single words. Other single
# words ("page", "score", "star", "bill", "sea") mean something else too often, and the eyes stay silent.
SOLO = frozenset(
    """chart graph plot histogram scatterplot boxplot bubbleplot treemap streamgraph heatmap sparkline waterfall violin
    donut candlestick dashboard choropleth gantt funnel spreadsheet worksheet handwriting receipt invoice questionnaire
    barcode slide diagram flowchart dendrogram map blueprint screenshot website terminal photo photograph landscape
    sunset bokeh illustration cartoon sketch icon pictogram emoji emoticon logo checkerboard stripes crossword
    schematic""".split()
)


def spoken() -> list[str]:
    """The phrases by which a query can name a look; shipped with the weights."""
    phrases = {phrase for look in NAMES for phrase in (*PHRASES[look], look)}
    return sorted(phrase for phrase in phrases if " " in phrase or phrase in SOLO)


def parse(table: str) -> tuple[dict[str, tuple[str, ...]], dict[str, tuple[str, ...]]]:
    """Phrases by look, and each look with all its ancestors by look."""
    phrases: dict[str, tuple[str, ...]] = {}
    family: dict[str, tuple[str, ...]] = {}
    for line in table.strip().splitlines():
        head, tail = line.split(":")
        name, _, parents = (part.strip() for part in head.partition(">"))
        phrases[name] = tuple(dict.fromkeys(part.strip() for part in tail.split(",")))
        above = [family[parent.strip()] for parent in parents.split(",") if parent.strip()]
        family[name] = (name, *(ancestor for chain in above for ancestor in chain))
    return phrases, family


PHRASES, FAMILY = parse(TABLE)
NAMES: tuple[str, ...] = tuple(PHRASES)
COLOURS: dict[str, tuple[int, int, int]] = {
    "red": (214, 39, 40),
    "green": (44, 160, 44),
    "blue": (31, 100, 200),
    "yellow": (250, 215, 40),
    "orange": (255, 140, 20),
    "purple": (140, 70, 180),
    "pink": (250, 130, 190),
    "brown": (140, 86, 60),
    "gray": (128, 128, 128),
    "black": (10, 10, 10),
    "white": (252, 252, 252),
    "teal": (20, 150, 150),
}
FRAMES = ("{p}", "{p}", "a {p}", "{p} of {t}", "{p} showing {t}", "a {p} about {t}", "{t}: {p}", "{t} as a {p}")
DETAIL_FRAMES = ("{p}, {d}", "{p} with {d}", "a {p} with {d}", "{d}, {p}")


def captions(
    rng: np.random.Generator, looks: tuple[str, ...], topic: str, details: tuple[str, ...], count: int = 3
) -> list[str]:
    """Differently worded captions: the main look is the first; topic and details come in some of them."""
    known = [look for look in looks if not look.startswith("?")]
    made = []
    for number in range(count):
        main = known[0] if number == 0 or rng.random() < 0.6 else str(rng.choice(known))
        if rng.random() < 0.15:
            main = FAMILY[main][-1]  # the broadest name: "chart" for a histogram
        phrase = str(rng.choice(PHRASES[main]))
        if details and rng.random() < 0.5:
            frame, detail = str(rng.choice(DETAIL_FRAMES)), str(rng.choice(details))
            made.append(frame.format(p=phrase, d=detail))
        else:
            frames = FRAMES if topic else FRAMES[:3]
            made.append(str(rng.choice(frames)).format(p=phrase, t=topic))
    return made


def labels(looks: tuple[str, ...]) -> np.ndarray:
    """int8 (number of looks,): 1 the picture has it, 0 it has not, -1 cannot be said."""
    row = np.zeros(len(NAMES), np.int8)
    for look in looks:
        if look.startswith("?"):
            row[[NAMES.index(name) for name in FAMILY[look[1:]] if row[NAMES.index(name)] == 0]] = -1
    for look in looks:
        if not look.startswith("?"):
            row[[NAMES.index(name) for name in FAMILY[look]]] = 1
    return row
