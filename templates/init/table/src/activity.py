"""One waiting line: customers arrive and are served, both at random; how long does each wait?"""

import random


def simulate(row, context):
    """Take one row of rows.csv (a dict); what is returned becomes the columns of the results."""
    customers = context.arguments["customers"]
    chance = random.Random(f"{context.arguments['seed']} {row['id']}")
    waited = waited_in_all = longest = 0.0
    for _ in range(customers):
        served = chance.expovariate(row["services_per_hour"])
        until_next = chance.expovariate(row["arrivals_per_hour"])
        waited_in_all += waited
        longest = max(longest, waited)
        waited = max(0.0, waited + served - until_next)
    return {
        "mean_wait_minutes": round(60 * waited_in_all / customers, 2),
        "longest_wait_minutes": round(60 * longest, 2),
    }
