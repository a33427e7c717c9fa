"""The oracle of OracleTests.swift: Python's own json module, held to our strictness.

Reads lines of hexadecimal, one JSON text each; writes for each `refused: reason` or the value in canonical form, in
hexadecimal. The canonical form is written anew here, so the two programs check each other.
"""
import json
import sys


class Refused(Exception):
    pass


class Number(str):
    pass


def members(pairs):
    keys = [key for key, _ in pairs]
    if len(set(keys)) != len(keys):
        raise Refused("duplicate key")
    return dict(pairs)


def constant(name):
    raise Refused("no JSON: " + name)


def number(text):
    mantissa, _, exponent = text.lower().partition("e")
    sign = "-" if mantissa.startswith("-") else ""
    whole, _, fraction = mantissa.lstrip("-").partition(".")
    digits = (whole + fraction).lstrip("0")
    if len(exponent.lstrip("+-0")) > 17 and digits.strip("0"):
        return text  # beyond what can be compared: kept as written
    power = int(exponent or "0") - len(fraction) + len(digits)
    digits = digits.rstrip("0")
    if not digits:
        return "0"
    power -= len(digits)
    return sign + digits + ("0" * power if 0 <= power <= 20 else "e%d" % power)


def canonical(value, depth=0):
    if isinstance(value, Number):
        return number(value)
    if isinstance(value, str):
        value.encode("utf-8")  # a lone surrogate is an error
        short = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t"}
        return '"' + "".join(short.get(c, "\\u%04x" % ord(c) if c < " " else c) for c in value) + '"'
    if isinstance(value, (list, dict)) and depth == 64:
        raise Refused("too deep")
    if isinstance(value, list):
        return "[" + ",".join(canonical(v, depth + 1) for v in value) + "]"
    if isinstance(value, dict):
        items = sorted(value.items(), key=lambda item: item[0].encode("utf-8"))
        return "{" + ",".join(canonical(k) + ":" + canonical(v, depth + 1) for k, v in items) + "}"
    return json.dumps(value)


def answer(text):
    try:
        value = json.loads(
            text.decode("utf-8"), object_pairs_hook=members, parse_constant=constant,
            parse_int=Number, parse_float=Number)
        return canonical(value).encode("utf-8").hex()
    except (Refused, ValueError, RecursionError) as error:
        return "refused: " + type(error).__name__


for line in open(sys.argv[1]):
    print(answer(bytes.fromhex(line)))
