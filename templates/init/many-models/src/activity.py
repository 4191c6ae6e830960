"""A line through the sales of one store and one brand: what does a higher price cost?"""

from statistics import correlation, linear_regression


def fit(rows, context):
    """Take all records of one group (a list of dicts); what is returned becomes the columns of the results."""
    prices = [row["price"] for row in rows]
    sold = [row["sold"] for row in rows]
    line = linear_regression(prices, sold)
    context.logger.info("%s: %d weeks", context.group, len(rows))
    return {
        "sold_more_for_one_more": round(line.slope, 3),
        "sold_at_zero": round(line.intercept, 3),
        "correlation": round(correlation(prices, sold), 3),
    }
