# Throws darts at a square, and counts those that hit the circle in it; prints one JSON object: the result of the row.
BEGIN {
    srand(seed)
    for (thrown = 0; thrown < darts; thrown++) {
        x = rand(); y = rand()
        if (x * x + y * y < 1) hits++
    }
    printf "{\"pi\": %.6f, \"hits\": %d}\n", 4 * hits / darts, hits
}
