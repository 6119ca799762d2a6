#!/usr/bin/env python3
"""Writes the golden files of PricingTests and ServingTests: what exact fractions say, with no code in common.

    make_golden.py

Quotes and machine costs are computed from the two JSON catalogues beside this script, not from the tables that the
program reads, so that a mistake in the conversion shows as well. One line per case, fields separated by tabs, lists by
commas.
"""
import datetime
import json
import pathlib
import random
from fractions import Fraction

PICO = 10**12
HOUR = 3600 * 10**9
MAX = 2**63 - 1
here = pathlib.Path(__file__).parent
random.seed(20261123)


def floor(value):
    return value.numerator // value.denominator


def rounded(value, how):
    low = floor(value)
    rest = value - low
    if how == "down":
        return low
    if how == "up":
        return low + (rest > 0)
    if rest == Fraction(1, 2):
        return low + low % 2
    return low + (rest > Fraction(1, 2))


def plain(picos):
    """Decimal text of a whole number of pico-units."""
    sign, digits = ("-" if picos < 0 else ""), str(abs(picos)).rjust(13, "0")
    return sign + (digits[:-12] + "." + digits[-12:]).rstrip("0").rstrip(".")


def shown(picos, significant):
    """For people: so many significant digits, at least two decimals, a half away from zero."""
    size = abs(picos)
    kept = min(12, max(2, significant - (len(str(size)) if size else 0) + 12))
    step = 10 ** (12 - kept)
    text = plain((size + step // 2) // step * step)
    whole, _, fraction = text.partition(".")
    return ("-" if picos < 0 else "") + "$" + whole + "." + fraction.ljust(2, "0")


def random_decimal():
    digits = random.randint(1, 7)
    text = str(random.randint(0, 10**digits))
    if random.random() < 0.7:
        text += "." + "".join(random.choice("0123456789") for _ in range(random.randint(1, 6)))
    if random.random() < 0.3:
        text += random.choice("eE") + random.choice(["", "+", "-", "-"]) + str(random.randint(0, 8))
    return text


def fits(value):
    return str(value) if -MAX - 1 <= value <= MAX else "overflow"


def arithmetic():
    for _ in range(300):
        text = random_decimal()
        picos = Fraction(text) * PICO
        yield ["amount", text, fits(picos.numerator) if picos.denominator == 1 else "precise"]
    for _ in range(400):
        price = Fraction(random.randint(0, 10 ** random.randint(1, 9)), 10 ** random.randint(3, 12))
        per = random.choice([1, 7, 1000, 10**6, HOUR])
        units = random.randint(0, 10 ** random.randint(1, 18))
        exact = price * PICO / per * units
        decimal = plain(floor(price * PICO))
        assert Fraction(decimal) == price
        yield ["cost", decimal, per, units] + [fits(rounded(exact, how)) for how in ("down", "up", "even")]
    for _ in range(200):
        lines = [(random.randint(0, 10 ** random.randint(1, 9)), random.choice([1, 3, 1000, 10**6, HOUR]),
                  random.randint(0, 10 ** random.randint(1, 9))) for _ in range(random.randint(1, 4))]
        exact = sum(Fraction(picos, per) * units for picos, per, units in lines)
        yield ["total", ",".join(plain(picos) for picos, _, _ in lines), ",".join(str(per) for _, per, _ in lines),
               ",".join(str(units) for _, _, units in lines), fits(floor(exact))]
    for _ in range(200):
        picos, count = random.randint(-MAX - 1, MAX) // 10 ** random.randint(0, 18), random.randint(1, 10**6)
        yield ["million", picos, count, fits(floor(Fraction(picos * 10**6, count)))]
    for _ in range(400):
        picos = random.randint(-MAX - 1, MAX) // 10 ** random.randint(0, 18)
        significant = random.randint(1, 6)
        yield ["shown", picos, significant, plain(picos), shown(picos, significant)]
    for _ in range(200):
        weights = [random.randint(0, 10 ** random.randint(0, 12)) for _ in range(random.randint(1, 9))]
        weights[random.randrange(len(weights))] += 1
        amount = random.randint(0, 10 ** random.randint(0, 18))
        exact = [Fraction(amount * weight, sum(weights)) for weight in weights]
        shares = [floor(share) for share in exact]
        order = sorted(range(len(weights)), key=lambda i: (-(exact[i] - shares[i]), i))
        for i in order[:amount - sum(shares)]:
            shares[i] += 1
        assert sum(shares) == amount
        yield ["shares", amount, ",".join(map(str, weights)), ",".join(map(str, shares))]


def moments():
    for text in ("2026-11-24T05:00", "2026-11-24T02:00", "2026-11-24T09:59", "2026-11-24T10:00", "2026-08-01T07:30",
                 "2026-08-20T00:59", "2026-09-01T01:00", "2027-02-01T12:00", "2026-07-23T16:29", "2026-10-25T23:59",
                 "2027-06-15T03:59"):
        yield datetime.datetime.fromisoformat(text + ":00+00:00")


def quote(row, moment, prompt, cached, completion, batch):
    """Total in pico-units, or None, and the marks, as the rules in words have them."""
    day = moment.date().isoformat()
    marks = []
    if row["retire_date"]:
        marks.append("retired" if row["retire_date"] <= day else "retires")
    if row["deprecated_flag_genai"]:
        marks.append("deprecated")
    if (moment.date() - datetime.date.fromisoformat(row["as_of"])).days > 180:
        marks.append("stale")
    if {"input", "output", "cached"} & row.get("disagreement", {}).keys():
        marks.append("disputed")
    history = row["price_history"] or [{"start_date": None, "input": row["input_usd_per_mtok"],
                                        "output": row["output_usd_per_mtok"]}]
    read = [h for h in history if (h["start_date"] or "") <= row["as_of"]][-1]
    in_force = [h for h in history if (h["start_date"] or "") <= day]
    if not in_force:
        return None, marks
    price = in_force[-1]
    if price["start_date"] is None and day < row["as_of"]:
        marks.append("unproven")
    if (price["start_date"] or "") > row["as_of"]:
        marks.append("announced")
    full = price is read
    rates = {"input": price["input"], "output": price["output"],
             "cached": row["cached_input_usd_per_mtok"] if full else None}
    batches = {"input": row["batch_input_usd_per_mtok"] if full else None,
               "output": row["batch_output_usd_per_mtok"] if full else None, "cached": None}
    special = False
    for tier in row["tiers"]:
        if prompt > int(tier["above_input_tokens"]):
            marks.append("tier")
            special = True
            rates = {"input": tier["input"] if full else None, "output": tier["output"] if full else None,
                     "cached": None}
    clock = moment.strftime("%H:%M:%S")
    for hours in row["time_of_day_prices"]:
        if hours["utc_start"][:8] <= clock < hours["utc_end"][:8]:
            marks.append("hours")
            assert not special
            special = True
            rates = {"input": hours["input"] if full else None, "output": hours["output"] if full else None,
                     "cached": None}
    if batch:
        rates = {"input": None, "output": None, "cached": None} if special else batches
    if row["mode"] == "embedding" and completion:
        return None, marks
    total = Fraction(0)
    for count, rate in ((prompt - cached, rates["input"]), (cached, rates["cached"]), (completion, rates["output"])):
        if count:
            if rate is None:
                return None, marks
            total += Fraction(rate) * PICO / 10**6 * count
    return floor(total), marks


def quotes(rows):
    requests = [(1000, 0, 1000, False), (38, 0, 128, False), (100000, 0, 7, False), (100001, 0, 7, False),
                (200001, 0, 1, False), (272000, 0, 3, False), (272001, 0, 3, False), (50, 20, 10, False),
                (300000, 299999, 1, False), (77, 0, 33, True), (77, 5, 33, True), (300000, 0, 5, True),
                (9, 0, 0, False)]
    for row in rows:
        cases = [(moment, request) for moment in moments() for request in requests]
        plain_row = not (row["tiers"] or row["price_history"] or row["time_of_day_prices"])
        for moment, request in random.sample(cases, 6 if plain_row else 40):
            total, marks = quote(row, moment, *request)
            yield [row["provider"] + ":" + row["model"], int(moment.timestamp()) * 10**9, *request[:3],
                   int(request[3]), "unknown" if total is None else total, ",".join(sorted(marks))]


def machines(rows):
    for row in rows:
        name = f"{row['provider']}:{row['type']}@{row['region']}"
        for kind, column in (("on demand", "on_demand_usd_hour"), ("one-year commitment", "reserved_1y_usd_hour"),
                             ("spot", "spot_usd_hour")):
            if row[column] is None:
                yield [name, kind] + ["unknown"] * 12
                continue
            hourly = Fraction(row[column])
            vcpus = Fraction(row["billed_vcpu"] or row["vcpu"])
            saturated = "none"
            if row["burst_baseline_pct_per_vcpu"]:
                beyond = Fraction(100 - int(row["burst_baseline_pct_per_vcpu"]), 100)
                saturated = plain(floor(
                    (hourly + int(row["vcpu"]) * beyond * Fraction(row["surplus_usd_per_vcpu_hour"])) * PICO))
            cpu, load, total = (random.randint(0, 10 ** random.randint(3, 13)) for _ in range(3))
            run = load + total + random.randint(0, 10**10)
            per_nano = hourly * PICO / HOUR
            ends = [floor(per_nano * end) for end in (load, load + total, run)]
            yield [name, kind, plain(floor(hourly * PICO)), saturated, cpu, load, total, run,
                   floor(per_nano / vcpus * cpu), ends[2], ends[0], ends[1] - ends[0], ends[2] - ends[1],
                   row["vcpu"]]


def write(name, lines):
    text = "".join("\t".join(str(field) for field in line) + "\n" for line in lines)
    (here / name).write_text(text)
    print(name, text.count("\n"), "cases", len(text), "bytes")


def main():
    hosted, vms = (json.loads((here / name).read_text(), parse_float=str, parse_int=str)
                   for name in ("hosted_prices.json", "vm_prices.json"))
    write("arithmetic.tsv", arithmetic())
    write("quotes.tsv", quotes(hosted["prices"]))
    write("machines.tsv", machines(vms["vms"]))


if __name__ == "__main__":
    main()
