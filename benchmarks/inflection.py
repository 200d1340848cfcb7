"""Other forms of words: the share of pairs (a query's form, another form in a short text) that are found above the
default cutoff, by group of languages. `python -m benchmarks.inflection`: about a minute.

Each text stands in a file of its own among the others and DISTRACTORS; names are not searched.
"""

from __future__ import annotations

import math
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

from mmsearch import Index, Query
from mmsearch.config import Settings

# Groups of pairs: query | sentence that holds another form of it.
PAIRS = {
    "English": """
dog|Two dogs slept beside the stove.
ship|Three ships lay at anchor.
box|Put the boxes on the shelf.
wolf|A pack of wolves crossed the valley.
city|Both cities were rebuilt after the fire.
mouse|There were mice in the cellar.
child|The children painted a mural.
knife|All knives must be sharpened.
leaf|Yellow leaves covered the path.
tooth|The dentist pulled two teeth.
foot|It is thirty feet deep.
goose|A flock of geese flew south.
woman|Four women founded the choir.
potato|Peel the potatoes first.
berry|We picked wild berries.
church|Many churches have towers.
watch|He repairs old watches.
bus|The buses run every hour.
glass|Wash the glasses by hand.
lady|The ladies had tea outside.
run|She was running along the canal.
bake|They were baking all morning.
swim|He swam to the island.
write|The letter was written in ink.
buy|We bought a second boat.
sell|The farm was sold last spring.
teach|She taught us the alphabet.
catch|The cat caught a sparrow.
sing|The choir sang until midnight.
drive|He drove the tractor home.
break|The window is broken.
fly|Swallows flew over the barn.
grow|The vines had grown over the gate.
hide|Someone hid the key.
freeze|The pipes froze in January.
choose|The jury chose a winner.
eat|Rabbits ate the lettuce.
drink|The horses drank from the river.
sleep|Grandfather slept in the armchair.
build|The bridge was built of oak.
plan|They planned a garden.
stop|The train stopped at dawn.
carry|He carried the ladder.
study|She studied botany.
dance|Everyone was dancing in the square.
invoices|Attached is the invoice.
photos|One photo is blurred.
recipes|This recipe needs saffron.
wheels|The left wheel squeaks.
mountains|A mountain rises behind the lake.
lighthouses|The lighthouse was painted red.
travelling|They travelled by mule.
repaired|Someone must repair the roof.
painted|We will paint the fence.
cleaning|The chimney was cleaned.
skies|The sky turned green.
wives|His wife keeps bees.
shelves|The shelf fell down.
thieves|A thief took the copper.
heavier|The lead anchor is very heavy.
""",
    "German": """
Haus|Die Häuser am Fluss sind alt.
Baum|Unter den Bäumen war es kühl.
Hund|Die Hunde bellten die ganze Nacht.
Katze|Drei Katzen sitzen auf der Mauer.
Buch|Die Bücher stehen im Regal.
Kind|Die Kinder spielen am Ufer.
Rechnung|Alle Rechnungen sind bezahlt.
Schlüssel|Er suchte nach den Schlüsseln.
Stadt|Viele Städte liegen am Meer.
Apfel|Die Äpfel sind reif.
Brücke|Zwei Brücken führen hinüber.
Vertrag|Die Verträge wurden gekündigt.
Fahrrad|Wir haben die Fahrräder geputzt.
Arzt|Beide Ärzte waren im Urlaub.
Zahn|Die Zähne tun ihm weh.
Garten|In den Gärten blüht der Flieder.
Vogel|Die Vögel ziehen nach Süden.
Bild|Die Bilder hängen schief.
Brief|Sie schrieb lange Briefe.
Zug|Die Züge sind verspätet.
Schiff|Die Schiffe liegen im Hafen.
Mann|Zwei Männer trugen das Klavier.
Wald|Die Wälder sind dicht.
Auto|Die Autos stehen im Hof.
Müller|Frau Mueller hat angerufen.
Straße|Die Strassen sind gesperrt.
gehen|Er ging langsam nach Hause.
kaufen|Sie kaufte einen Mantel.
schreiben|Der Bericht wurde gestern geschrieben.
fahren|Wir fuhren mit dem Boot.
singen|Der Chor sang ein Lied.
essen|Die Gäste aßen Suppe.
kochen|Großmutter kochte Marmelade.
malen|Der Maler malte ein Portrait.
reparieren|Der Mechaniker reparierte den Motor.
Stromrechnung|Die Rechnung für den Strom ist da.
Kosten|Die Reparaturkosten waren hoch.
Versicherung|Die Hausratversicherung wurde verlängert.
Bahnhof|Der Hauptbahnhof wird umgebaut.
Koeln|Wir wohnen in Köln.
""",
    "Russian": """
кот|Коты спали на крыше.
рука|Он держал письмо в руке.
нога|У стола сломана ножка и две ноги.
дом|Старые дома стоят у реки.
река|Дети купались в реке.
книга|На полке стояли книги.
город|Мы объехали многие города.
собака|Собаки лаяли всю ночь.
письмо|Она получила два письма.
окно|В комнате нет окон.
день|Прошло десять дней.
отец|Он искал своего отца.
человек|На площади стояли люди.
ребёнок|В саду играли дети.
дерево|Под деревьями было прохладно.
друг|Ко мне приехали друзья.
брат|У неё есть братья.
стол|На столе лежал хлеб.
яблоко|Мы собрали много яблок.
мост|Через канал ведут мосты.
корабль|Корабли стояли на якоре.
дорога|Мы ехали по дороге.
школа|Ученики вернулись в школу.
машина|Во дворе стоят машины.
счёт|Все счета уже оплачены.
фотография|На фотографиях видно море.
музей|Мы были в двух музеях.
красный|На столе лежала красная скатерть.
старый|Он живёт в старом доме.
большой|Мы видели большую рыбу.
синий|Она надела синее платье.
читать|Вечером он читал газету.
писать|Сестра пишет стихи.
купить|Мы купили новую лодку.
петь|Хор пел до утра.
рисовать|Художник рисовал портрет.
ехать|Они едут на север.
готовить|Бабушка готовила варенье.
деньги|На счёте нет денег.
ключ|Он потерял ключи.
""",
    "Spanish and French": """
ciudad|Las ciudades del norte son frías.
niño|Los niños juegan en la plaza.
canción|Cantaban canciones antiguas.
factura|Todas las facturas están pagadas.
lápiz|Hay dos lápices en la mesa.
luz|Las luces del puerto se apagan.
flor|Las flores crecen junto al muro.
perro|Los perros ladraban de noche.
barco|Tres barcos llegaron al muelle.
árbol|Los árboles dan sombra.
comer|Los invitados comieron sopa.
cantar|El coro cantaba en la iglesia.
escribir|La carta fue escrita a mano.
dormir|El abuelo duerme en el sillón.
pez|Vimos peces de colores.
cheval|Les chevaux traversent la rivière.
journal|Il lit deux journaux le matin.
œil|Elle ferme les yeux.
maison|Les maisons du village sont blanches.
chien|Les chiens dorment devant la porte.
enfant|Les enfants jouent au jardin.
bateau|Trois bateaux quittent le port.
facture|Les factures sont payées.
oiseau|Les oiseaux chantent à l'aube.
animal|Il soigne des animaux blessés.
chanter|La chorale chantait un hymne.
écrire|La lettre fut écrite en mars.
vendre|La ferme a été vendue.
manger|Les invités mangeaient une tarte.
clé|Il cherche ses clés.
""",
    "Arabic and Hebrew": """
مدرسة|تقع المدرسة بجانب الجسر.
نهر|مشينا على ضفة النهر مساء.
سيارة|وصلنا إلى القرية بالسيارة.
بيت|رجعوا إلى البيت متأخرين.
كتاب|وضعت الكتب على الرف.
رسالة|وصلت رسالتها أمس.
شجرة|تحت الأشجار ظل بارد.
مدينة|زرنا مدنا كثيرة.
طبيب|ذهب إلى الطبيب صباحا.
حديقة|لعبوا في الحديقة.
قلم|كتب بالقلم الأزرق.
جبل|صعدوا إلى الجبل.
فاتورة|دفعنا الفواتير كلها.
معلم|شكر الطلاب معلمهم.
صورة|هذه صورتي القديمة.
ספרייה|נפגשנו בספרייה בערב.
נהר|ישבנו על גדת הנהר.
רכבת|נסענו ברכבת צפונה.
ירושלים|הם עברו לירושלים.
בית|חזרנו לבית מאוחר.
ילד|הילדים שיחקו בחצר.
ספר|על המדף עמדו ספרים.
תמונה|התמונות תלויות על הקיר.
מכתב|קיבלתי שני מכתבים.
עיר|טיילנו בערים ישנות.
כלב|הכלבים נבחו כל הלילה.
חשבונית|שילמנו את החשבוניות.
מפתח|איבד את המפתחות.
גן|הלכנו לגן.
אונייה|ראינו אוניות בנמל.
""",
}
DISTRACTORS = (
    "The committee met on Tuesday and approved the accounts.",
    "A heavy storm closed the harbour for a week.",
    "Der Verein hat im Frühjahr einen neuen Vorstand gewählt.",
    "Das Wetter blieb bis zum Abend trüb und windig.",
    "Заседание началось утром и закончилось поздно.",
    "Погода весь вечер оставалась пасмурной.",
    "La reunión empezó tarde y terminó pronto.",
    "Le conseil a adopté le budget sans débat.",
    "اجتمعت اللجنة يوم الثلاثاء وناقشت الميزانية.",
    "הוועדה התכנסה ביום שלישי ואישרה את התקציב.",
)


def interval(share: float, count: int) -> tuple[float, float]:
    """Wilson's 95% interval of a share."""
    z = 1.96
    middle = (share + z * z / (2 * count)) / (1 + z * z / count)
    half = z * math.sqrt(share * (1 - share) / count + z * z / (4 * count * count)) / (1 + z * z / count)
    return middle - half, middle + half


def measure(folder: Path) -> tuple[dict[str, list[bool]], list[str]]:
    """Index all texts and ask every query: by group what is found, and the queries that miss."""
    asked: list[tuple[str, str, str]] = []
    (folder / "files").mkdir(parents=True)
    for group, lines in PAIRS.items():
        for number, line in enumerate(lines.strip().splitlines()):
            query, text = line.split("|")
            name = f"{group.split()[0]}-{number:02}.txt"
            (folder / "files" / name).write_text(text, "utf-8")
            asked.append((group, query, name))
    for number, text in enumerate(DISTRACTORS):
        (folder / "files" / f"other-{number:02}.txt").write_text(text, "utf-8")
    for _ in Index.update(folder / "index", folder / "files", Settings(models=("builtin",))):
        pass
    found: dict[str, list[bool]] = {group: [] for group in PAIRS}
    missed = []
    with Index.open(folder / "index") as index:
        for group, query, name in asked:
            hits = index.search(Query(query, names=False)).hits
            right = any(
                os.fsdecode(os.path.basename(hit.path)) == name and any(s.terms for s in hit.signals) for hit in hits
            )
            found[group].append(right)
            missed += [] if right else [f"{query} ({name})"]
    return found, missed


def table() -> Iterator[tuple[str, ...]]:
    """The table of groups of languages; the last row names the queries that miss."""
    with tempfile.TemporaryDirectory() as place:
        found, missed = measure(Path(place))
    yield "group", "pairs", "found above the cutoff"
    for group, rights in found.items():
        share = sum(rights) / len(rights)
        low, high = interval(share, len(rights))
        yield group, f"{len(rights)}", f"{100 * share:.0f}% [{100 * low:.0f}, {100 * high:.0f}]"
    yield "missed", f"{len(missed)}", ", ".join(missed) or "none"


if __name__ == "__main__":
    for row in table():
        print(f"| {' | '.join(row)} |")
