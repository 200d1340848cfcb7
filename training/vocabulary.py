"""The words of the drawn pictures: labels with their phrases, captions, and made-up topics, names and text."""

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


# A query names a label if one of the phrases stands in it: those of several words, and these single words. Other single
# words ("page", "score", "star", "bill", "sea") mean something else too often, so that the classifier is not used.
SOLO = frozenset(
    """chart graph plot histogram scatterplot boxplot bubbleplot treemap streamgraph heatmap sparkline waterfall violin
    donut candlestick dashboard choropleth gantt funnel spreadsheet worksheet handwriting receipt invoice questionnaire
    barcode slide diagram flowchart dendrogram map blueprint screenshot website terminal photo photograph landscape
    sunset bokeh illustration cartoon sketch icon pictogram emoji emoticon logo checkerboard stripes crossword
    schematic""".split()
)


def query_phrases() -> list[str]:
    """The phrases by which a query can name a label; shipped with the weights."""
    phrases = {phrase for label in LABELS for phrase in (*PHRASES[label], label)}
    return sorted(phrase for phrase in phrases if " " in phrase or phrase in SOLO)


def query_kinds() -> dict[str, str]:
    """The phrases by which a query can name a label, with the broadest label above each; shipped with the heads."""
    kinds = {phrase: FAMILY[label][-1] for label in reversed(LABELS) for phrase in (*PHRASES[label], label)}
    return {phrase: kinds[phrase] for phrase in query_phrases()}


def parse(table: str) -> tuple[dict[str, tuple[str, ...]], dict[str, tuple[str, ...]]]:
    """Phrases by label, and each label with all its ancestors by label."""
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


LABELS: tuple[str, ...] = tuple(PHRASES)
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
    rng: np.random.Generator, labels: tuple[str, ...], topic: str, details: tuple[str, ...], count: int = 3
) -> list[str]:
    """Differently worded captions: the main label is the first; topic and details come in some of them."""
    known = [label for label in labels if not label.startswith("?")]
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


def label_row(labels: tuple[str, ...]) -> np.ndarray:
    """int8 (number of labels,): 1 the picture has it, 0 it has not, -1 cannot be said."""
    row = np.zeros(len(LABELS), np.int8)
    for label in labels:
        if label.startswith("?"):
            row[[LABELS.index(name) for name in FAMILY[label[1:]] if row[LABELS.index(name)] == 0]] = -1
    for label in labels:
        if not label.startswith("?"):
            row[[LABELS.index(name) for name in FAMILY[label]]] = 1
    return row


MEASURES = (
    "revenue sales profit cost price temperature rainfall population yield speed weight height length distance score "
    "rating income output demand supply traffic visitors users downloads errors latency energy consumption emissions "
    "votes births deaths growth share budget debt exports imports wages hours age size pressure humidity voltage "
    "depth area frequency count mileage horsepower acceleration stock orders returns tickets calories rent"
).split()


SUBJECTS = (
    "cars countries cities students employees products stores regions schools hospitals farms ships films books "
    "players teams websites servers sensors patients rivers forests planes trains customers companies departments "
    "projects songs animals birds penguins flowers wines phones apps lakes mountains streets houses bridges airports"
).split()


GROUPS: tuple[tuple[str, ...], ...] = tuple(
    tuple(line.split(","))
    for line in """A,B,C,D,E,F,G,H,I,J
Jan,Feb,Mar,Apr,May,Jun,Jul,Aug,Sep,Oct,Nov,Dec
Mon,Tue,Wed,Thu,Fri,Sat,Sun
North,South,East,West,Central
Q1,Q2,Q3,Q4
2015,2016,2017,2018,2019,2020,2021,2022,2023,2024
France,Spain,Italy,Poland,Norway,Japan,Brazil,Kenya,India,Chile,Canada
Apples,Pears,Plums,Grapes,Lemons,Cherries,Melons
Alpha,Beta,Gamma,Delta,Epsilon,Zeta,Eta
Red,Green,Blue,Yellow,Black,White
Small,Medium,Large,Extra large
Product 1,Product 2,Product 3,Product 4,Product 5,Product 6
0-9,10-19,20-29,30-39,40-49,50-59,60-69,70+
Male,Female
Control,Treatment 1,Treatment 2,Placebo
Marketing,Finance,Research,Support,Sales,Legal,Operations
Oak,Maple,Pine,Birch,Beech,Willow
London,Paris,Berlin,Madrid,Rome,Vienna,Oslo,Lisbon
very low,low,average,high,very high
0,5,10,15,20,25,30,35,40
a,b,c,d,e,f
Action,Comedy,Drama,Horror,Musical,Western,Thriller
Bus,Train,Car,Bicycle,Walking,Ferry""".splitlines()
)


FIRST_NAMES = (
    "Anna Ben Clara David Emma Felix Grace Henry Ines Jonas Kate Liam Maria Noah Olga Paul Rosa Sam Tara Victor Wendy"
).split()


SURNAMES = "Smith Miller Young Lopez Novak Weber Rossi Dubois Khan Tanaka Silva Olsen Brown Clark Moore Tan Lim".split()
ITEMS = (
    "Coffee Tea Bread Milk Eggs Rice Sugar Juice Soap Paper Pens Cable Lamp Bolt Glue Paint Brush Shirt Socks Cake "
    "Soup Salad Pizza Pasta Fish Beer Water Cheese Butter Apples Towel Candle Battery Envelope Hammer Nails Tape"
).split()


COMMON = (
    "the of and to in is that for it as was with be by on not he his but at are this have from or had an they which "
    "one you were her all she there would their we him been has when who will more no if out so said what up its "
    "about into than them can only other new some could time these two may then do first any my now such like our "
    "over man me even most made after also did many before must through years where much your way well down should "
    "because each just those people how too little state good very make world still own see men work long here get "
    "both between life being under never day same another know while last might us great old year off come since "
    "against go came right used take three system number part water place case week company during without however "
    "question school night small large result method house point group problem fact area money story data figure"
).split()


def pick(rng: np.random.Generator, options: object) -> str:
    """One of several strings."""
    return str(options[int(rng.integers(len(options)))])  # type: ignore[arg-type, index]


def topic(rng: np.random.Generator) -> str:
    """What a chart or document is about: "sales by region", "weight of penguins over time"."""
    kind = rng.integers(5)
    measure, subject = pick(rng, MEASURES), pick(rng, SUBJECTS)
    if kind == 0:
        return f"{measure} of {subject}"
    if kind == 1:
        return f"{measure} and {pick(rng, MEASURES)} of {subject}"
    if kind == 2:
        return f"{measure} of {subject} over time"
    if kind == 3:
        return f"{measure} by {pick(rng, ('region', 'year', 'month', 'age', 'country', 'group', 'type'))}"
    return f"{subject} by {measure}"


def groups(rng: np.random.Generator, most: int = 12) -> list[str]:
    """Category names, at least one, at most `most`."""
    names = list(GROUPS[int(rng.integers(len(GROUPS)))])
    return names[: int(rng.integers(min(3, len(names)), len(names) + 1))][:most]


def sentence(rng: np.random.Generator, count: int) -> str:
    """Running text of so many count; meaningless, but with the word lengths of English."""
    chosen = [COMMON[i] for i in rng.integers(0, len(COMMON), count)]
    return " ".join(chosen).capitalize() + "."


def person(rng: np.random.Generator) -> str:
    """A made-up name."""
    return f"{pick(rng, FIRST_NAMES)} {pick(rng, SURNAMES)}"


def money(rng: np.random.Generator, most: float = 90) -> str:
    """A price with two decimals."""
    return f"{rng.uniform(0.5, most):.2f}"


def date(rng: np.random.Generator) -> str:
    """A date in one of three notations."""
    year, month, day = int(rng.integers(1990, 2027)), int(rng.integers(1, 13)), int(rng.integers(1, 29))
    return (f"{day:02}/{month:02}/{year}", f"{year}-{month:02}-{day:02}", f"{day:02}.{month:02}.{year}")[
        rng.integers(3)
    ]
