#!/usr/bin/env python3
"""Turns two JSON catalogues of prices into the tables of the module Pricing, and proves that no fact was lost.

    convert_prices.py

It reads hosted_prices.json and vm_prices.json beside it (facts with their sources on each row) and writes
Sources/Pricing/Book/Tables.

A table is CSV with notes before its header, held in a string literal of a Swift file: so it lies in the read-only data
of the one binary, costs nothing until it is asked for, and compiles in a tenth of a second (48 KB as an array of bytes,
which is what SwiftPM's `.embedInCode` makes of a file, took nine).

Numbers are copied as the text that stands in the source; nothing passes through floating point. After encoding, the
CSV is read back, the JSON rows are rebuilt from it, and any difference fails.

The hosted table has one line per statement (column `line`):
  model   a hosted model with the price in force when it was read (`from`: since when, empty: not known)
  price   the same model's price at another time (`from`); status `announced` where that lies after the reading
  tier    a price above so many prompt tokens, belonging to the price with the same `from`
  hours   a price between two times of day (UTC, end excluded), belonging to the price with the same `from`
  stated  what one of the two catalogues says where they disagree (`source`: which)
A tier or hours line without prices says that such a condition is known of the model, but no source states the price
that it had then.
"""
import csv
import io
import json
import pathlib

HOSTED_COLUMNS = (
    "line provider model mode currency from status above_input_tokens utc_start utc_end input_per_mtok "
    "cached_input_per_mtok output_per_mtok batch_input_per_mtok batch_output_per_mtok context_window retires "
    "deprecated single_source as_of source"
).split()
MACHINE_COLUMNS = (
    "provider region type vcpus memory_gib arch cpu_family isa currency on_demand_per_hour one_year_per_hour "
    "spot_per_hour spot_min_per_hour spot_max_per_hour burst_baseline_percent surplus_per_vcpu_hour billed_vcpus "
    "as_of stale allowance note source"
).split()
STATED = {"input": "input_per_mtok", "output": "output_per_mtok", "cached": "cached_input_per_mtok",
          "context": "context_window"}


def text(value):
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return value


def clock(value):
    assert value.endswith(":00+00:00"), value
    return value[:5]


def hosted_lines(row):
    """The CSV lines of one JSON row, as dictionaries."""
    key = {"provider": row["provider"], "model": row["model"]}
    history = row["price_history"]
    in_force = ""
    others = []
    if history:
        read = [h for h in history if h["start_date"] is None or h["start_date"] <= row["as_of"]]
        current = read[-1]
        assert (current["input"], current["output"]) == (row["input_usd_per_mtok"], row["output_usd_per_mtok"]), key
        in_force = text(current["start_date"])
        others = [h for h in history if h is not current]
    yield key | {
        "line": "model", "mode": row["mode"], "currency": "USD", "from": in_force,
        "input_per_mtok": row["input_usd_per_mtok"], "cached_input_per_mtok": text(row["cached_input_usd_per_mtok"]),
        "output_per_mtok": row["output_usd_per_mtok"], "batch_input_per_mtok": text(row["batch_input_usd_per_mtok"]),
        "batch_output_per_mtok": text(row["batch_output_usd_per_mtok"]),
        "context_window": text(row["context_window"]), "retires": text(row["retire_date"]),
        "deprecated": text(row["deprecated_flag_genai"]), "single_source": text(row["single_source"]),
        "as_of": row["as_of"], "source": row["source"],
    }
    for tier in row["tiers"]:
        yield key | {"line": "tier", "from": in_force, "above_input_tokens": tier["above_input_tokens"],
                     "input_per_mtok": tier["input"], "output_per_mtok": tier["output"]}
    for hours in row["time_of_day_prices"]:
        yield key | {"line": "hours", "from": in_force, "utc_start": clock(hours["utc_start"]),
                     "utc_end": clock(hours["utc_end"]), "input_per_mtok": hours["input"],
                     "output_per_mtok": hours["output"]}
    for other in others:
        start = text(other["start_date"])
        yield key | {"line": "price", "from": start, "status": "announced" if start > row["as_of"] else "",
                     "input_per_mtok": other["input"], "output_per_mtok": other["output"]}
        for tier in row["tiers"]:
            yield key | {"line": "tier", "from": start, "above_input_tokens": tier["above_input_tokens"]}
        for hours in row["time_of_day_prices"]:
            yield key | {"line": "hours", "from": start, "utc_start": clock(hours["utc_start"]),
                         "utc_end": clock(hours["utc_end"])}
    for catalogue in ("litellm", "genai_prices"):
        if "disagreement" in row:
            stated = {STATED[what]: values[catalogue] for what, values in row["disagreement"].items()}
            yield key | {"line": "stated", "source": catalogue} | stated


def machine_line(row):
    return {
        "provider": row["provider"], "region": row["region"], "type": row["type"], "vcpus": row["vcpu"],
        "memory_gib": row["memory_gib"], "arch": row["arch"], "cpu_family": row["cpu_family"],
        "isa": " ".join(row["isa"]), "currency": "USD", "on_demand_per_hour": text(row["on_demand_usd_hour"]),
        "one_year_per_hour": text(row["reserved_1y_usd_hour"]), "spot_per_hour": text(row["spot_usd_hour"]),
        "spot_min_per_hour": text(row["spot_min"]), "spot_max_per_hour": text(row["spot_max"]),
        "burst_baseline_percent": text(row["burst_baseline_pct_per_vcpu"]),
        "surplus_per_vcpu_hour": text(row["surplus_usd_per_vcpu_hour"]), "billed_vcpus": text(row["billed_vcpu"]),
        "as_of": "" if row["as_of"] == "undated" else row["as_of"], "stale": text(row["stale"]),
        "allowance": text("free-tier allowance" in row.get("note", "")), "note": row.get("note", ""),
        "source": row["source"],
    }


def notes(meta):
    """The facts about a whole catalogue, as comment lines."""
    for key, value in meta.items():
        if key in ("schema", "rows"):
            continue
        values = value if isinstance(value, list) else (
            [f"{name} = {where}" for name, where in value.items()] if isinstance(value, dict) else [value])
        for one in values:
            yield f"# {key}: {one}"


def encoded(columns, lines, meta):
    out = io.StringIO()
    for note in notes(meta):
        assert "\n" not in note
        out.write(note + "\n")
    writer = csv.DictWriter(out, columns, restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(lines)
    return out.getvalue()


def decoded(data):
    lines = data.split("\n")
    first = next(i for i, line in enumerate(lines) if not line.startswith("#"))
    return list(csv.DictReader(lines[first:]))


def swift(name, title, data):
    assert '"""#' not in data and "\\#" not in data
    indented = "".join("    " + line + "\n" for line in data.splitlines())
    return f'''extension ShippedTables {{
  /// {title}, as CSV. Written by Tests/Fixtures/pricing/convert_prices.py; the columns are explained there and
  /// where the table is read.
  static var {name}: String {{
    #"""
{indented}
    """#
  }}
}}
'''


def none(value):
    return value or None


def rebuilt_hosted(lines):
    rows = []
    for line in lines:
        kind = line["line"]
        if kind == "model":
            row = {
                "provider": line["provider"], "model": line["model"], "mode": line["mode"],
                "input_usd_per_mtok": line["input_per_mtok"], "output_usd_per_mtok": line["output_per_mtok"],
                "cached_input_usd_per_mtok": none(line["cached_input_per_mtok"]),
                "batch_input_usd_per_mtok": none(line["batch_input_per_mtok"]),
                "batch_output_usd_per_mtok": none(line["batch_output_per_mtok"]),
                "context_window": none(line["context_window"]), "tiers": [], "retire_date": none(line["retires"]),
                "price_history": [], "time_of_day_prices": [], "source": line["source"], "as_of": line["as_of"],
                "deprecated_flag_genai": {"": None, "true": True, "false": False}[line["deprecated"]],
                "single_source": line["single_source"] == "true",
            }
            rows.append(row)
            in_force = line["from"]
        if kind in ("model", "price"):
            row["price_history"].append({"start_date": none(line["from"]), "input": line["input_per_mtok"],
                                         "output": line["output_per_mtok"]})
        elif kind == "tier" and line["from"] == in_force:
            row["tiers"].append({"above_input_tokens": line["above_input_tokens"], "input": line["input_per_mtok"],
                                 "output": line["output_per_mtok"]})
        elif kind == "hours" and line["from"] == in_force:
            row["time_of_day_prices"].append({
                "utc_start": line["utc_start"] + ":00+00:00", "utc_end": line["utc_end"] + ":00+00:00",
                "input": line["input_per_mtok"], "output": line["output_per_mtok"]})
        elif kind == "stated":
            for what, column in STATED.items():
                if line[column]:
                    row.setdefault("disagreement", {}).setdefault(what, {})[line["source"]] = line[column]
    for row in rows:
        row["price_history"].sort(key=lambda price: price["start_date"] or "")
    return rows


def rebuilt_machine(line):
    row = {
        "provider": line["provider"], "region": line["region"], "type": line["type"], "vcpu": line["vcpus"],
        "memory_gib": line["memory_gib"], "arch": line["arch"], "cpu_family": line["cpu_family"],
        "isa": line["isa"].split(), "on_demand_usd_hour": none(line["on_demand_per_hour"]),
        "reserved_1y_usd_hour": none(line["one_year_per_hour"]), "spot_usd_hour": none(line["spot_per_hour"]),
        "spot_min": none(line["spot_min_per_hour"]), "spot_max": none(line["spot_max_per_hour"]),
        "burst_baseline_pct_per_vcpu": none(line["burst_baseline_percent"]),
        "surplus_usd_per_vcpu_hour": none(line["surplus_per_vcpu_hour"]), "billed_vcpu": none(line["billed_vcpus"]),
        "source": line["source"], "as_of": line["as_of"] or "undated", "stale": line["stale"] == "true",
    }
    if line["note"]:
        row["note"] = line["note"]
    return row


def main():
    here = pathlib.Path(__file__).resolve().parent
    # Every number stays the text that it is in the file.
    hosted = json.loads((here / "hosted_prices.json").read_text(), parse_float=str, parse_int=str)
    machines = json.loads((here / "vm_prices.json").read_text(), parse_float=str, parse_int=str)
    assert int(hosted["meta"]["rows"]) == len(hosted["prices"])
    assert int(machines["meta"]["rows"]) == len(machines["vms"])

    hosted_csv = encoded(HOSTED_COLUMNS, [line for row in hosted["prices"] for line in hosted_lines(row)],
                         hosted["meta"])
    machine_csv = encoded(MACHINE_COLUMNS, [machine_line(row) for row in machines["vms"]], machines["meta"])

    for before, after in zip(hosted["prices"], rebuilt_hosted(decoded(hosted_csv)), strict=True):
        # A price without history is one version of unknown start, which the JSON leaves out (all rows but one).
        if not before["price_history"]:
            assert len(after["price_history"]) == 1 and after["price_history"][0]["start_date"] is None, after
            after["price_history"] = []
        assert before == after, (before, after)
    for before, line in zip(machines["vms"], decoded(machine_csv), strict=True):
        assert before == rebuilt_machine(line), (before, line)

    out = here.parents[2] / "Sources" / "Pricing" / "Book" / "Tables"
    (out / "HostedPrices.swift").write_text(swift("hosted", "Hosted models", hosted_csv))
    (out / "MachinePrices.swift").write_text(swift("machines", "Machines for rent", machine_csv))
    print(f"{len(hosted['prices'])} hosted models, {len(machines['vms'])} machines: every fact read back")


if __name__ == "__main__":
    main()
