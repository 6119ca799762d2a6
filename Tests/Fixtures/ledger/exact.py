"""Exact amounts for the checker of the ledger: fractions, and pico-units as whole numbers."""
import sys
from fractions import Fraction

PICO = 10**12
HOUR = 3600 * 10**9
DAY = 24 * HOUR


def fail(message):
    sys.exit(f"check_ledger: {message}")


def require(condition, message):
    if not condition:
        fail(message)


def picos(text):
    value = Fraction(text) * PICO
    require(value.denominator == 1, f"{text} is finer than a pico-unit")
    return int(value)


def decimal(value):
    sign, value = ("-", -value) if value < 0 else ("", value)
    whole, rest = divmod(value, PICO)
    digits = f"{rest:012d}".rstrip("0")
    return f"{sign}{whole}.{digits}" if digits else f"{sign}{whole}"


def floor(value):
    return value.numerator // value.denominator
