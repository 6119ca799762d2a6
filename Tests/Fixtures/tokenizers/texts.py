"""Texts that tokenisers are tried on: sentences in many scripts, edge cases, and random characters."""

import random
import unicodedata

SENTENCES = [
    "The quick brown fox jumps over the lazy dog, and nobody has asked it why.",
    "Zwölf Boxkämpfer jagen Viktor quer über den großen Sylter Deich; Äpfel, Öl und Übermut.",
    "Portez ce vieux whisky au juge blond qui fume: cœur, façade, naïveté, où?",
    "El pingüino Wenceslao hizo kilómetros bajo exhaustiva lluvia. ¿Y después? ¡Nada!",
    "Съешь же ещё этих мягких французских булок, да выпей чаю.",
    "Ξεσκεπάζω την ψυχοφθόρα βδελυγμία· τί ποτ' ἐστίν;",
    "いろはにほへと ちりぬるを。カタカナも、漢字も、全角ＡＢＣ１２３も。",
    "我想在河边的茶馆里喝一杯绿茶，然后回家看书。價格是１２３４元。",
    "키스의 고유조건은 입술끼리 만나야 하고 특별한 기술은 필요치 않다.",
    "نص حكيم له سر قاطع وذو شأن عظيم مكتوب على ثوب أخضر ومغلف بجلد أزرق ١٢٣٤.",
    "דג סקרן שט בים מאוכזב ולפתע מצא חברה.",
    "ऋषियों को सताने वाले दुष्ट राक्षसों के राजा रावण का सर्वनाश हुआ। १२३४५",
    "เป็นมนุษย์สุดประเสริฐเลิศคุณค่า กว่าบรรดาฝูงสัตว์เดรัจฉาน ๑๒๓",
    "សត្វ​ខ្លា​រត់​លឿន ហើយ​មិន​ខ្លាច​អ្វី​ឡើយ។",
    "நான் தினமும் காலையில் தேநீர் குடிப்பேன்.",
    "Հայերենը գեղեցիկ լեզու է, այդպես չէ՞։",
    "ქართული ენა ძალიან ლამაზია, ᲥᲐᲠᲗᲣᲚᲘ.",
    "ሰላም፣ እንዴት ነህ? ዛሬ ጥሩ ቀን ነው።",
    "Tiếng Việt có nhiều dấu: ằ, ẵ, ệ, ộ, ữ; e\u0302\u0323 cũng vậy.",
    "ᏣᎳᎩ ᎦᏬᏂᎯᏍᏗ ꮳꮃꭹ, ⲙⲉⲧⲣⲉⲙⲛⲭⲏⲙⲓ, 𐐔𐐯𐑅𐐨𐑉𐐯𐐻, 𞤀𞤣𞤤𞤢𞤥",
    "def f(x: int) -> str:\n\treturn f\"{x:>8}\"  # comment\n\nfor i in range(10):\n    print(i ** 2, end='')\n",
    "<html><body class=\"a-b\">&nbsp;&amp;</body></html> https://example.org/a/b?c=d&e=%20#f",
]

EDGES = [
    "", " ", "  ", "   ", "\n", "\n\n", "\r\n", "\r\n\r\n", "\t", " \n", "\n ", " \t\n \r\n ", "a", "é", "e\u0301",
    "don't DON'T we'Ve I'LL he'S they'RE I'm I'D 'tis 'S's ''s 's 'ſ it'ſ rock'n'roll o'clock",
    "'s't're've'm'll'd 'S'T'RE'VE'M'LL'D",
    "1 12 123 1234 12345 123456 1234567890 3.14159 1,234,567.89 0x1F 1e-5 ½ ²³ ¼kg x² ⅷ ٣٤٥ १२३ 一二三 ①② 𝟘𝟙",
    "a1b22c333d4444", " 1", "  22", "   333", "1 2  3   4",
    " leading", "  leading", "   leading", "trailing ", "trailing  ", "trailing   \n", "a  b   c    d     e",
    "a\u00a0b\u2003c\u3000d\u202fe\u205ff\u1680g\u180eh\u200bi\u2028j\u2029k\u0085l\u000bm\u000cn\u001co\ufeffp",
    "\x00\x01\x02\x03\x04\x05\x06\x07\x08\x0e\x0f\x10\x1b\x1f\x7f\x80\x84\x86\x9f",
    "line\r\nline\rline\nline\n\rline\n\n\n\nline\r\n\r\nline",
    "!!! ??? ... --- ___ *** ### /// \\\\\\ <<>> [[]] (()) {{}} ~~ `` ^^ $$ %% && || == ++ ,, ;; :: '' \"\"",
    "hello/\nworld//\r\n/ a/b /\n\n", "«quoted» “quoted” ‘quoted’ „quoted“ ¿? ¡! … – — · • † ‡ § ¶ © ® ™ ° ± × ÷",
    "😀 😀😀 👍🏽 👩‍👩‍👧‍👦 🏳️‍🌈 🇩🇪🇫🇷🇯🇵 1️⃣ #️⃣ ☺️ ☺ ♥︎ 🧑🏿‍🚀 🫠🫶🏾 🏴󠁧󠁢󠁥󠁮󠁧󠁿 ✅🚀",
    "Å Å A\u030a ﬁ ﬀ Ω Ω K K ẛ̣ \u1e9b\u0323 각 \u1100\u1161\u11a8 가\u11a8 \u0344 \u0958 \u2126 \U0002f800 \ufb2c",
    "a\u0323\u0307 a\u0307\u0323 q\u0307\u0323\u0302 \u0301alone \u0f71\u0f72\u0f74 \u3099か\u3099 \u0915\u093c\u094d",
    "x" * 70, "ab" * 40, " " * 100 + "x", "\n" * 50, " \n" * 20, "." * 65, "-" * 33, "9" * 100, "中" * 50, "😀" * 20,
    "\t" * 30 + "x", "a" + " " * 33, "=" * 81 + "\n", "é" * 40, "word " * 20,
    "CamelCaseWords snake_case_words kebab-case-words SCREAMING_CASE MixedUPPERandLower iPhone McDonald's ÉCOLE éCOLE",
    "ΣΊΣΥΦΟΣ ǅ ǲ ʰ ˈ ˮ ª º ᴬ ᶜ ʼn ŉ ﷺ ㍿ ㌀ Ⅷ ⓐ 🄰",
    "▁ ▁▁ a▁b ▁a ▁ a", "Ġ Ċ ĠĠ Ħ", "<0x0A> <0xFF> <unk> <s> </s> <pad>", "\ufffd \ufffe\uffff \U0010ffff",
]


def characters():
    """Every character that Unicode 14 knows, but for private ones."""
    assert unicodedata.unidata_version == "14.0.0"
    return [c for c in map(chr, range(0x110000)) if unicodedata.category(c) not in ("Cn", "Cs", "Co")]


def random_texts(count, seed, longest=12):
    """Random characters in runs of neighbours, among words, spaces, digits and marks."""
    known = characters()
    source = random.Random(seed)
    parts = [
        " ", "  ", "   ", "\n", "\r\n", "\t", "'s", "'LL", "don't", "word", "Word", "WORD", "12", "3456", "é", "e\u0301",
        ".", "...", "!?", "/\n", "\u0301", "\u0323", "👩‍👩‍👧", "🇩🇪", "中文", "的", "Привет", "\u00a0", "\u3000", "_", "=",
    ]
    for _ in range(count):
        text = ""
        for _ in range(source.randrange(1, longest)):
            if source.random() < 0.5:
                text += source.choice(parts)
            else:
                start = source.randrange(len(known))
                text += "".join(source.choice(known[start : start + 60]) for _ in range(source.randrange(1, 8)))
        yield text
