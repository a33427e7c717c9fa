"""The rule set of `measure cedar`, decided by Cedar: prints lines `name number`, or says why it can't.

    python cedar_twin.py tools arguments.json

Run by .venv-cedar's Python. The rules and the arguments come from `measure`, so both decide the same.
"""
import json
import statistics
import sys
import time

import cedarpy

CALLS, ROUNDS = 2000, 7


def policy(tools):
    """One `permit` for each tool; `like` is what Cedar has for the third condition's `starts_with`."""
    return "\n".join(
        f'permit(principal, action == Action::"call", resource == Tool::"tool_{i}") when {{ context.a >= {i % 2} && '
        f'context.b < {1_000_000 + i} && context.note like "the sum*" }};' for i in range(tools))


def best(body):
    """CPU microseconds of one decision: the best of seven rounds."""
    times = []
    for _ in range(ROUNDS):
        began = time.process_time()
        body()
        times.append((time.process_time() - began) / CALLS * 1e6)
    return min(times)


def main():
    tools, path = int(sys.argv[1]), sys.argv[2]
    with open(path) as file:
        context = file.read()
    # A context in a string is what Cedar likes best: a dictionary is first made one by json.dumps.
    requests = [
        {"principal": 'Agent::"gr_0123456789abcdef"', "action": 'Action::"call"', "resource": f'Tool::"tool_{i % tools}"',
         "context": context} for i in range(CALLS)]
    policies, entities = cedarpy.PolicySet.from_str(policy(tools)), cedarpy.Entities.from_json_str("[]")
    answers = cedarpy.is_authorized_batch(requests, policies, entities)
    if not all(answer.allowed for answer in answers):
        sys.exit("Cedar denied a call")
    refused = dict(requests[0], context=json.dumps(dict(json.loads(context), note="another")))
    if cedarpy.is_authorized(refused, policies, entities).allowed:
        sys.exit("Cedar allowed a call that its third condition refuses")

    def one_by_one():
        for request in requests:
            cedarpy.is_authorized(request, policies, entities)

    print("cedar_decision_us", best(one_by_one))
    print("cedar_batch_decision_us", best(lambda: cedarpy.is_authorized_batch(requests, policies, entities)))
    # What Cedar itself says it took, without reading the request and writing the answer: whole microseconds of wall time,
    # so the median, which neighbours on the machine disturb least.
    print("cedar_engine_us", statistics.median(
        answer.metrics["authz_duration_micros"] for answer in
        cedarpy.is_authorized_batch(requests, policies, entities)))


main()
