"""The report of a run: one page with charts, made from its ledger."""
