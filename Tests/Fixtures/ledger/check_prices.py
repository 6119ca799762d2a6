"""Price rows, for check_ledger.py: what requests were priced with, and what hosted models would have charged."""
import hashlib
import json
from datetime import datetime, timedelta
from fractions import Fraction

from exact import HOUR, PICO, decimal, floor, require


class Prices:
    """Versions of the rows that requests are priced with, and what hosted models charge by them."""

    def __init__(self):
        self.versions = {}

    def add(self, event):
        text = json.dumps(event["rows"], sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
        require(hashlib.sha256(text).hexdigest() == event["version"], "the hash of price rows")
        require(self.versions.get(event["version"], event["rows"]) == event["rows"], "two contents of one version")
        self.versions[event["version"]] = event["rows"]

    def check(self, opened):
        """A request's price follows from the rows that it names."""
        if "prices" not in opened:
            return
        rows = self.versions.get(opened["prices"])
        require(rows is not None, "a request names price rows that are nowhere")
        charged, price = rows["charged"], opened["price"]
        # Where an hour divided by virtual CPUs is no exact rate, a request has no price.
        if price is None:
            return
        require(charged is not None, "a price that no row gives")
        hourly = Fraction(charged["picos"], charged["per"]) * HOUR
        require(charged["currency"] == price["currency"], "the currency of a price")
        require(Fraction(price["picos"], price["per"]) * HOUR == hourly / Fraction(charged["vcpus"]), "a request's price")
        machine = rows["machine"]
        column = {"on demand": "on_demand_per_hour", "spot": "spot_per_hour"}.get(charged["kind"])
        if machine is None:
            return
        if column:
            require(Fraction(machine[column]) * PICO == hourly, "an hourly price that is not the row's")
        vcpus = Fraction(machine.get("billed_vcpus", machine["vcpus"]))
        if "billed_vcpus" not in machine and machine.get("burst_mode") == "throttled":
            vcpus = vcpus * int(machine["burst_baseline_percent"]) / 100
        require(Fraction(charged["vcpus"]) == vcpus, "virtual CPUs that are not the row's")

    @staticmethod
    def in_force(lines, day):
        """The `model` or `price` line that holds on a day: the last that has begun, has not ended, is not cancelled."""
        holding = [line for line in lines if line["line"] in ("model", "price") and line.get("status") != "cancelled"
                   and line.get("from", "") <= day < line.get("until", "9999-12-31")]
        return max(holding, key=lambda line: line.get("from", ""), default=None)

    @classmethod
    def quote(cls, lines, opened, closed):
        """Pico-units of one request, None where a price that it needs is not stated. A tier is a cliff."""
        minute = opened["at"] // (60 * 10**9)
        day = (datetime(1970, 1, 1) + timedelta(minutes=minute)).date().isoformat()
        applied = cls.in_force(lines, day)
        if applied is None:
            return None
        of_price = [line for line in lines if line.get("from", "") == applied.get("from", "")]
        tiers = [line for line in of_price
                 if line["line"] == "tier" and closed["prompt"] > int(line["above_input_tokens"])]
        hours = [line for line in of_price if line["line"] == "hours" and cls.holds(line, minute % 1440)]
        if tiers and hours:
            applied = {}
        elif tiers:
            applied = max(tiers, key=lambda line: int(line["above_input_tokens"]))
        elif hours:
            applied = hours[0]
        total = Fraction(0)
        parts = [("input_per_mtok", closed["prompt"] - closed["cached"]),
                 ("cached_input_per_mtok", closed["cached"]), ("output_per_mtok", closed["completion"])]
        for column, tokens in parts:
            if tokens == 0:
                continue
            if column not in applied:
                return None
            total += Fraction(applied[column]) * PICO * tokens / 1_000_000
        return floor(total)

    @staticmethod
    def holds(line, minute):
        start, end = (int(line[name][:2]) * 60 + int(line[name][3:]) for name in ("utc_start", "utc_end"))
        return start <= minute < end if start <= end else minute >= start or minute < end

    def hosted(self, requests):
        """What each model of each version would have charged for all requests of a line of `days`."""
        result = {}
        for version, rows in self.versions.items():
            models = {}
            for line in rows["hosted"]:
                models.setdefault(f"{line['provider']}:{line['model']}", []).append(line)
            table = result[version] = {}
            for key, opened, closed in requests:
                amounts = table.setdefault(key, {})
                for name, lines in models.items():
                    known, quote = amounts.get(name, 0), self.quote(lines, opened, closed)
                    amounts[name] = None if known is None or quote is None else known + quote
        return {
            version: {key: {name: None if amount is None else decimal(amount) for name, amount in amounts.items()}
                      for key, amounts in table.items()}
            for version, table in result.items()}
