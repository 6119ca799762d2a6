#!/usr/bin/env python3
"""Recomputes everything that a ledger says from its exported events alone, in exact fractions.

    farthing ledger export | check_ledger.py [--allocate MACHINE FROM TO]... > expected.json

It shares no code with the product. Chains and heads, costs, what budgets were charged, that no cap was ever exceeded, the
periods of caps (with Python's own time zones), alerts, a machine's time and money, the price rows that requests were priced
with, what hosted models would have charged by them, burst credits: a rule that does not hold ends it with a message and
status 1. What it computed goes to standard output, for comparing with what the product computes.
"""
import argparse
import hashlib
import json
import sys
from datetime import datetime, timedelta, timezone
from fractions import Fraction
from zoneinfo import ZoneInfo

# Nothing is left beside the fixtures.
sys.dont_write_bytecode = True

from check_machines import Machines  # noqa: E402
from check_prices import Prices  # noqa: E402
from exact import DAY, decimal, fail, floor, picos, require  # noqa: E402

CLOSING = ("settled", "lost")


class Chains:
    """Hash chains, as the text of the events gives them."""

    def __init__(self, cuts):
        self.state = {}
        self.hashes = {}
        self.tips = {}
        self.cut = {}
        for cut in cuts:
            writer, length, digest = cut.split(":")
            self.cut[writer] = int(length)
            self.state[writer] = (int(length), bytes.fromhex(digest))
            self.hashes[writer, int(length)] = digest

    def add(self, text, event, stated):
        length, last = self.state.get(event["writer"], (0, bytes(32)))
        require(event["n"] == length, f"chain {event['writer']}: event {event['n']} after {length} events")
        digest = hashlib.sha256(last + text).digest()
        require(digest.hex() == stated, f"the hash of event {event['n']} of {event['writer']}")
        canonical = json.dumps(event, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
        require(canonical == text, f"event {event['n']} of {event['writer']} is not canonical")
        self.state[event["writer"]] = (length + 1, digest)
        self.hashes[event["writer"], length + 1] = digest.hex()
        if event["kind"] == "chain":
            require(length == 0, "a chain begins in its middle")
            for head in event["heads"]:
                known = self.hashes.get((head["writer"], head["length"]))
                require(known == head["hash"], f"a chain names a head of {head['writer']} that is not there")
                self.tips[head["writer"]] = max(self.tips.get(head["writer"], 0), head["length"])

    def heads(self):
        return sorted(
            f"{writer}:{length}:{digest.hex()}"
            for writer, (length, digest) in self.state.items()
            if self.tips.get(writer, 0) < length and length > self.cut.get(writer, 0)
        )


class Requests:
    """The life of requests and what they add up to."""

    def __init__(self):
        self.open = {}
        self.days = {}
        self.cpu = {}
        self.order = {}
        self.charged = {}
        self.ended = {}
        self.all = []

    def opened(self, event, identity):
        require(event["request"] not in self.open and event["request"] not in self.cpu, "a request opened twice")
        self.order[event["request"]] = identity
        self.open[event["request"]] = event

    def closed(self, event):
        opened = self.open.pop(event["request"], None)
        require(opened is not None, f"the end of {event['request']}, which is not open")
        require(0 <= event["cached"] <= event["prompt"] and event["completion"] >= 0, "counts of tokens")
        price = event["price"]
        require(price == opened["price"], "a request is charged at another price than it was opened with")
        marginal = None
        if price is not None:
            marginal = floor(Fraction(event["cpu_nanos"] * price["picos"], price["per"]))
        require(event["marginal"] == (None if marginal is None else decimal(marginal)), "a marginal cost")
        charge = None
        if "tariff" in opened:
            tariff = {name: picos(opened["tariff"][name]) for name in ("uncached", "cached", "completion")}
            charge = (event["prompt"] - event["cached"]) * tariff["uncached"] + event["cached"] * tariff["cached"]
            charge += event["completion"] * tariff["completion"]
        require(event.get("charge") == (None if charge is None else decimal(charge)), "a charge")
        require(0 <= event["prompt_cpu_nanos"] <= max(0, event["cpu_nanos"]), "the CPU time of a prompt")
        self.cpu[event["request"]] = event["cpu_nanos"]
        self.charged[opened["writer"]] = self.charged.get(opened["writer"], 0) + event["cpu_nanos"]
        self.add(opened, event, marginal, price)
        return opened

    def process(self, event):
        """A process's CPU time is that of its requests and its overhead, exactly."""
        require(event["cpu_nanos"] == event["requests"] + event["overhead"], "a process whose parts do not add up")
        name = event["process"]
        require(not any(opened["writer"] == name for opened in self.open.values()), "a process with open requests")
        self.ended[name] = self.ended.get(name, 0) + event["requests"]
        require(self.ended[name] == self.charged.get(name, 0), "what a process's requests were charged")

    def add(self, opened, event, marginal, price):
        day = (datetime(1970, 1, 1) + timedelta(days=opened["at"] // DAY)).date().isoformat()
        currency = price["currency"] if price else ""
        key = "|".join([day, opened["model"], opened["quantization"], currency])
        self.all.append((key, opened, event))
        line = self.days.setdefault(key, {
            "requests": 0, "prompt": 0, "cached": 0, "completion": 0, "cpu_nanos": 0, "unpriced": 0, "marginal": 0})
        line["requests"] += 1
        for name in ("prompt", "cached", "completion", "cpu_nanos"):
            line[name] += event[name]
        line["unpriced"] += marginal is None
        line["marginal"] += marginal or 0


class Budgets:
    """Caps, what is held and spent of them, and alerts."""

    def __init__(self):
        self.caps = {}
        self.names = {}
        self.spending = {}
        self.holds = {}
        self.leased = {}
        self.alerts = set()

    def set(self, identity, event):
        if event["name"] in self.names:
            self.caps[self.names[event["name"]]]["amount"] = event["amount"]
        else:
            self.names[event["name"]] = identity
            self.caps[identity] = dict(event)

    def remove(self, event):
        del self.caps[self.names.pop(event["name"])]

    @staticmethod
    def start(cap, at):
        zone = timezone.utc if cap["zone"] == "UTC" else ZoneInfo(cap["zone"])
        local = datetime.fromtimestamp(at // 10**9, timezone.utc).astimezone(zone)
        first = local.replace(hour=0, minute=0, second=0, microsecond=0, fold=0)
        if cap["period"] == "month":
            first = first.replace(day=1)
        return int(first.timestamp()) * 10**9

    def covering(self, opened):
        tags = [tuple(tag) for tag in opened["tags"]]
        for identity, cap in sorted(self.caps.items()):
            scope = cap["scope"]
            if (scope == "all" or scope == "model" and cap["key"] == opened["model"]
                    or scope == "user" and cap["value"] == opened["user"]
                    or scope == "tag" and (cap["key"], cap["value"]) in tags):
                yield identity

    def lease(self, opened, event, prompt):
        """Money is held of every cap that covers the request, in the order of the caps, for the same tokens."""
        tariff = opened["tariff"]
        covering = list(self.covering(opened))
        completion = [hold for hold in event["lease"] if hold["first"] >= 0]
        require([hold["cap"] for hold in completion] == covering, "a lease that is not of every cap, in order")
        require(len({(hold["first"], hold["tokens"]) for hold in completion}) == 1, "a lease of different tokens")
        require(completion[0]["tokens"] <= 64, "a lease of more than 64 tokens")
        held = self.holds.setdefault(opened["request"], [])
        first = completion[0]["first"]
        require(first == self.leased.get(opened["request"], 0), "a gap between leases")
        self.leased[opened["request"]] = first + completion[0]["tokens"]
        for hold in [hold for hold in held if hold["first"] >= 0 and hold["first"] + hold["tokens"] <= first]:
            held.remove(hold)
            self.move(hold, -picos(hold["amount"]), picos(hold["amount"]))
        for hold in event["lease"]:
            price = picos(tariff["completion"]) if hold["first"] >= 0 else max(
                picos(tariff["uncached"]), picos(tariff["cached"]))
            require(hold["first"] >= 0 or prompt == hold["tokens"], "a prompt's hold of another length")
            require(picos(hold["amount"]) == hold["tokens"] * price, "the amount of a hold")
            require(hold["period"] == self.start(self.caps[hold["cap"]], event["at"]), "the period of a hold")
            held.append(hold)
            self.move(hold, picos(hold["amount"]), 0)

    def move(self, hold, held, spent):
        key = (hold["cap"], hold["period"])
        now = self.spending.get(key, (0, 0))
        now = (now[0] + spent, now[1] + held)
        require(now[0] >= 0 and now[1] >= 0, "a cap below zero")
        cap = self.caps.get(hold["cap"])
        if cap is not None and held > 0:
            require(now[0] + now[1] <= picos(cap["amount"]), f"the cap {cap['name']} is overspent")
        self.spending[key] = now

    def release(self, opened, event):
        for hold in self.holds.pop(event["request"], []):
            tariff = {name: picos(opened["tariff"][name]) for name in ("uncached", "cached", "completion")}
            if hold["first"] < 0:
                used = (event["prompt"] - event["cached"]) * tariff["uncached"] + event["cached"] * tariff["cached"]
                used = min(used, picos(hold["amount"]))
            else:
                used = min(hold["tokens"], max(0, event["completion"] - hold["first"])) * tariff["completion"]
            self.move(hold, -picos(hold["amount"]), used)

    def alert(self, event):
        key = (event["cap"], event["period"], event["percent"])
        require(key not in self.alerts, "a threshold announced twice")
        self.alerts.add(key)
        spent = self.spending.get(key[:2], (0, 0))[0]
        reached = spent * 100 >= picos(self.caps[event["cap"]]["amount"]) * event["percent"]
        require(reached or event["percent"] == 100, "a threshold announced too early")

    def table(self):
        names = {identity: name for name, identity in self.names.items()}
        return {
            f"{names[cap]}|{period}": {"spent": decimal(spent), "held": decimal(held)}
            for (cap, period), (spent, held) in sorted(self.spending.items()) if cap in names
        }


def check(lines, allocations):
    last = json.loads(lines[-1])
    chains, requests, budgets, machines = Chains(last["cuts"]), Requests(), Budgets(), Machines()
    prices, priced = Prices(), []
    for line in lines[1:-1]:
        outer = json.loads(line)
        marker = b'"event":'
        text = line[line.index(marker) + len(marker):-1]
        event = json.loads(text)
        chains.add(text, event, outer["hash"])
        kind = event["kind"]
        if kind == "prices":
            prices.add(event)
        elif kind == "opened":
            priced.append(event)
            requests.opened(event, outer["id"])
            require(("tariff" in event) == bool(list(budgets.covering(event))), "a cap that covers a request, or not")
            if "lease" in event:
                budgets.lease(event, event, event["prompt"])
        elif kind == "leased":
            budgets.lease(requests.open[event["request"]], event, None)
        elif kind in CLOSING:
            opened = requests.closed(event)
            budgets.release(opened, event)
        elif kind == "process":
            requests.process(event)
        elif kind == "cap":
            budgets.set(outer["id"], event)
        elif kind == "uncapped":
            budgets.remove(event)
        elif kind == "alert":
            budgets.alert(event)
        elif kind == "machine":
            machines.machines[event["machine"]] = event
        elif kind == "interval":
            machines.interval(event)
        elif kind == "invoice":
            machines.lines.append(event)
    require(last["events"] == len(lines) - 2, "the number of events")
    require(sorted(last["heads"]) == chains.heads(), "the heads")
    # After retention, prices may stand behind the requests that name them.
    for event in priced:
        prices.check(event)
    days = {key: dict(line, marginal=decimal(line["marginal"])) for key, line in sorted(requests.days.items())}
    return {
        "heads": chains.heads(), "open": sorted(requests.open), "days": days, "caps": budgets.table(),
        "hosted": prices.hosted(requests.all),
        "burst": {
            version: {
                f"{name}|{start}|{stop}": machines.credits(name, rows["machine"], int(start), int(stop))
                for name, start, stop in allocations}
            for version, rows in prices.versions.items() if rows["machine"]},
        "allocations": {
            f"{name}|{start}|{stop}": machines.allocate(name, int(start), int(stop)) for name, start, stop in allocations},
        "loaded": {
            f"{name}|{start}|{stop}": decimal(sum(
                machines.loaded(name, int(start), int(stop), requests.order).values()))
            for name, start, stop in allocations[:1]},
        "requests": {
            request: decimal(cost) for name, start, stop in allocations[:1]
            for request, cost in sorted(machines.loaded(name, int(start), int(stop), requests.order).items())},
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--allocate", nargs=3, action="append", default=[], metavar=("MACHINE", "FROM", "TO"),
                        help="allocate a machine's money in a period, given in nanoseconds since 1970")
    arguments = parser.parse_args()
    lines = sys.stdin.buffer.read().split(b"\n")
    require(lines[-1] == b"" and len(lines) > 2, "no export of a ledger")
    json.dump(check(lines[:-1], arguments.allocate), sys.stdout, indent=1, sort_keys=True)
    print()


if __name__ == "__main__":
    main()
