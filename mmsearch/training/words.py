"""What the drawn pictures are about: topics, categories, names and running text, all made up here."""

import numpy as np

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
NAMES = (
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


def sentence(rng: np.random.Generator, words: int) -> str:
    """Running text of so many words; meaningless, but with the word lengths of English."""
    chosen = [COMMON[i] for i in rng.integers(0, len(COMMON), words)]
    return " ".join(chosen).capitalize() + "."


def person(rng: np.random.Generator) -> str:
    """A made-up name."""
    return f"{pick(rng, NAMES)} {pick(rng, SURNAMES)}"


def money(rng: np.random.Generator, most: float = 90) -> str:
    """A price with two decimals."""
    return f"{rng.uniform(0.5, most):.2f}"


def date(rng: np.random.Generator) -> str:
    """A date in one of three notations."""
    year, month, day = int(rng.integers(1990, 2027)), int(rng.integers(1, 13)), int(rng.integers(1, 29))
    return (f"{day:02}/{month:02}/{year}", f"{year}-{month:02}-{day:02}", f"{day:02}.{month:02}.{year}")[
        rng.integers(3)
    ]
