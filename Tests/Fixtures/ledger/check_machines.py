"""Machines, for check_ledger.py: their time, their money, their burst credits."""
from fractions import Fraction

from exact import HOUR, PICO, decimal, floor, picos, require

PARTS = ["requests", "overhead", "other", "wasted", "idle", "stolen", "unobserved"]


class Machines:
    """Where machines' time and money went."""

    def __init__(self):
        self.machines = {}
        self.intervals = []
        self.lines = []

    def interval(self, event):
        parts = [event[name] for name in PARTS if name != "unobserved"]
        require(min(parts) >= 0, "negative time")
        require(sum(parts) == event["vcpus"] * (event["stop"] - event["start"]), "an interval that does not add up")
        require(event["start"] // HOUR == (event["stop"] - 1) // HOUR, "an interval over the end of an hour")
        require(all(int(nanos) > 0 for _, nanos in event["shares"]), "a share of nothing")
        self.intervals.append(event)

    @staticmethod
    def clipped(line, start, stop):
        """The part of an invoice line in a span: a difference of floored running sums."""
        rate = Fraction(picos(line["amount"]), line["stop"] - line["start"])
        begin, end = (min(max(moment, line["start"]), line["stop"]) - line["start"] for moment in (start, stop))
        return floor(rate * end) - floor(rate * begin)

    def hour(self, machine, start):
        """What one hour cost and where it went."""
        stop = start + HOUR
        retired = machine["retired_at"]
        paid = start >= machine["provisioned_at"] and (retired is None or stop <= retired)
        rate = Fraction(machine["picos"], machine["per"])
        due = [floor(max(0, moment - machine["provisioned_at"]) * rate) for moment in (start, stop)]
        expected = due[1] - due[0] if paid else 0
        billed = [line for line in self.lines if line["machine"] == machine["machine"]
                  and line["currency"] == machine["currency"] and line["stop"] > start and line["start"] < stop]
        actual = sum(self.clipped(line, start, stop) for line in billed) if billed else None
        time = dict.fromkeys(PARTS, 0)
        used = {}
        for event in self.intervals:
            if event["machine"] == machine["machine"] and start <= event["start"] < stop:
                for part in PARTS[:-1]:
                    time[part] += event[part]
                for request, nanos in event["shares"]:
                    used[request] = used.get(request, 0) + int(nanos)
        time["unobserved"] = max(0, (HOUR * machine["vcpus"] if paid else 0) - sum(time.values()))
        basis = expected if actual is None else actual
        amounts = dict(zip(PARTS, self.signed(basis, list(time.values()))))
        require(sum(amounts.values()) == basis, "the law of the invoice")
        return expected, actual, basis, time, amounts, used

    @classmethod
    def signed(cls, amount, weights):
        parts = cls.divide(abs(amount), weights)
        return [part if amount >= 0 else -part for part in parts]

    def allocate(self, name, start, stop):
        machine = self.machines[name]
        hours = [self.hour(machine, moment) for moment in range(start, stop, HOUR)]
        actual = [hour[1] for hour in hours if hour[1] is not None]
        return {
            "expected": decimal(sum(hour[0] for hour in hours)), "actual": decimal(sum(actual)) if actual else None,
            "time": {part: sum(hour[3][part] for hour in hours) for part in PARTS},
            "amounts": {part: decimal(sum(hour[4][part] for hour in hours)) for part in PARTS},
        }

    def loaded(self, name, start, stop, order):
        """Fully loaded costs: the serving part of each hour by the CPU time that each request used in it."""
        costs = {}
        for moment in range(start, stop, HOUR):
            _, _, basis, _, amounts, used = self.hour(self.machines[name], moment)
            serving = basis - amounts["other"] - amounts["unobserved"]
            requests = sorted(used, key=lambda request: order[request])
            for request, part in zip(requests, self.signed(serving, [used[request] for request in requests])):
                costs[request] = costs.get(request, 0) + part
        return costs

    @staticmethod
    def divide(amount, weights):
        """Largest remainders; of equal ones the first."""
        total = sum(weights)
        if total == 0:
            return [0] * (len(weights) - 1) + [amount]
        exact = [Fraction(amount * weight, total) for weight in weights]
        shares = [floor(value) for value in exact]
        order = sorted(range(len(weights)), key=lambda index: (-(exact[index] - shares[index]), index))
        for index in order[: amount - sum(shares)]:
            shares[index] += 1
        return shares

    def credits(self, name, row, start, stop):
        """Burst credits from a machine's first moment, in whole vCPU-nanoseconds; a time that nobody saw is idle."""
        machine = self.machines[name]
        vcpus, hundredths, saves = int(row["vcpus"]), None, 24
        if "burst_baseline_percent" in row:
            hundredths = vcpus * int(row["burst_baseline_percent"])
            saves, allowance = int(row.get("balance_hours", 24)), int(row.get("allowance_hours", 24))
            balance = int(row.get("launch_minutes", 0)) * 60 * 10**9
        elif Fraction(row.get("billed_vcpus", vcpus)) < vcpus:
            hundredths, saves, allowance, balance = int(Fraction(row["billed_vcpus"]) * 100), 0, 0, 0
        if hundredths is None:
            return None
        surplus = Fraction(row["surplus_per_vcpu_hour"]) * PICO / HOUR if "surplus_per_vcpu_hour" in row else None
        cap, allowed = (hundredths * HOUR // 100 * hours for hours in (saves, allowance))
        born = machine["provisioned_at"]
        state = {"now": born, "earned": 0, "balance": balance, "debt": 0, "charged": 0, "unseen": 0}
        result = {"surplus": 0, "nanos": 0}

        def charge(nanos, at):
            before, state["charged"] = state["charged"], state["charged"] + nanos
            if at > start:
                result["surplus"] += floor(surplus * state["charged"]) - floor(surplus * before)
                result["nanos"] += nanos

        def run(until, used):
            # What has been earned in all, floored once.
            earned = (until - born) * hundredths // 100
            gain, state["earned"] = earned - state["earned"], earned
            used = min(used, vcpus * (until - state["now"]))
            state["now"] = until
            if used <= gain:
                repaid = min(state["debt"], gain - used)
                state["debt"] -= repaid
                state["balance"] += min(max(0, cap - state["balance"]), gain - used - repaid)
                return
            paid = min(state["balance"], used - gain)
            state["balance"] -= paid
            if surplus is not None:
                state["debt"] += used - gain - paid
                due = max(0, state["debt"] - allowed)
                state["debt"] -= due
                charge(due, until)

        def idle(until):
            if until > state["now"]:
                state["unseen"] += until - state["now"]
                run(until, 0)

        end = min(stop, machine["retired_at"] or stop)
        seen = [event for event in self.intervals if event["machine"] == name and born <= event["start"] < end]
        for event in sorted(seen, key=lambda event: (event["start"], event["stop"])):
            if event["start"] >= state["now"]:
                idle(event["start"])
                run(event["stop"], event["requests"] + event["overhead"] + event["other"])
        idle(end)
        if machine["retired_at"] and machine["retired_at"] <= stop:
            if surplus is not None:
                charge(state["debt"], end)
                state["debt"] = 0
            state["balance"] = 0
        return {"surplus": decimal(result["surplus"]), "nanos": result["nanos"], "balance": state["balance"],
                "debt": state["debt"], "unobserved": state["unseen"]}
