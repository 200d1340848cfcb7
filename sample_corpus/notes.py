"""The office's text files: minutes, handbook, web page, tables, logs, a program, and captions whose film is lost.

Also one file of no kind that mmsearch reads, which its name alone must find.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np

MINUTES = """\
# Minutes of the committee, 11 November 2024

Present: Ilva Brandtner (chair), Maren Quistdal, Dov Hallowander, Priya Sandellin. Apologies: Tomas Okarin.

## 1. Ticket prices

Single fares stay as they are. The ten-trip card rises from 58 to 62 euro on 1 March. Students and apprentices keep the
old price, as Priya proposed. Carried with one abstention.

## 2. Gulls

Gulls have learned to open the lids of the waste bins on pier 3. Dov will try weighted lids for a month; if they do not
help, the bins go indoors after eight o'clock in the evening.

## 3. The bell

The old ship's bell of the steamer *Fulmar*, which a diver raised in 1978, is to be hung in the waiting room. The museum
lends it to us for five years. Maren asks who insures it; the chair will find out before Christmas.

## 4. Any other business

The piano tuner has not been paid. The next meeting is on 9 December at half past six, upstairs in the customs shed.
"""

HANDBOOK = """\
==================
Deckhand's handbook
==================

Before the first sailing
========================

Walk once around the ship before anybody comes aboard. Look at the fenders, the ramp hinges and the draught marks. Try
the general alarm and the loudspeakers. Sweep away ice before you spread salt: salt alone turns it into slush that
freezes again under the first tyres.

Loading cars
============

Heavy vehicles stand on the centre line, motorcycles beside the stairs, where they can be lashed. Leave sixty
centimetres between bumpers so that a stretcher can pass. Electric cars are parked in lane three, next to the drencher,
and never charged under way.

Dogs and other animals
======================

Dogs are welcome on a lead, except in the saloon. Horses travel in their trailers and their keeper stays with them. A
beehive may be carried on the open deck if it is closed and strapped; this has happened twice.

Mooring
=======

Never stand in the bight of a rope. Put the spring line ashore first, then the bow, then the stern. When a line sings,
step back: a rope of forty millimetres that parts will break a leg.

Seasick passengers
==================

Bring them amidships and outside, let them look at the horizon, and offer dry biscuits and ginger tea. Bags are in the
drawer under the till.
"""

BULLETIN = """\
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<title>Season tickets and concessions</title>
<style>body { font-family: sans-serif } .note { color: #777 }</style>
</head>
<body>
<h1>Season tickets and concessions</h1>
<p>A season ticket is valid for twelve months from the day of purchase and can be passed on within one household.</p>
<ul>
<li>Adults: 540 euro</li>
<li>Pensioners and students: 360 euro</li>
<li>Members of the cooperative: a further ten per cent off</li>
</ul>
<h2>Lost tickets</h2>
<p>We replace a lost season ticket once, for a fee of 15 euro. Bring a document with your photograph. The old ticket is
blocked the same evening.</p>
<h2>Bicycles, prams and surfboards</h2>
<p>Prams travel free. A bicycle costs 2.50 euro; tandems and cargo bikes count double. Surfboards are stowed on the roof
of the wheelhouse and must be announced on the day before.</p>
<p class="note">In force from 1 January 2025.</p>
<script>console.log("not for readers")</script>
</body>
</html>
"""

FARES = '''\
"""Work out what a crossing costs. Used by the ticket machines on piers 1 and 2."""

from dataclasses import dataclass
from decimal import Decimal

ADULT = Decimal("14.00")
CHILD_SHARE = Decimal("0.5")
GROUP_SIZE = 10  # from this many people on, the skipper's rebate applies
GROUP_REBATE = Decimal("0.15")


@dataclass
class Party:
    """Who wants to cross."""

    adults: int
    children: int = 0
    dogs: int = 0


def price(party: Party, *, off_peak: bool = False) -> Decimal:
    """The fare of a party; off-peak sailings are a fifth cheaper, and dogs always pay three euro."""
    fare = ADULT * party.adults + ADULT * CHILD_SHARE * party.children
    if party.adults + party.children >= GROUP_SIZE:
        fare -= fare * GROUP_REBATE
    if off_peak:
        fare *= Decimal("0.8")
    return fare + 3 * party.dogs


def round_to_coins(amount: Decimal) -> Decimal:
    """The nearest ten cents, because the machines hold no smaller coins."""
    return (amount * 10).quantize(Decimal("1")) / 10
'''

BACKUP = """\
#!/bin/sh
# Copy the booking database to the server on Morrow Island, every night at 02:15.
# Keeps fourteen days; older dumps are deleted only after the new one has been verified.
set -eu

target=/var/backups/bookings
stamp=$(date +%Y-%m-%d)

pg_dump --format=custom bookings > "$target/$stamp.dump.part"
pg_restore --list "$target/$stamp.dump.part" > /dev/null
mv "$target/$stamp.dump.part" "$target/$stamp.dump"
find "$target" -name '*.dump' -mtime +14 -delete
"""

LOST_FILM = """\
1
00:00:04,000 --> 00:00:09,500
In the spring of 1953 the ice carried away the wooden pier in a single night.

2
00:00:12,000 --> 00:00:17,000
For two summers the islanders were rowed ashore through the surf.

3
00:00:21,000 --> 00:00:27,500
Then a retired circus strongman offered his savings for a pier of concrete.

4
00:00:33,000 --> 00:00:39,000
He asked for nothing but a bench at its end, and there he sat until he died.

5
00:00:45,000 --> 00:00:50,000
Narration, camera and music: the school of Little Fenn.
"""

TIMETABLE = (
    ("departure", "from", "to", "ship", "days", "remark"),
    ("06:10", "Port Aldern", "Morrow Island", "Razorbill", "Mon-Fri", "school boat"),
    ("07:30", "Morrow Island", "Port Aldern", "Razorbill", "Mon-Fri", "school boat"),
    ("09:40", "Port Aldern", "Morrow Island", "Guillemot", "daily", ""),
    ("10:15", "Port Aldern", "Skerra", "Razorbill", "daily", "not in January"),
    ("11:00", "Port Aldern", "Little Fenn", "Dunlin", "Wed, Sat", "twelve passengers at most"),
    ("14:20", "Port Aldern", "Morrow Island", "Guillemot", "daily", ""),
    ("17:15", "Morrow Island", "Port Aldern", "Guillemot", "daily", ""),
    ("22:45", "Morrow Island", "Port Aldern", "Razorbill", "Sat", "after the cinema, by request"),
)

BUOYS = {
    "network": "Ternsound tide and weather buoys",
    "updated": "2024-11-14T06:00:00Z",
    "stations": [
        {
            "id": "TB-01",
            "name": "Fenn Bank",
            "sensors": ["tide gauge", "anemometer"],
            "battery": "solar",
            "state": "ok",
        },
        {
            "id": "TB-02",
            "name": "Skerra West",
            "sensors": ["wave height", "water temperature"],
            "state": "drifting",
            "remark": "mooring chain broken in the gale of 12 November, recovered by a trawler",
        },
        {"id": "TB-03", "name": "Inner Sound", "sensors": ["salinity", "current"], "state": "ok", "battery": "lithium"},
    ],
}

RADIO_LOG = """\
2024-11-12 05:55:10 INFO  vhf ch16 watch taken over by D. Hallowander
2024-11-12 06:31:42 INFO  vhf ch12 Guillemot reports ready, 41 passengers, 12 cars
2024-11-12 08:02:03 WARN  gauge wind 38 knots gusting 47, departures to Skerra suspended
2024-11-12 09:17:55 ERROR vhf ch16 MAYDAY yacht Saltwhistle, rudder lost, three persons, south of Seal Bank
2024-11-12 09:18:30 INFO  vhf ch16 lifeboat Morrow launched, Razorbill standing by
2024-11-12 09:58:12 INFO  vhf ch16 tow line fast, yacht under tow to Port Aldern
2024-11-12 10:41:00 INFO  vhf ch16 all persons safe ashore, one with a sprained wrist
2024-11-12 13:20:09 WARN  gauge wind 44 knots gusting 55, all departures cancelled
2024-11-12 21:05:37 INFO  gauge wind 19 knots, evening sailing resumes
2024-11-12 22:00:00 INFO  vhf ch16 watch handed to night desk
"""

PACKING = """\
Packing list for the school trip to the bird island

Rubber boots, a warm hat even in June, and binoculars if you have any (the warden lends six pairs).
Sandwiches and a full water bottle: there is no shop and no tap on the island.
A notebook and two pencils, because pens do not write in the rain.
Please leave footballs, drones and dogs at home; the terns are breeding and leave their eggs when they are frightened.
Sunscreen. Pills against seasickness for those who need them.
We meet at pier 3 at a quarter to eleven. Parents can watch where the boat is on the web page of the harbour.
"""


def model(path: Path) -> None:
    """A binary whose first bytes are those of a file of a 3-D program."""
    mesh = np.random.default_rng(90).integers(0, 256, 24_000, dtype=np.uint8).tobytes()
    path.write_bytes(b"BLENDER-v293REND" + mesh + b"ENDB")


def make(folder: Path) -> None:
    """Write every note into this folder."""
    folder.mkdir(parents=True, exist_ok=True)
    timetable = "\r\n".join(",".join(f'"{cell}"' if "," in cell else cell for cell in row) for row in TIMETABLE)
    texts = {
        "minutes-2024-11-11.md": MINUTES,
        "handbook.rst": HANDBOOK,
        "tickets.html": BULLETIN,
        "fares.py": FARES,
        "nightly.sh": BACKUP,
        "school_film.srt": LOST_FILM,
        "winter.csv": timetable + "\r\n",
        "buoys.json": json.dumps(BUOYS, indent=2) + "\n",
        "coastradio.log": RADIO_LOG,
        "packing.txt": PACKING,
    }
    for name, text in texts.items():
        (folder / name).write_bytes(text.encode())
    model(folder / "petrel-hull-v4.blend")


def copy_of(source: Path, target: Path) -> None:
    """The same bytes under another name, as everybody's folder has them."""
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, target)
