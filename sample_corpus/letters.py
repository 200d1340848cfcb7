"""Letters and notices in eight languages, each in an encoding that its writers really used.

Every text is long enough for its encoding to be detected.
"""

from __future__ import annotations

import codecs
from pathlib import Path

GERMAN = """\
Protokoll der Mannschaftsbesprechung vom 4. Oktober 2024

Anwesend: Käthe Mühlbrandt, Jörn Süderholm, Tomas Okarin und sechs weitere Mitglieder der Besatzung.

Die Heizung im Aufenthaltsraum fällt seit zwei Wochen immer wieder aus. Jörn hat den Brenner gereinigt, doch der
Thermostat ist alt und muss ersetzt werden. Bis dahin stehen zwei Heizlüfter bereit; sie dürfen nachts nicht ohne
Aufsicht laufen.

Für die Weihnachtsfahrten suchen wir noch drei Freiwillige, die Glühwein ausschenken und den Kindern vorlesen. Wer
mitmachen möchte, trägt sich bitte bis zum 20. November in die Liste am Schwarzen Brett ein.

Die neuen Arbeitshosen sind zu kurz geschnitten. Käthe schickt sie zurück und bestellt eine andere Größe.

Nächste Besprechung: Freitag, 1. November, um 16 Uhr im Zollschuppen.
"""

FRENCH = """\
Madame, Monsieur,

Le 17 août dernier, j'ai voyagé avec ma mère, âgée de quatre-vingt-trois ans, sur le bateau de 18 h 30. À l'arrivée, la
passerelle était si raide que son fauteuil roulant ne pouvait pas descendre. Deux de vos matelots l'ont portée à bras
jusqu'au quai, avec une gentillesse et une bonne humeur que nous n'oublierons pas.

Je vous écris donc pour les remercier, mais aussi pour vous suggérer d'installer une rampe mobile à marée basse. La
mairie de notre île en possède une qui ne sert plus depuis la fermeture de la piscine, et le maire serait prêt à vous la
céder pour un euro symbolique.

Dans l'espoir d'une réponse favorable, je vous prie d'agréer, Madame, Monsieur, l'expression de mes sentiments
distingués.

Églantine Vauquelin-Roche
Île de Morrow
"""

SPANISH = """\
# Receta de la sopa de pescado del Guillemot

Nuestra cocinera, Inés Barragán del Soto, sirve esta sopa los viernes y siempre hay cola. Estas cantidades bastan para
diez personas.

- un kilo de cabezas y espinas de pescado para el caldo
- medio kilo de bacalao fresco y doscientos gramos de mejillones
- cuatro tomates maduros, dos cebollas y un bulbo de hinojo
- una pizca de azafrán, laurel, aceite de oliva y un vaso de vino blanco

Se hierve el caldo durante media hora y se cuela. Mientras tanto se sofríe la cebolla con el hinojo, muy despacio, hasta
que esté transparente. Se añaden los tomates pelados y el vino, y se deja reducir. Después se vierte el caldo con el
azafrán, y el pescado entra solo en los últimos cinco minutos: si hierve más, se deshace.

El secreto de Inés es una cáscara de naranja, que retira justo antes de servir.
"""

RUSSIAN = """\
Уважаемые коллеги!

Сообщаем, что запасные части для радиолокатора отправлены со склада двадцать пятого октября. Посылка состоит из трёх
ящиков общим весом сто сорок килограммов. В первом ящике лежит антенна, во втором находится передатчик, в третьем
уложены кабели и крепёжные болты.

Просим осторожно вскрыть упаковку и проверить, не повреждён ли корпус антенны при перевозке. Если вы заметите трещины
или вмятины, сделайте фотографии и пришлите их нам в течение пяти дней, иначе страховая компания откажет в возмещении.

Наш инженер Глафира Тихозёрова может приехать для установки в начале декабря. Ей понадобятся комната на три ночи и
помощник, который умеет работать на высоте.

С уважением, мастерская "Северный маяк"
"""

CHINESE = """\
关于码头夜间施工的通知

各位乘客和附近的居民：

为了更换二号码头的旧木桩，施工队将从十一月十八日起进行夜间施工，时间是每天晚上九点到第二天早上五点，预计持续三个星期。
施工期间，前往斯凯拉岛的渡轮改在三号码头上下客，末班船提前到晚上八点半。

打桩机会发出较大的噪音，我们向附近居民表示歉意。售票处可以免费领取耳塞。家里有婴儿或者病人的住户，可以申请入住
海员之家，住宿费用由合作社承担，请提前两天打电话登记。

自行车停车场不受影响。带宠物的旅客请使用东侧的通道。

渡轮合作社
二〇二四年十一月五日
"""

JAPANESE = """\
姉妹都市「港川町」訪問の記録

十月九日から五日間、港川町の渡し船組合から八名のお客様をお迎えしました。団長の波多野谷さんは、四十年間も木造の渡し船を
漕いできた方です。

初日は灯台を見学し、二日目は機関室で新しい陸上電源の説明をしました。皆さんは充電の速さよりも、夜の静けさに驚いていました。
三日目は雨のため、島めぐりを中止して、食堂で折り紙と結び方の教室を開きました。子供たちには折り紙の船が一番人気でした。

最後の夜、組合から手作りの提灯を二十個いただきました。来年の夏祭りで船首に飾る予定です。お返しに、古い羅針盤を贈りました。

来年は私たちが港川町を訪ねます。参加を希望する方は、一月末までに事務所へ申し込んでください。
"""

ARABIC = """\
تعليمات لركاب العبارة في فصل الشتاء

تغادر العبارة الأولى في الساعة السابعة صباحا بدلا من السادسة ابتداء من أول ديسمبر. نرجو من المسافرين الحضور قبل الموعد
بعشرين دقيقة، لأن سطح السفينة يكون زلقا بسبب الجليد ويحتاج الصعود إلى وقت أطول.

لا يسمح بالبقاء داخل السيارات أثناء الرحلة. توجد بطانيات وشاي ساخن في القاعة، ويحصل الأطفال على الحليب مجانا. إذا ألغيت
الرحلة بسبب العاصفة، يمكن استرداد ثمن التذكرة كاملا من المكتب خلال ثلاثين يوما.

يقع المصلى بجانب غرفة الإسعاف في الطابق العلوي. نتمنى لكم رحلة آمنة.
"""

COMPLAINT = """\
To the board of the Ternsound Ferry Cooperative

Dear Sir or Madam,

on the evening of 2 November I left my cello on the luggage rack of the 19:10 sailing. When I noticed it, the ship had
already gone back. Your night watchman, whose name I unfortunately did not catch, rowed out to her at anchor, found the
instrument behind the lifebelts, and brought it to my door at half past one in the morning. He refused any reward.

May I ask you to pass the enclosed concert tickets on to him? We play at the fish market on 7 December; the programme
begins with a barcarole, which seems fitting.

Yours faithfully,
Leontyne Ashgrove-Pell, second desk of the island orchestra
"""

LETTERS: dict[str, tuple[str, str]] = {
    "besprechung_okt.txt": ("latin-1", GERMAN),
    "courrier-reçu.txt": ("cp1252", FRENCH),
    "sopa.md": ("utf-8-sig", SPANISH),
    "pismo.txt": ("koi8-r", RUSSIAN),
    "通知.txt": ("gb18030", CHINESE),
    "訪問記録.txt": ("shift_jis", JAPANESE),
    "winter_ar.txt": ("utf-8", ARABIC),
    "letter 31.txt": ("utf-16-le", COMPLAINT),
}


def make(folder: Path) -> None:
    """Write every letter in its own encoding; UTF-16 begins with its byte order mark."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, (encoding, text) in LETTERS.items():
        mark = codecs.BOM_UTF16_LE if encoding == "utf-16-le" else b""
        (folder / name).write_bytes(mark + text.encode(encoding))
