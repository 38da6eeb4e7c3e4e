"""English, item by item, as a native speaker reads it aloud."""

from __future__ import annotations

import pytest

from agent.dialogue.speakable import speakable

NUMBERS = [
    ("I have 3 apples.", "I have three apples."),
    ("0", "zero"),
    ("21 of 115", "twenty-one of one hundred fifteen"),
    ("1,234,567 people", "one million two hundred thirty-four thousand five hundred sixty-seven people"),
    ("1000000", "one million"),
    ("3.14159", "three point one four one five nine"),
    ("0.05", "zero point zero five"),
    (".5", "point five"),
    ("It is 3.", "It is three."),
    ("It is 3.5.", "It is three point five."),
    ("-7", "minus seven"),
    ("007", "zero zero seven"),
    ("1, 2, 3", "one, two, three"),
    ("1,2,3", "one, two, three"),
    ("1st, 2nd, 3rd, 4th, 11th, 21st, 100th", "first, second, third, fourth, eleventh, twenty-first, one hundredth"),
    ("the 20th century", "the twentieth century"),
    ("3/4", "three quarters"),
    ("1/2", "one half"),
    ("2/3 of it", "two thirds of it"),
    ("1 1/2 cups", "one and a half cups"),
    ("2½ hours", "two and a half hours"),
    ("2 3/4 lbs", "two and three quarters pounds"),
    ("3/4 km", "three quarters of a kilometer"),
    ("24/7", "twenty-four seven"),
    ("5-10 people", "five to ten people"),
    ("pages 10–12", "pages ten to twelve"),
    ("10 - 20 km", "ten to twenty kilometers"),
    ("9-5 job", "nine to five job"),
    ("a 16:9 screen", "a sixteen to nine screen"),
    ("100+ users", "one hundred plus users"),
    ("10k followers", "ten thousand followers"),
    ("4K video", "four K video"),
    ("3-5 million", "three to five million"),
    ("version 1.2.3", "version one point two point three"),
    ("No. 5 and #1", "number five and number one"),
    ("123456789012345678901", "one two three four five six seven eight nine zero one two three four five six seven eight nine zero one"),
]
YEARS_DATES_TIMES = [
    ("In 1999,", "In nineteen ninety-nine,"),
    ("in 2024.", "in twenty twenty-four."),
    ("since 2000", "since two thousand"),
    ("2007", "two thousand seven"),
    ("1905", "nineteen oh five"),
    ("1900", "nineteen hundred"),
    ("2,024 people", "two thousand twenty-four people"),
    ("the 1990s", "the nineteen nineties"),
    ("the '90s", "the nineties"),
    ("in the 80s", "in the eighties"),
    ("wait 30s", "wait thirty seconds"),
    ("2020-2024", "twenty twenty to twenty twenty-four"),
    ("March 3, 2024", "March third, twenty twenty-four"),
    ("March 3rd", "March third"),
    ("Dec. 25", "December twenty-fifth"),
    ("5 May 2024", "the fifth of May twenty twenty-four"),
    ("the 5th of May", "the fifth of May"),
    ("2024-03-05", "March fifth, twenty twenty-four"),
    ("3/14/2024", "March fourteenth, twenty twenty-four"),
    ("25/12/1990", "December twenty-fifth, nineteen ninety"),
    ("at 3:30", "at three thirty"),
    ("at 3:05", "at three oh five"),
    ("at 3:00", "at three o'clock"),
    ("3:30 pm", "three thirty PM"),
    ("at 3:30 p.m. we met", "at three thirty PM we met"),
    ("at 3 p.m. We met", "at three PM. We met"),
    ("9am-5pm", "nine AM to five PM"),
    ("10:30-11:45", "ten thirty to eleven forty-five"),
    ("10 o'clock", "ten o'clock"),
]
MONEY = [
    ("$5", "five dollars"),
    ("$1", "one dollar"),
    ("$5.50", "five dollars and fifty cents"),
    ("$0.99", "ninety-nine cents"),
    ("$1,234.56", "one thousand two hundred thirty-four dollars and fifty-six cents"),
    ("$5 million", "five million dollars"),
    ("$2.5M", "two point five million dollars"),
    ("$5-10", "five to ten dollars"),
    ("-$5", "minus five dollars"),
    ("€20", "twenty euros"),
    ("20 €", "twenty euros"),
    ("£1.50", "one pound and fifty pence"),
    ("¥100", "one hundred yen"),
    ("5 USD", "five dollars"),
    ("US$5", "five dollars"),
    ("HK$8", "eight Hong Kong dollars"),
    ("$5/month", "five dollars per month"),
    ("$3/kg", "three dollars per kilogram"),
]
MEASURES = [
    ("50%", "fifty percent"),
    ("10-15%", "ten to fifteen percent"),
    ("5.5 %", "five point five percent"),
    ("1 km", "one kilometer"),
    ("5km", "five kilometers"),
    ("0.5 kg", "zero point five kilograms"),
    ("60 km/h", "sixty kilometers per hour"),
    ("9.8 m/s²", "nine point eight meters per second squared"),
    ("100 m²", "one hundred square meters"),
    ("100 m2", "one hundred square meters"),
    ("25°C", "twenty-five degrees Celsius"),
    ("25℃", "twenty-five degrees Celsius"),
    ("-5 °C", "minus five degrees Celsius"),
    ("1°F", "one degree Fahrenheit"),
    ("20-25°C", "twenty to twenty-five degrees Celsius"),
    ("90° turn", "ninety degrees turn"),
    ("65 mph", "sixty-five miles per hour"),
    ("512GB", "five hundred twelve gigabytes"),
    ("3.2 GHz", "three point two gigahertz"),
    ("5'10\"", "five foot ten"),
    ("It weighs 5 g.", "It weighs five grams."),
    ("~5 km", "about five kilometers"),
    ("5m tall", "five meters tall"),
]
TELEPHONES = [
    ("555-1234", "five five five, one two three four"),
    ("(555) 123-4567", "five five five, one two three, four five six seven"),
    ("+1 555 123 4567", "plus one, five five five, one two three, four five six seven"),
    ("1-800-555-0199", "one, eight zero zero, five five five, zero one nine nine"),
    ("Call 911.", "Call nine one one."),
    ("The code is 4821", "The code is four eight two one"),
    ("5551234567", "five five five one two three four five six seven"),
]
ARITHMETIC = [
    ("1 + 1 = 2", "one plus one equals two"),
    ("5 - 3 = 2", "five minus three equals two"),
    ("2*3=6", "two times three equals six"),
    ("2 * 3", "two times three"),
    ("6 ÷ 2", "six divided by two"),
    ("x^2", "x squared"),
    ("10^5", "ten to the power of five"),
    ("10⁵", "ten to the power of five"),
    ("5 < 6", "five less than six"),
    ("y >= 3", "y at least three"),
    ("3x4", "three by four"),
]
NAMES = [
    ("Dr. Smith met Mrs. Jones.", "Doctor Smith met Missus Jones."),
    ("tea, coffee, etc. We go.", "tea, coffee, et cetera. We go."),
    ("e.g. tea, i.e. a drink", "for example tea, that is a drink"),
    ("in the U.S. today", "in the US today"),
    ("John F. Kennedy", "John F Kennedy"),
    ("Plan B. Then", "Plan B. Then"),
    ("Main St. is long", "Main Street is long"),
    ("St. Louis", "Saint Louis"),
    ("a Ph.D. in art", "a PhD in art"),
    ("The A380, GPT-4, MP3 and H2O", "The A three eight zero, GPT four, MP three and H two O"),
    ("COVID-19", "COVID nineteen"),
    ("C++ and C#", "C plus plus and C sharp"),
    ("R&D at AT&T", "R and D at AT and T"),
    ("Node.js", "Node dot js"),
    ("and/or", "and or"),
    ("state-of-the-art", "state-of-the-art"),
    ("I'm sure it’s fine", "I'm sure it's fine"),
    ("snake_case", "snake case"),
    ("café naïve", "café naïve"),
    ("see https://www.example.com/a?b=1.", "see example dot com."),
    ("see example.org/x, please", "see example dot org, please"),
    ("write to ada.l@example.com!", "write to ada dot l at example dot com!"),
]


@pytest.mark.parametrize(("written", "spoken"), NUMBERS + YEARS_DATES_TIMES + MONEY + MEASURES + TELEPHONES + ARITHMETIC + NAMES)
def test_read_aloud(written: str, spoken: str) -> None:
    assert speakable(written, "en") == spoken


@pytest.mark.parametrize(
    ("written", "spoken"),
    [
        ("The word 你好 has 2 characters.", "The word 你好 has two characters."),
        ("We say 我有3只猫 in Chinese.", "We say 我有三只猫 in Chinese."),
        ("3只猫", "三只猫"),
        ("25°C", "twenty-five degrees Celsius"),
    ],
)
def test_each_number_is_in_the_language_around_it(written: str, spoken: str) -> None:
    assert speakable(written, "en") == spoken


def test_a_decimal_point_or_an_abbreviation_ends_no_sentence() -> None:
    assert speakable("Pi is 3.14 and e.g. Dr. No likes No. 7, at 5 p.m. sharp").count(".") == 0
