"""Gradient descent in a curved valley: how near to the bottom does it come?"""


def descend(row, context):
    """Take one combination (a dict); what is returned becomes the columns of the results."""
    x, y = -1.2, 1.0
    step_x = step_y = 0.0
    for _ in range(context.arguments["steps"]):
        slope_x = -2 * (1 - x) - 400 * x * (y - x * x)
        slope_y = 200 * (y - x * x)
        step_x = row["momentum"] * step_x - row["learning_rate"] * slope_x
        step_y = row["momentum"] * step_y - row["learning_rate"] * slope_y
        x, y = x + step_x, y + step_y
        if abs(x) > 100 or abs(y) > 100:
            return {"height": None, "is_lost": True}
    return {"height": (1 - x) ** 2 + 100 * (y - x * x) ** 2, "is_lost": False}
