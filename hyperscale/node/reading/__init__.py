"""The rows of an input, whatever its form: columns, types, and batches of rows in a stream."""
