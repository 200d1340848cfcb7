"""Words of dates that dateparser does not know, in the languages that are tried for every date: seasons, quarters, and
the words around them. All in lower case."""

from __future__ import annotations

_BY_SEASON = {
    1: "spring frühling frühlings frühjahr printemps primavera lente voorjaar весна весной весну весны навесні "
    "wiosna wiosną wiosny jaro vår våren forår foråret ilkbahar 春 春天 봄",
    2: "summer sommer sommers sommeren sommaren été verano estate verão zomer лето летом лета літо влітку lato latem "
    "lata léto létě sommar yaz 夏 夏天 여름",
    3: "autumn fall herbst herbstes automne otoño autunno outono herfst najaar осень осенью осени осінь восени jesień "
    "jesienią jesieni podzim höst hösten efterår efteråret sonbahar 秋 秋天 가을",
    4: "winter winters hiver invierno inverno зима зимой зиму зимы взимку zima zimą zimy vinter vintern vinteren kış "
    "冬 冬天 겨울",
}
SEASONS = {word: season for season, words in _BY_SEASON.items() for word in words.split()}

LAST = frozenset(
    "last past previous letzte letzten letzter letztes letztem vorige voriger voriges vorigen vorigem vergangene "
    "vergangenen vergangener vergangenes dernier dernière derniers dernières passé passée pasado pasada pasados último "
    "última últimos últimas scorso scorsa scorsi ultimo ultima ultimi ultime passado passada passados vorig afgelopen "
    "laatste прошлый прошлая прошлое прошлым прошлом прошлой прошлую прошлого последний последние минулого минулому "
    "минулий минулої zeszły zeszła zeszłe zeszłego zeszłym zeszłej ubiegły ubiegła ubiegłe ubiegłego ubiegłym ostatni "
    "ostatnia ostatnie minulý minulé minulá minulém förra senaste sidste geçen".split()
)
THIS = frozenset(
    "this current diese dieser dieses diesen diesem cet cette ce este esta quest questo questa questi neste nesta dit "
    "deze этот эта это этим этом этой эту этого цього цієї ten ta to tego tej letos denna detta dette denne bu".split()
)
_BY_UNIT = {
    "week": "week woche semaine semana settimana неделя неделю неделе неделей тиждень тижня tydzień tygodniu tygodnia "
    "týden týdnu vecka veckan uge uken",
    "month": "month monat monats mois mes mese mês maand месяц месяце месяца місяць місяці miesiąc miesiącu miesiąca "
    "měsíc měsíci månad månaden måned",
    "year": "year jahr jahres jahrs année an año anno ano jaar год году года рік році року rok roku år året yıl",
}
UNITS = {word: unit for unit, words in _BY_UNIT.items() for word in words.split()}
YEARS = frozenset(_BY_UNIT["year"].split())
FILLERS = frozenset(
    "the of in on a im in der den des dem die das l le la les de d du en el del los il lo nel nell dell della do da o "
    "os no na het i om van во в na w v u s sobre".split()
)
QUARTERS = frozenset("quarter quartal quartals trimestre kwartaal kwartał kwartale квартал квартале kvartal".split())
ORDINALS = {
    word: number
    for number, words in enumerate(
        (
            "first 1st erstes erste ersten premier primer primero primo primeiro eerste первый",
            "second 2nd zweites zweite zweiten deuxième segundo secondo tweede второй",
            "third 3rd drittes dritte dritten troisième tercer tercero terzo terceiro derde третий",
            "fourth 4th viertes vierte vierten quatrième cuarto quarto vierde четвертый четвёртый",
        ),
        1,
    )
    for word in words.split()
}
WEEKENDS = frozenset("weekend weekends wochenende wochenendes weekenden weekendet".split())
DECADES = frozenset("decade decades jahrzehnt décennie década decennio".split())
