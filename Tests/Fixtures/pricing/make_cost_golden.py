#!/usr/bin/env python3
"""Writes bursts.tsv, bills.tsv and costs.tsv for PricingTests: what exact fractions say, with no code in common.

    make_cost_golden.py

The credits of burstable machines are followed second by second; bills are summed run by run; for a scenario of `cost`
every number of machines is tried. One line per case, fields separated by tabs, lists by commas, fractions as n/d.
"""
import pathlib
import random
from decimal import Decimal, getcontext
from fractions import Fraction

PICO = 10**12
SECOND = 10**9
here = pathlib.Path(__file__).parent
random.seed(20261125)
getcontext().prec = 60


def floor(value):
    return value.numerator // value.denominator


def bursts():
    """Each second: earn, use, pay. The balance and the debt are exact fractions of vCPU-seconds."""
    for _ in range(120):
        vcpus = random.choice([1, 2, 4, 8])
        percent = random.choice([5, 10, 20, 30, 40, 60])
        unlimited = random.random() < 0.7
        surplus = Fraction(random.choice(["0.05", "0.04", "0.0083764275"])) if unlimited else None
        hours, allowance = random.choice([0, 1, 2, 24]), random.choice([0, 1, 24])
        launch = random.choice([0, 0, 30, 60])
        cap = Fraction(vcpus * percent, 100) * 3600 * hours
        most_debt = Fraction(vcpus * percent, 100) * 3600 * allowance
        balance, debt, charged, unmet = Fraction(launch * 60), Fraction(0), Fraction(0), Fraction(0)
        stretches = []
        for _ in range(random.randint(1, 6)):
            seconds = random.randint(1, 2000)
            busy = random.choice([0, vcpus * 100, random.randint(0, vcpus * 100)])  # hundredths of a vCPU
            stretches.append((seconds, busy))
            for _ in range(seconds):
                net = Fraction(vcpus * percent, 100) - Fraction(busy, 100)
                if net >= 0:
                    repaid = min(debt, net)
                    debt -= repaid
                    balance += min(net - repaid, max(Fraction(0), cap - balance))
                else:
                    need = -net
                    paid = min(balance, need)
                    balance -= paid
                    need -= paid
                    if unlimited:
                        debt += need
                        due = max(Fraction(0), debt - most_debt)
                        debt -= due
                        charged += due
                    else:
                        unmet += need
        at_stop = charged + debt if unlimited else charged
        money = (lambda c: floor(c * surplus * PICO / 3600)) if unlimited else (lambda c: 0)
        yield [vcpus, percent, surplus and "0.05 0.04 0.0083764275".split()[
                   [Fraction("0.05"), Fraction("0.04"), Fraction("0.0083764275")].index(surplus)] or "none",
               hours, launch, allowance, ",".join(f"{s}:{b}" for s, b in stretches),
               floor(balance * SECOND), floor(debt * SECOND), money(charged), floor(unmet * SECOND), money(at_stop)]


def bills():
    for _ in range(200):
        hourly = random.choice(["0.0168", "0.0083764275", "0.5", "0.01"])
        quantum = random.choice(["second", "hour"])
        minimum = random.choice([0, 60, 3600])
        cap = random.choice(["", "", "1.5", "3.99"])
        stopped_too = random.random() < 0.3
        runs = [random.randint(0, 10 ** random.randint(3, 15)) for _ in range(random.randint(0, 5))]
        stopped = random.randint(0, 10**15)
        stretches = ([sum(runs) + stopped] if sum(runs) + stopped else []) if stopped_too else runs
        unit = 3600 * SECOND if quantum == "hour" else SECOND
        billed = sum(-(-max(run, minimum * SECOND) // unit) * unit for run in stretches)
        cost = floor(Fraction(hourly) * PICO * billed / (3600 * SECOND))
        if cap:
            cost = min(cost, floor(Fraction(cap) * PICO))
        yield [hourly, quantum, minimum, cap, int(stopped_too), ",".join(map(str, runs)), stopped, cost]


def distribution(percentiles):
    if percentiles[0][1] == percentiles[-1][1]:
        return [percentiles[0][1]]
    sizes = []
    for share in range(100):
        at = share + Fraction(1, 2)
        upper = next((i for i, (p, _) in enumerate(percentiles) if at <= p), None)
        if upper is None:
            sizes.append(percentiles[-1][1])
        elif upper == 0:
            sizes.append(percentiles[0][1])
        else:
            (p0, s0), (p1, s1) = percentiles[upper - 1], percentiles[upper]
            sizes.append(floor(s0 + (at - p0) / (p1 - p0) * (s1 - s0)))
    return sizes


def random_sizes(largest):
    if random.random() < 0.3:
        return [(50, random.randint(1, largest))]
    percents = sorted(random.sample([10, 25, 50, 75, 90, 95, 99], 3))
    return list(zip(percents, sorted(random.randint(1, largest) for _ in range(3))))


def size_text(percentiles):
    if len(percentiles) == 1:
        return str(percentiles[0][1])
    return ",".join(f"p{p}={s}" for p, s in percentiles)


def waiting(slots, busy):
    """Erlang C by its sum, in decimal."""
    a = busy * slots
    terms, term = Decimal(1), Decimal(1)
    for k in range(1, slots):
        term = term * a / k
        terms += term
    last = term * a / slots if slots > 0 else Decimal(1)
    tail = last / (1 - busy)
    return tail / (terms + tail)


def allowed(slots, service, patience):
    """The largest share in parts per million at which at most 1 % wait longer than `patience` seconds."""
    if patience is None:
        return 950000
    if patience < 0:
        return 0
    low, high = 0, 950001
    while high - low > 1:
        middle = (low + high) // 2
        u = Decimal(middle) / 1000000
        x = (1 - u) * (Decimal(patience.numerator) / Decimal(patience.denominator)) / (
            Decimal(service.numerator) / Decimal(service.denominator))
        if waiting(slots, u) * (-x).exp() <= Decimal("0.01"):
            low = middle
        else:
            high = middle
    return low


def mean(sizes):
    return Fraction(sum(sizes), len(sizes))


def costs():
    month = Fraction(365, 12)
    for _ in range(150):
        requests = random.choice([10, 200, 1000, 5000, 20000, random.randint(1, 40000)])
        prompts, answers = random_sizes(3000), random_sizes(400)
        p, c = distribution(prompts), distribution(answers)
        cached = random.choice([0, 0, 25])
        peak = random.choice([5, 10, 25])
        prefill, decode = random.randint(50_000, 900_000), random.randint(5_000, 300_000)
        batch = random.choice([1, 1, 4, 8])
        ttft, tpot = random.choice([(2000, 100), (500, 30), (30000, 400), (None, None)])
        hourly = random.choice(["0.0168", "0.0725", "0.25", "0.0083764275"])
        vcpus, percent, surplus = random.choice([(2, None, None), (2, 20, "0.04"), (4, 40, "0.05")])
        labour = random.choice(["0", "0", "15"])
        limit = random.choice([None, None, 1, 3])
        low, high = random.choice([("0.02", "0.02"), ("0.1", "0.5"), ("2.5", "10")])
        tier = random.choice([None, None, 1000])
        # The vendor.
        per_request = Fraction(0)
        for size in p:
            factor = 2 if tier and size > tier else 1
            cost = size * Fraction(100 - cached, 100) * Fraction(low) * factor
            cost += size * Fraction(cached, 100) * Fraction(low) / 2 * factor
            cost += mean(c) * Fraction(high) * factor
            per_request += cost * PICO / 10**6 / len(p)
        api = per_request * month
        # The machine.
        read = mean(p) * Fraction(100 - cached, 100) / Fraction(prefill, 1000)
        service = read + mean(c) / Fraction(decode, 1000)
        longest = sorted(p)[min(len(p) - 1, -(-len(p) * 99 // 100) - 1)]
        patience = None if ttft is None else Fraction(ttft, 1000) - Fraction(longest) * Fraction(100 - cached, 100) / Fraction(prefill, 1000)
        share = allowed(batch, service, patience)
        if tpot is not None and Fraction(batch * 1000, decode) > Fraction(tpot, 1000):
            share = 0
        fixed = Fraction(floor(Fraction(hourly) * PICO * 730))
        once = Fraction(labour) * PICO
        capacity = Fraction(share * 3600, 10**6) / (service * Fraction(peak, 100))
        free = Fraction(86400 * percent, 100) / service if percent else None

        def cost(machines, load):
            total = machines * fixed + (once if machines else 0)
            if percent and load > free * machines:
                busy = (load - free * machines) * service * vcpus * month  # vCPU-seconds beyond
                total += busy * Fraction(surplus) * PICO / 3600
            return total

        best = ("API", 0, Fraction(0), api * requests)
        if capacity == 0:
            best = ("infeasible", 0, Fraction(0), api * requests)
        else:
            most = max(floor(requests / capacity), floor(requests / free) if free else 0) + 2
            for machines in range(1, min(most, limit or most) + 1):
                for bend in [capacity * machines] + ([free * machines] if free else []):
                    load = min(bend, capacity * machines, Fraction(requests))
                    total = cost(machines, load) + api * (requests - load)
                    if total < best[3]:
                        best = ("self-host" if load == requests else "hybrid", machines, load, total)
        # Where one machine costs what the vendor charges.
        even = "none"
        if api > 0:
            volume = (fixed + once) / api
            if free is not None and volume > free:
                slope = service * vcpus * month * Fraction(surplus) * PICO / 3600
                volume = (fixed + once - slope * free) / (api - slope) if api > slope else None
            even = "none" if volume is None else f"{volume.numerator}/{volume.denominator}"
        text = [requests, size_text(prompts), size_text(answers), cached, peak, prefill, decode, batch, ttft or 0,
                tpot or 0, hourly, vcpus, percent or 0, surplus or 0, labour, limit or 0, low, high, tier or 0]
        yield text + [f"{per_request.numerator}/{per_request.denominator}", share, best[0],
                      f"{best[3].numerator}/{best[3].denominator}", even]


def write(name, lines):
    text = "".join("\t".join(str(field) for field in line) + "\n" for line in lines)
    (here / name).write_text(text)
    print(name, text.count("\n"), "cases", len(text), "bytes")


if __name__ == "__main__":
    write("bursts.tsv", bursts())
    write("bills.tsv", bills())
    write("costs.tsv", costs())
